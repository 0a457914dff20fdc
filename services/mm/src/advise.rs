// SPDX-License-Identifier: Apache-2.0 OR MIT
//! madvise(2), msync(2) and mincore(2).

use core::ops::Range;

use errno::{Errno, err};
use framework::mm::{Access, PAGE_SIZE};

use crate::Result;
use crate::area::{Area, Backing};
use crate::fault::FaultError;
use crate::flags::{AreaFlags, Prot, SyncFlags};
use crate::layout::{TASK_SIZE, is_aligned, page_up};
use crate::space::{AddressSpace, Inner};

/// Advice values of madvise(2) that Linux 6.12 on Debian knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Reading ahead, huge pages, dumps, merging, ageing: accepted, without effect.
    NoEffect,
    /// `MADV_COLD` and `MADV_PAGEOUT`: without effect, but refused on locked memory.
    Reclaim,
    /// `MADV_DONTNEED`.
    DontNeed,
    /// `MADV_DONTNEED_LOCKED`.
    DontNeedLocked,
    /// `MADV_FREE`.
    Free,
    /// `MADV_REMOVE`.
    Remove,
    /// `MADV_DONTFORK`.
    DontFork,
    /// `MADV_DOFORK`.
    DoFork,
    /// `MADV_WIPEONFORK`.
    WipeOnFork,
    /// `MADV_KEEPONFORK`.
    KeepOnFork,
    /// `MADV_DONTDUMP`.
    DontDump,
    /// `MADV_DODUMP`.
    DoDump,
    /// `MADV_POPULATE_READ`.
    PopulateRead,
    /// `MADV_POPULATE_WRITE`.
    PopulateWrite,
}

impl Advice {
    /// The advice of Linux's number.
    pub const fn from_raw(raw: i32) -> Option<Self> {
        Some(match raw {
            // NORMAL, RANDOM, SEQUENTIAL, WILLNEED, (UN)MERGEABLE, (NO)HUGEPAGE
            0..=3 | 12..=15 => Self::NoEffect,
            4 => Self::DontNeed,
            8 => Self::Free,
            9 => Self::Remove,
            10 => Self::DontFork,
            11 => Self::DoFork,
            16 => Self::DontDump,
            17 => Self::DoDump,
            18 => Self::WipeOnFork,
            19 => Self::KeepOnFork,
            20 | 21 => Self::Reclaim,
            22 => Self::PopulateRead,
            23 => Self::PopulateWrite,
            24 => Self::DontNeedLocked,
            _ => return None,
        })
    }
}

impl AddressSpace {
    /// madvise(2). Gaps make it fail with `ENOMEM` after the rest was done.
    pub fn madvise(&self, addr: usize, len: usize, advice: Advice) -> Result<()> {
        if !is_aligned(addr) {
            return err!(EINVAL, "address not page-aligned");
        }
        let end = page_up(len).and_then(|len| addr.checked_add(len));
        let Some(end) = end else { return err!(EINVAL, "range wraps") };
        if end == addr {
            return Ok(());
        }
        match advice {
            Advice::PopulateRead => return self.advise_populate(addr..end, Access::Read),
            Advice::PopulateWrite => return self.advise_populate(addr..end, Access::Write),
            _ => {}
        }
        let mut inner = self.write();
        let mut at = addr;
        let mut has_gap = false;
        while at < end {
            let Some(area) = inner.areas.at_or_after(at).filter(|area| area.start < end) else {
                has_gap = true;
                break;
            };
            has_gap |= area.start > at;
            let piece = at.max(area.start)..area.end.min(end);
            self.advise_area(&mut inner, piece.clone(), advice)?;
            at = piece.end;
        }
        if has_gap { err!(ENOMEM, "gap in the range") } else { Ok(()) }
    }

    /// Applies `advice` to `piece`, which lies in one area.
    fn advise_area(&self, inner: &mut Inner, piece: Range<usize>, advice: Advice) -> Result<()> {
        let Some(area) = inner.areas.find(piece.start) else { return Ok(()) };
        let is_locked = area.flags.contains(AreaFlags::LOCKED);
        let refuse = match advice {
            Advice::DontNeed | Advice::Reclaim => is_locked,
            Advice::Free => !area.is_anonymous(),
            Advice::WipeOnFork => !area.is_anonymous(),
            Advice::Remove => is_locked || area.is_anonymous(),
            _ => false,
        };
        if refuse {
            return err!(EINVAL, "advice does not fit the area");
        }
        let old = area.flags;
        let new = match advice {
            Advice::DontFork => old | AreaFlags::DONTFORK,
            Advice::DoFork => old - AreaFlags::DONTFORK,
            Advice::WipeOnFork => old | AreaFlags::WIPEONFORK,
            Advice::KeepOnFork => old - AreaFlags::WIPEONFORK,
            Advice::DontDump => old | AreaFlags::DONTDUMP,
            Advice::DoDump => old - AreaFlags::DONTDUMP,
            Advice::DontNeed | Advice::DontNeedLocked | Advice::Free => {
                self.note_peak_rss();
                self.vm.unmap(piece);
                return Ok(());
            }
            Advice::Remove => return self.remove_pages(area, piece),
            Advice::NoEffect | Advice::Reclaim | Advice::PopulateRead | Advice::PopulateWrite => {
                old
            }
        };
        if new != old {
            inner.areas.update(piece, |area| area.flags = new)?;
        }
        Ok(())
    }

    /// `MADV_REMOVE`: frees the pages of the object too.
    fn remove_pages(&self, area: &Area, piece: Range<usize>) -> Result<()> {
        if !area.is_shared() || !area.prot.contains(Prot::WRITE) {
            return err!(EACCES, "not a writable shared mapping");
        }
        let Backing::Shared { pages, .. } = &area.backing else {
            return err!(EOPNOTSUPP, "file cannot punch holes");
        };
        pages.punch(area.page_index(piece.start)..area.page_index(piece.end));
        self.vm.unmap(piece);
        Ok(())
    }

    fn advise_populate(&self, range: Range<usize>, access: Access) -> Result<()> {
        for page in range.step_by(PAGE_SIZE) {
            self.fault(page, access).map_err(|error| match error {
                FaultError::NotMapped | FaultError::OutOfMemory => Errno::ENOMEM,
                FaultError::Forbidden => Errno::EINVAL,
                FaultError::PastEnd => Errno::EFAULT,
            })?;
        }
        Ok(())
    }

    /// msync(2). All files live in memory, so there is nothing to wait for.
    pub fn msync(&self, addr: usize, len: usize, flags: SyncFlags) -> Result<()> {
        if !SyncFlags::all().contains(flags)
            || !is_aligned(addr)
            || flags.contains(SyncFlags::ASYNC | SyncFlags::SYNC)
        {
            return err!(EINVAL);
        }
        let end = page_up(len).and_then(|len| addr.checked_add(len));
        let Some(end) = end else { return err!(ENOMEM, "range wraps") };
        let inner = self.read();
        let invalidates = flags.contains(SyncFlags::INVALIDATE);
        let mut areas = inner.areas.overlapping(addr..end);
        if invalidates && areas.any(|area| area.flags.contains(AreaFlags::LOCKED)) {
            return err!(EBUSY, "locked memory");
        }
        if !inner.areas.covers(addr..end) {
            return err!(ENOMEM, "gap in the range");
        }
        Ok(())
    }

    /// mincore(2): hands one byte per page (1: in memory) to `out`, in chunks. `out`
    /// runs without locks, so it may touch user memory.
    pub fn mincore(
        &self,
        addr: usize,
        len: usize,
        mut out: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        if !is_aligned(addr) {
            return err!(EINVAL, "address not page-aligned");
        }
        let end = page_up(len).and_then(|len| addr.checked_add(len));
        let Some(end) = end.filter(|&end| end <= TASK_SIZE) else {
            return err!(ENOMEM, "past the end of the address space");
        };
        let mut buffer = [0u8; 256];
        let mut at = addr;
        while at < end {
            let pages = ((end - at) / PAGE_SIZE).min(buffer.len());
            let chunk = at..at + pages * PAGE_SIZE;
            let inner = self.read();
            if !inner.areas.covers(chunk.clone()) {
                return err!(ENOMEM, "gap in the range");
            }
            for (byte, page) in buffer.iter_mut().zip(chunk.clone().step_by(PAGE_SIZE)) {
                *byte = u8::from(self.is_in_memory(&inner, page));
            }
            drop(inner);
            out(buffer.get(..pages).unwrap_or_default())?;
            at = chunk.end;
        }
        Ok(())
    }

    fn is_in_memory(&self, inner: &Inner, page: usize) -> bool {
        if self.vm.is_mapped(page) {
            return true;
        }
        inner.areas.find(page).is_some_and(|area| match &area.backing {
            Backing::Anonymous => false,
            Backing::File { pager, .. } => pager.cached(area.page_index(page)).is_some(),
            Backing::Shared { pages, .. } => {
                vfs::Pager::cached(pages.as_ref(), area.page_index(page)).is_some()
            }
        })
    }
}
