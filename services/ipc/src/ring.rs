// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is in a pipe: a ring of slots, a page each, filled at first use.
//!
//! Slots are counted, not bytes, as on Linux: a write takes slots of its own, and only the
//! bytes that it has beside whole pages may go behind those of the last slot
//! ([`Ring::merge`]). A slot is free again when all its bytes are read. One whose bytes
//! could not be copied in stays in use, with none.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err, error};
use framework::mm::{Frame, PAGE_SIZE, Reader, Writer};
use vfs::Account;

/// What a slot holds, and so what may be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes of a write, behind which more may be put.
    Bytes,
    /// A write in packet mode: one read takes it, and drops what it has no room for.
    Packet,
    /// A part of a file, to which nothing is added.
    Page,
}

/// # Invariants
/// `start + len` is at most a page. A slot in use has a frame.
struct Slot {
    frame: Option<Frame>,
    start: u16,
    len: u16,
    kind: Kind,
}

impl Slot {
    const FREE: Self = Self { frame: None, start: 0, len: 0, kind: Kind::Bytes };
}

/// # Invariants
/// `first` is below the number of slots, `used` at most it; `len` is the sum of the lengths
/// of the slots in use. What is moved is at most what was asked for, so that no sum of
/// these wraps.
pub(crate) struct Ring {
    slots: Vec<Slot>,
    first: usize,
    used: usize,
    len: usize,
    /// Who is charged for the frames, and for how many.
    account: Arc<Account>,
    charged: usize,
}

impl Ring {
    /// An empty ring of `pages` slots, whose pages are charged to `account` as they come.
    pub(crate) fn new(pages: usize, account: Arc<Account>) -> Result<Self> {
        Ok(Self { slots: slots(pages)?, first: 0, used: 0, len: 0, account, charged: 0 })
    }

    /// The bytes in it.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len().wrapping_mul(PAGE_SIZE)
    }

    /// The slots in use: a pipe is empty where there are none.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// The slots that are free: a pipe is full where there are none.
    #[inline]
    pub(crate) fn free(&self) -> usize {
        self.slots.len().wrapping_sub(self.used)
    }

    /// A place behind the last slot, which the ring goes on with at its first.
    #[inline]
    fn wrapped(&self, place: usize) -> usize {
        place.checked_sub(self.slots.len()).unwrap_or(place)
    }

    /// Moves bytes to a reader; `None` if there were none, though a slot may have been in
    /// use.
    pub(crate) fn take(&mut self, dst: &mut Writer<'_>) -> Result<Option<usize>> {
        let mut done = 0_usize;
        while self.used > 0 {
            let Some(slot) = self.slots.get_mut(self.first) else { break };
            let part = usize::from(slot.len).min(dst.remaining());
            if part > 0 {
                let Some(frame) = &slot.frame else { break };
                // As on Linux what cannot be delivered whole stays.
                match dst.write_frame(frame, usize::from(slot.start), part) {
                    Ok(count) if count == part => {}
                    _ if done > 0 => break,
                    _ => return err!(EFAULT, "a part of the bytes cannot be written"),
                }
            }
            done = done.wrapping_add(part);
            let is_packet = slot.kind == Kind::Packet;
            let taken = if is_packet { usize::from(slot.len) } else { part };
            slot.start = slot.start.wrapping_add(taken as u16);
            slot.len = slot.len.wrapping_sub(taken as u16);
            let is_drained = slot.len == 0;
            self.len = self.len.wrapping_sub(taken);
            if is_drained {
                self.drop_first();
            }
            if is_packet {
                return Ok(Some(done));
            }
            if dst.remaining() == 0 {
                break;
            }
        }
        Ok((done > 0).then_some(done))
    }

    /// Frees the first slot. An empty ring starts over at its first page, so that a pipe
    /// that is drained after each write uses one page.
    #[inline]
    fn drop_first(&mut self) {
        self.used = self.used.wrapping_sub(1);
        let next = self.wrapped(self.first.wrapping_add(1));
        self.first = if self.used == 0 { 0 } else { next };
    }

    /// Puts what a write of `total` bytes has beside whole pages behind the bytes of the
    /// last slot, if there is room for all of it.
    #[inline]
    pub(crate) fn merge(&mut self, src: &mut Reader<'_>, total: usize) -> Result<usize> {
        let odd = total % PAGE_SIZE;
        if odd == 0 || self.used == 0 {
            return Ok(0);
        }
        let last = self.wrapped(self.first.wrapping_add(self.used).wrapping_sub(1));
        let Some(slot) = self.slots.get_mut(last) else { return Ok(0) };
        let end = usize::from(slot.start).wrapping_add(usize::from(slot.len));
        if slot.kind != Kind::Bytes || end.wrapping_add(odd) > PAGE_SIZE {
            return Ok(0);
        }
        let Some(frame) = &slot.frame else { return Ok(0) };
        match src.read_frame(frame, end, odd) {
            Ok(count) if count == odd => {}
            _ => return err!(EFAULT, "a part of the bytes cannot be read"),
        }
        slot.len = slot.len.wrapping_add(odd as u16);
        self.len = self.len.wrapping_add(odd);
        Ok(odd)
    }

    /// Puts up to `max` bytes into free slots, at most `first` of them into the first one
    /// and a page into each other: how many, and why not more if not for want of slots.
    pub(crate) fn fill(
        &mut self,
        src: &mut Reader<'_>,
        max: usize,
        first: usize,
        kind: Kind,
    ) -> (usize, Result<()>) {
        let mut done = 0_usize;
        let mut most = first;
        while done < max && self.free() > 0 {
            let part = max.wrapping_sub(done).min(most);
            match self.fill_slot(src, part, kind) {
                Ok(()) => done = done.wrapping_add(part),
                Err(error) => return (done, Err(error)),
            }
            most = PAGE_SIZE;
        }
        (done, Ok(()))
    }

    /// Puts `part` bytes, at most a page, into a free slot.
    #[inline]
    fn fill_slot(&mut self, src: &mut Reader<'_>, part: usize, kind: Kind) -> Result<()> {
        let next = self.wrapped(self.first.wrapping_add(self.used));
        let Some(slot) = self.slots.get_mut(next) else { return err!(EIO, "ring index") };
        let frame = match &mut slot.frame {
            Some(frame) => frame,
            empty => {
                let frame = empty.insert(Frame::zeroed()?);
                self.account.add(PAGE_SIZE);
                self.charged += 1;
                frame
            }
        };
        (slot.start, slot.len, slot.kind) = (0, 0, kind);
        self.used = self.used.wrapping_add(1);
        match src.read_frame(frame, 0, part) {
            Ok(count) if count == part => {}
            _ => return err!(EFAULT, "a part of the bytes cannot be read"),
        }
        slot.len = part as u16;
        self.len = self.len.wrapping_add(part);
        Ok(())
    }

    /// Changes the number of slots; `EBUSY` if those in use would not fit.
    pub(crate) fn resize(&mut self, pages: usize) -> Result<()> {
        if self.used > pages {
            return err!(EBUSY, "the pipe holds more than that");
        }
        framework::mm::admit()?;
        let mut new = slots(pages)?;
        for (place, to) in new.iter_mut().enumerate().take(self.slots.len()) {
            let from = self.wrapped(self.first.wrapping_add(place));
            if let Some(slot) = self.slots.get_mut(from) {
                core::mem::swap(slot, to);
            }
        }
        let spare = self.slots.iter().filter(|slot| slot.frame.is_some()).count();
        self.slots = new;
        self.first = 0;
        self.account.sub(spare * PAGE_SIZE);
        self.charged -= spare;
        Ok(())
    }
}

fn slots(count: usize) -> Result<Vec<Slot>> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(count).map_err(|_| error!(ENOMEM, "no pipe ring"))?;
    slots.resize_with(count, || Slot::FREE);
    Ok(slots)
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.account.sub(self.charged * PAGE_SIZE);
    }
}
