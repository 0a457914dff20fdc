// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reading, writing and polling a terminal.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use abi::poll::PollEvents;
use abi::signal::Signal;
use abi::termios::Local;
use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::{Mutex, MutexGuard, Wait, WaitError, Waiter};
use framework::task::Task;
use framework::time::monotonic_ns;

use crate::ldisc::{OutputBuffer, Reading};
use crate::tty::Tty;

/// Bytes moved under one hold of the state lock.
const CHUNK: usize = 256;

/// Output that waits below which `poll` reports room, as Linux does.
const WRITABLE_BELOW: usize = 256;

/// Whether a call may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Blocking,
    Nonblocking,
}

/// A hang-up count that a file remembers; `None` for files that survive one.
pub(crate) type Generation = Option<u32>;

/// Why a read loop goes round or ends.
enum Step {
    Again,
    Done,
}

impl Tty {
    /// Whether a file of that generation is dead.
    pub(crate) fn is_hung_up(&self, generation: Generation) -> bool {
        generation.is_some_and(|seen| seen != self.hangups.load(Ordering::Acquire))
    }

    /// read(2). Only background readers of the controlling terminal are stopped.
    pub(crate) fn read(
        &self,
        generation: Generation,
        mode: Mode,
        dst: &mut Writer<'_>,
    ) -> Result<usize> {
        if self.is_hung_up(generation) {
            return Ok(0);
        }
        self.check_background(Signal::TTIN)?;
        let _reading = lock_for(&self.reading, mode)?;
        let rules = self.state.lock().ldisc.begin_read();
        let mut deadline = after(rules.first_timeout_ns);
        let mut done = 0;
        while dst.remaining() > 0 {
            let seen = self.input_events.load(Ordering::Acquire);
            let (count, step) = match self.read_some(&rules, done, dst) {
                Ok(moved) => moved,
                Err(_) if done > 0 => break,
                Err(why) => return Err(why),
            };
            done += count;
            if let Step::Done = step {
                break;
            }
            if count > 0 {
                deadline = after(rules.next_timeout_ns).or(deadline);
                continue;
            }
            if self.is_hung_up(generation) || rules.first_timeout_ns == Some(0) {
                break;
            }
            if mode == Mode::Nonblocking {
                return if done > 0 { Ok(done) } else { err!(EAGAIN, "no input") };
            }
            match self.wait_for_input(seen, deadline) {
                Ok(()) => {}
                Err(WaitError::TimedOut) => break,
                Err(WaitError::Interrupted) if done > 0 => break,
                Err(WaitError::Interrupted) => return err!(EINTR, "interrupted read"),
            }
        }
        Ok(done)
    }

    /// Moves what there is, up to one chunk.
    fn read_some(
        &self,
        rules: &Reading,
        done: usize,
        dst: &mut Writer<'_>,
    ) -> Result<(usize, Step)> {
        if !self.input.is_empty() {
            self.pump();
        }
        let mut buffer = [0; CHUNK];
        let size = dst.remaining().min(CHUNK);
        let mut state = self.state.lock();
        if !state.ldisc.is_readable() {
            return Ok((0, Step::Again));
        }
        let chunk = state.ldisc.read_chunk(buffer.get_mut(..size).unwrap_or_default());
        let is_more = state.ldisc.is_readable();
        self.made_room(&mut state);
        drop(state);
        let bytes = buffer.get(..chunk.len).unwrap_or_default();
        let count = dst.write(bytes)?;
        let is_enough = !rules.by_line && !is_more && done + count >= rules.minimum;
        // A line that was there when its mode was switched off has no end.
        let is_cut = rules.by_line && !is_more && !chunk.ended;
        let is_done = chunk.ended || is_enough || is_cut;
        Ok((count, if is_done { Step::Done } else { Step::Again }))
    }

    fn wait_for_input(&self, seen: u32, deadline: Option<u64>) -> Result<(), WaitError> {
        let mut how = Wait::interruptible();
        if let Some(deadline) = deadline {
            how = how.deadline_ns(deadline);
        }
        self.readers.wait(how, || {
            let is_new = self.input_events.load(Ordering::Acquire) != seen;
            is_new.then_some(())
        })
    }

    /// write(2). With TOSTOP, background writers are stopped.
    pub(crate) fn write(
        &self,
        generation: Generation,
        mode: Mode,
        src: &mut Reader<'_>,
    ) -> Result<usize> {
        if self.is_hung_up(generation) {
            return err!(EIO, "hung up");
        }
        if self.state.lock().ldisc.termios().local.contains(Local::TOSTOP) {
            self.check_background(Signal::TTOU)?;
        }
        let _writing = lock_for(&self.writing, mode)?;
        let mut done = 0;
        while src.remaining() > 0 {
            if done > 0 && Task::current().interrupt_pending() {
                break;
            }
            let mut buffer = [0; CHUNK];
            let count = match src.read(&mut buffer) {
                Ok(count) => count,
                Err(_) if done > 0 => break,
                Err(why) => return Err(why.into()),
            };
            let (sent, end) = self.send(generation, mode, buffer.get(..count).unwrap_or_default());
            done += sent;
            match end {
                Ok(()) => {}
                Err(_) if done > 0 => break,
                Err(why) => return Err(why),
            }
        }
        Ok(done)
    }

    /// Sends all of `data`, waiting while the output is stopped.
    fn send(&self, generation: Generation, mode: Mode, data: &[u8]) -> (usize, Result<()>) {
        let mut done = 0;
        let mut buffer = OutputBuffer::new();
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let mut state = self.state.lock();
            if state.output.has_room() {
                buffer.clear();
                done += state.ldisc.process_output(rest, &mut buffer);
                state.output.put(buffer.as_slice());
                self.note_output(&state);
                continue;
            }
            drop(state);
            if mode == Mode::Nonblocking {
                return (done, err!(EAGAIN, "output is stopped"));
            }
            let is_free = || {
                let may_go =
                    !self.output_full.load(Ordering::Acquire) || self.is_hung_up(generation);
                may_go.then_some(())
            };
            if self.writers.wait(Wait::interruptible(), is_free).is_err() {
                return (done, err!(EINTR, "interrupted write"));
            }
            if self.is_hung_up(generation) {
                return (done, err!(EIO, "hung up"));
            }
        }
        (done, Ok(()))
    }

    /// Waits until no output is left (tcdrain).
    pub(crate) fn drain(&self) -> Result<()> {
        let is_empty = || (!self.output_waits.load(Ordering::Acquire)).then_some(());
        let waited = self.writers.wait(Wait::interruptible(), is_empty);
        waited.map_err(|_| error!(EINTR, "interrupted drain"))
    }

    /// poll(2).
    pub(crate) fn poll(&self, generation: Generation, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        if let Some(waiter) = waiter {
            self.readers.enlist(waiter);
            self.writers.enlist(waiter);
        }
        if self.is_hung_up(generation) {
            return PollEvents::ALWAYS | PollEvents::ERR | PollEvents::HUP;
        }
        if !self.input.is_empty() {
            self.pump();
        }
        let state = self.state.lock();
        let mut events = PollEvents::empty();
        if state.ldisc.polls_readable() {
            events |= PollEvents::READABLE;
        }
        if !state.ldisc.is_stopped() || state.output.len() < WRITABLE_BELOW {
            events |= PollEvents::WRITABLE;
        }
        events
    }
}

/// The end of a time-out that begins now.
fn after(timeout_ns: Option<u64>) -> Option<u64> {
    timeout_ns.map(|ns| monotonic_ns().saturating_add(ns))
}

/// Waits for the other reader or writer, unless the file does not wait.
fn lock_for(mutex: &Mutex<()>, mode: Mode) -> Result<MutexGuard<'_, ()>> {
    match mode {
        Mode::Nonblocking => mutex.try_lock().ok_or(error!(EAGAIN, "another one is at it")),
        Mode::Blocking => mutex.lock_interruptible().map_err(|_| error!(EINTR, "interrupted")),
    }
}

#[cfg(test)]
mod tests;
