// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pipe itself: a ring between readers and writers, and who waits for it.
//!
//! Locks: `charge` (sleeping), then `ring` (sleeping: held over copies from and to user memory). Its slots in use and
//! free ones are mirrored in atomics, so that waiting and poll need no lock; wake-ups
//! happen after it is released, and only when the pipe stops being empty or full.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use abi::poll::PollEvents;
use abi::{Errno, Result, err};
use cred::Cred;
use framework::mm::{PAGE_SIZE, Reader, Writer};
use framework::sync::{Mutex, Wait, WaitQueue, Waiter};
use vfs::DeviceId;

use crate::account::Charge;
use crate::ring::{Kind, Ring};

/// The node of a FIFO: its file system and its number there.
pub(crate) type Key = (DeviceId, u64);
/// Takes a node off the list of FIFOs.
type Forget = fn(&Key);

/// A pipe or FIFO in use.
pub(crate) struct Pipe {
    charge: Mutex<Charge>,
    /// The node, if it has one, and who forgets it there when it goes.
    fifo: Option<(Key, Forget)>,
    ring: Mutex<Ring>,
    /// Slots in use, and free ones.
    used: AtomicUsize,
    free: AtomicUsize,
    pub(crate) readers: Ends,
    pub(crate) writers: Ends,
    readable: WaitQueue,
    writable: WaitQueue,
    /// Openers of a FIFO that wait for the other end.
    partners: WaitQueue,
}

/// The open ends of one side.
pub(crate) struct Ends {
    open: AtomicU32,
    /// How many were ever opened: tells a new one from one that came and went.
    ever: AtomicU32,
}

impl Ends {
    const fn new() -> Self {
        Self { open: AtomicU32::new(0), ever: AtomicU32::new(0) }
    }

    #[inline]
    pub(crate) fn none(&self) -> bool {
        self.open.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn ever(&self) -> u32 {
        self.ever.load(Ordering::SeqCst)
    }
}

/// Whether a call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    Yes,
    No,
}

/// How a write is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Bytes,
    Packets,
}

/// Where a write begins: behind what the last slot holds, if that fits, or in a new slot,
/// as after each time that it waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Merges,
    NewSlot,
}

impl Pipe {
    /// The pipe of a FIFO, made by the user of `cred`; `forget` is called when it goes.
    pub(crate) fn of_fifo(key: Key, forget: Forget, cred: &Cred) -> Result<Self> {
        let mut pipe = Self::new(cred)?;
        pipe.fifo = Some((key, forget));
        Ok(pipe)
    }

    /// A pipe of the user of `cred`.
    pub(crate) fn new(cred: &Cred) -> Result<Self> {
        let charge = Charge::new(cred)?;
        let pages = charge.pages();
        Ok(Self {
            charge: Mutex::new(charge),
            fifo: None,
            ring: Mutex::new(Ring::new(pages, vfs::hooks::current_account())?),
            used: AtomicUsize::new(0),
            free: AtomicUsize::new(pages),
            readers: Ends::new(),
            writers: Ends::new(),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            partners: WaitQueue::new(),
        })
    }

    #[inline]
    fn publish(&self, ring: &Ring) {
        self.used.store(ring.used(), Ordering::Release);
        self.free.store(ring.free(), Ordering::Release);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.used.load(Ordering::Acquire) == 0
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.free.load(Ordering::Acquire) == 0
    }

    /// The bytes in it.
    pub(crate) fn len(&self) -> usize {
        self.ring.lock().len()
    }

    pub(crate) fn read(&self, dst: &mut Writer<'_>, block: Block) -> Result<usize> {
        if dst.remaining() == 0 {
            return Ok(0);
        }
        loop {
            // Looked at before the ring: a writer that wrote and left counts as data.
            let was_abandoned = self.writers.none();
            let mut ring = self.ring.lock();
            if ring.used() > 0 {
                let was_full = ring.free() == 0;
                let result = ring.take(dst);
                self.publish(&ring);
                let is_full = ring.free() == 0;
                drop(ring);
                if was_full && !is_full {
                    self.writable.wake_all();
                }
                match result {
                    Ok(Some(count)) => return Ok(count),
                    Ok(None) => {}
                    Err(error) => return Err(error),
                }
            } else {
                drop(ring);
            }
            if was_abandoned {
                return Ok(0);
            }
            if block == Block::No {
                return err!(EAGAIN, "the pipe is empty");
            }
            self.readable.wait(Wait::interruptible(), || {
                (!self.is_empty() || self.writers.none()).then_some(())
            })?;
        }
    }

    pub(crate) fn write(&self, src: &mut Reader<'_>, block: Block, mode: Mode) -> Result<usize> {
        let total = src.remaining();
        let mut done = 0;
        let mut start = Start::Merges;
        while done < total {
            let (moved, result) = self.write_some(src, total - done, mode, start);
            done += moved;
            match result {
                Ok(()) if done == total => break,
                Ok(()) => {}
                Err(error) if done > 0 => {
                    if error.errno() == Errno::EPIPE {
                        vfs::hooks::pipe_broken();
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
            if block == Block::No {
                return if done > 0 { Ok(done) } else { err!(EAGAIN, "the pipe is full") };
            }
            let waited = self.writable.wait(Wait::interruptible(), || {
                (!self.is_full() || self.readers.none()).then_some(())
            });
            match waited {
                Err(_) if done > 0 => break,
                waited => waited?,
            }
            start = Start::NewSlot;
        }
        Ok(done)
    }

    /// Writes what there are slots for: how many bytes, and why no more if not for want of
    /// slots.
    fn write_some(
        &self,
        src: &mut Reader<'_>,
        left: usize,
        mode: Mode,
        start: Start,
    ) -> (usize, Result<()>) {
        let mut ring = self.ring.lock();
        if self.readers.none() {
            return (0, err!(EPIPE, "nobody reads the pipe"));
        }
        let was_empty = ring.used() == 0;
        let merged = match start {
            Start::Merges => match ring.merge(src, left) {
                Ok(merged) => merged,
                Err(error) => return (0, Err(error)),
            },
            Start::NewSlot => 0,
        };
        let kind = match mode {
            Mode::Bytes => Kind::Bytes,
            Mode::Packets => Kind::Packet,
        };
        let (filled, result) = ring.fill(src, left - merged, PAGE_SIZE, kind);
        self.publish(&ring);
        drop(ring);
        if was_empty {
            self.readable.wake_all();
        }
        (merged + filled, result)
    }

    /// See [`crate::await_room`].
    pub(crate) fn await_room(&self, block: Block) -> Result<usize> {
        loop {
            if self.readers.none() {
                return err!(EPIPE, "nobody reads the pipe");
            }
            match self.free.load(Ordering::Acquire) {
                0 if block == Block::No => return err!(EAGAIN, "the pipe is full"),
                0 => self.writable.wait(Wait::interruptible(), || {
                    (!self.is_full() || self.readers.none()).then_some(())
                })?,
                free => return Ok(free * PAGE_SIZE),
            }
        }
    }

    /// See [`crate::put_pages`].
    pub(crate) fn put_pages(&self, data: &[u8], first: usize) -> Result<usize> {
        let mut ring = self.ring.lock();
        let was_empty = ring.used() == 0;
        let mut src = Reader::kernel(data);
        let (done, result) = ring.fill(&mut src, data.len(), first, Kind::Page);
        self.publish(&ring);
        drop(ring);
        if was_empty && done > 0 {
            self.readable.wake_all();
        }
        match result {
            Err(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }

    /// The readiness of an end. `has_hung_up`: writers were there since it was opened.
    pub(crate) fn poll(&self, side: Side, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        let mut events = PollEvents::empty();
        if let Some(waiter) = waiter {
            if side.reads {
                self.readable.enlist(waiter);
            }
            if side.writes {
                self.writable.enlist(waiter);
            }
        }
        if side.reads {
            let is_abandoned = self.writers.none();
            if !self.is_empty() {
                events |= PollEvents::READABLE;
            }
            if is_abandoned && self.writers.ever() != side.writers_at_open {
                events |= PollEvents::HUP;
            }
        }
        if side.writes {
            if !self.is_full() {
                events |= PollEvents::WRITABLE;
            }
            if self.readers.none() {
                events |= PollEvents::ERR;
            }
        }
        events
    }

    /// Counts an end in and wakes who waited for one.
    pub(crate) fn join(&self, reads: bool, writes: bool) {
        for (ends, is_one) in [(&self.readers, reads), (&self.writers, writes)] {
            if is_one {
                ends.open.fetch_add(1, Ordering::SeqCst);
                ends.ever.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.partners.wake_all();
    }

    /// Counts an end out; the other side learns when it was the last.
    pub(crate) fn leave(&self, reads: bool, writes: bool) {
        if reads && self.readers.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.writable.wake_all();
        }
        if writes && self.writers.open.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.readable.wake_all();
        }
    }

    /// Waits until one more of `ends` was opened than `before`.
    pub(crate) fn await_partner(&self, ends: &Ends, before: u32) -> Result<()> {
        let is_there = || (ends.ever() != before).then_some(());
        Ok(self.partners.wait(Wait::interruptible(), is_there)?)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.ring.lock().capacity()
    }

    pub(crate) fn resize(&self, pages: usize, cred: &Cred) -> Result<()> {
        {
            let mut charge = self.charge.lock();
            let before = charge.pages();
            charge.change(pages, cred)?;
            let mut ring = self.ring.lock();
            if let Err(error) = ring.resize(pages) {
                charge.set(before);
                return Err(error);
            }
            self.publish(&ring);
        }
        self.writable.wake_all();
        Ok(())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some((key, forget)) = &self.fifo {
            forget(key);
        }
    }
}

/// The side of the pipe an open file is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    /// How many writers had ever been there when a FIFO was opened; 0 for pipes.
    pub(crate) writers_at_open: u32,
}
