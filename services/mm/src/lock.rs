// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mlock(2) and its family. There is no swap: locking means present and counted.

use core::ops::Range;

use abi::mman::LockAll;
use abi::{Errno, err};

use crate::Result;
use crate::fault_error::FaultError;
use crate::flags::AreaFlags;
use crate::layout::{page_down, page_up_wrapping};
use crate::space::{AddressSpace, Inner, exceeds};

/// When the pages of a locked range are brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// At once.
    Now,
    /// `MLOCK_ONFAULT`: as they are used.
    OnFault,
}

impl AddressSpace {
    /// mlock(2) and mlock2(2).
    ///
    /// # Errors
    /// `EPERM` if the limit is 0, `EINVAL` for a range that wraps, `ENOMEM` beyond the
    /// limit or for a gap, `EAGAIN` if the pages cannot be had.
    pub fn mlock(&self, addr: usize, len: usize, mode: LockMode) -> Result<()> {
        let range = {
            let mut inner = self.write();
            if inner.lock_limit() == 0 {
                return err!(EPERM, "locking not allowed");
            }
            let range = match page_range(addr, len) {
                Err(_) if exceeds(0, page_up_wrapping(len), inner.lock_limit()) => {
                    return err!(ENOMEM, "locked memory limit");
                }
                range => range?,
            };
            let already: usize = inner
                .areas
                .overlapping(range.clone())
                .filter(|area| area.flags.contains(AreaFlags::LOCKED))
                .map(|area| area.end.min(range.end) - area.start.max(range.start))
                .sum();
            let more = range.len() - already;
            if exceeds(inner.areas.totals().locked, more, inner.lock_limit()) {
                return err!(ENOMEM, "locked memory limit");
            }
            inner.set_locked(range.clone(), true)?;
            range
        };
        if mode == LockMode::OnFault {
            return Ok(());
        }
        self.populate(range).map_err(|error| {
            match error {
                FaultError::OutOfMemory => Errno::EAGAIN,
                FaultError::NotMapped | FaultError::Forbidden | FaultError::PastEnd => {
                    Errno::ENOMEM
                }
            }
            .into()
        })
    }

    /// munlock(2).
    ///
    /// # Errors
    /// `EINVAL` for a range that wraps, `ENOMEM` for a gap or where areas cannot be cut.
    pub fn munlock(&self, addr: usize, len: usize) -> Result<()> {
        let range = page_range(addr, len)?;
        self.write().set_locked(range, false)
    }

    /// mlockall(2).
    ///
    /// # Errors
    /// `EINVAL` for no flags, unknown ones or ONFAULT alone; `EPERM` if the limit is 0,
    /// `ENOMEM` if what is mapped exceeds it.
    pub fn mlockall(&self, flags: LockAll) -> Result<()> {
        if flags.is_empty() || !LockAll::all().contains(flags) || flags == LockAll::ONFAULT {
            return err!(EINVAL, "flags");
        }
        let mut inner = self.write();
        if inner.lock_limit() == 0 {
            return err!(EPERM, "locking not allowed");
        }
        let is_current = flags.contains(LockAll::CURRENT);
        if is_current && exceeds(inner.areas.totals().all, 0, inner.lock_limit()) {
            return err!(ENOMEM, "locked memory limit");
        }
        inner.lock_future = flags.contains(LockAll::FUTURE);
        inner.lock_on_fault = flags.contains(LockAll::ONFAULT);
        if !is_current {
            return Ok(());
        }
        let mut at = 0;
        while let Some(range) = inner.areas.at_or_after(at).map(|area| area.range()) {
            at = range.end;
            inner.areas.update(range.clone(), |area| area.flags |= AreaFlags::LOCKED)?;
            if !flags.contains(LockAll::ONFAULT) {
                drop(inner);
                // As on Linux, what cannot be brought in is no error here.
                let _ = self.populate(range);
                inner = self.write();
            }
        }
        Ok(())
    }

    /// munlockall(2).
    ///
    /// # Errors
    /// `ENOMEM` where areas cannot be cut, which does not happen as none is.
    pub fn munlockall(&self) -> Result<()> {
        let mut inner = self.write();
        (inner.lock_future, inner.lock_on_fault) = (false, false);
        inner.areas.update(0..crate::TASK_SIZE, |area| area.flags -= AreaFlags::LOCKED)
    }
}

impl Inner {
    /// Like Linux it stops at the first gap and leaves what it changed before.
    fn set_locked(&mut self, range: Range<usize>, locked: bool) -> Result<()> {
        let mut end = range.start;
        for area in self.areas.overlapping(range.clone()) {
            if area.start > end {
                break;
            }
            end = area.end.min(range.end);
        }
        let covered = range.start..end;
        self.areas.update(covered, |area| area.flags.set(AreaFlags::LOCKED, locked))?;
        if end == range.end { Ok(()) } else { err!(ENOMEM, "gap in the range") }
    }
}

/// The pages that `addr..addr + len` touches. As on Linux, a length that wraps to nothing when it
/// is rounded up is nothing.
fn page_range(addr: usize, len: usize) -> Result<Range<usize>> {
    let start = page_down(addr);
    let len = page_up_wrapping(len.wrapping_add(addr - start));
    match start.checked_add(len) {
        Some(end) => Ok(start..end),
        None => err!(EINVAL, "range wraps"),
    }
}
