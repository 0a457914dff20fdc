// SPDX-License-Identifier: Apache-2.0 OR MIT
//! madvise(2), msync(2) and mincore(2).

use alloc::sync::Arc;
use core::ops::Range;

use abi::fs::FallocateMode;
use abi::mman::madv::*;
use abi::mman::{Prot, SyncFlags};
use abi::{Errno, err, error};
use framework::mm::{Access, PAGE_SIZE};
use vfs::File;

use crate::Result;
use crate::area::{Area, Backing};
use crate::fault_error::FaultError;
use crate::flags::AreaFlags;
use crate::layout::{TASK_SIZE, is_aligned, page_up, page_up_wrapping};
use crate::shared::SharedPages;
use crate::space::{AddressSpace, Inner};

/// Advice values of madvise(2) that Linux 6.12 on Debian knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// `MADV_WILLNEED`: accepted, without effect.
    NoEffect,
    /// Hints that are only noted in the area: flags to clear, flags to set.
    Hint(AreaFlags, AreaFlags),
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
    /// `MADV_COLLAPSE`: there are no huge pages, so it always fails.
    Collapse,
    /// `MADV_POPULATE_READ`.
    PopulateRead,
    /// `MADV_POPULATE_WRITE`.
    PopulateWrite,
}

impl Advice {
    /// The advice of Linux's number.
    pub const fn from_raw(raw: i32) -> Option<Self> {
        const NONE: AreaFlags = AreaFlags::empty();
        const READING: AreaFlags = AreaFlags::RANDOM.union(AreaFlags::SEQUENTIAL);
        const HUGE: AreaFlags = AreaFlags::HUGEPAGE.union(AreaFlags::NOHUGEPAGE);
        Some(match raw {
            MADV_NORMAL => Self::Hint(READING, NONE),
            MADV_RANDOM => Self::Hint(READING, AreaFlags::RANDOM),
            MADV_SEQUENTIAL => Self::Hint(READING, AreaFlags::SEQUENTIAL),
            MADV_WILLNEED => Self::NoEffect,
            MADV_MERGEABLE => Self::Hint(NONE, AreaFlags::MERGEABLE),
            MADV_UNMERGEABLE => Self::Hint(AreaFlags::MERGEABLE, NONE),
            MADV_HUGEPAGE => Self::Hint(HUGE, AreaFlags::HUGEPAGE),
            MADV_NOHUGEPAGE => Self::Hint(HUGE, AreaFlags::NOHUGEPAGE),
            MADV_DONTNEED => Self::DontNeed,
            MADV_FREE => Self::Free,
            MADV_REMOVE => Self::Remove,
            MADV_DONTFORK => Self::DontFork,
            MADV_DOFORK => Self::DoFork,
            MADV_DONTDUMP => Self::DontDump,
            MADV_DODUMP => Self::DoDump,
            MADV_WIPEONFORK => Self::WipeOnFork,
            MADV_KEEPONFORK => Self::KeepOnFork,
            MADV_COLD | MADV_PAGEOUT => Self::Reclaim,
            MADV_POPULATE_READ => Self::PopulateRead,
            MADV_POPULATE_WRITE => Self::PopulateWrite,
            MADV_DONTNEED_LOCKED => Self::DontNeedLocked,
            MADV_COLLAPSE => Self::Collapse,
            _ => return None,
        })
    }
}

/// A range of an object to be freed.
enum Hole {
    File { file: Arc<File>, offset: u64, len: usize },
    Shared { pages: Arc<SharedPages>, indices: Range<u64> },
}

impl Hole {
    /// What `MADV_REMOVE` frees of `piece`, if it fits the area.
    fn new(area: &Area, piece: &Range<usize>) -> Result<Self> {
        if area.flags.contains(AreaFlags::LOCKED) || area.is_anonymous() {
            return err!(EINVAL, "advice does not fit the area");
        }
        if !area.is_shared() || !area.max_prot.contains(Prot::WRITE) {
            return err!(EACCES, "not a shared mapping that may be written");
        }
        match &area.backing {
            Backing::Anonymous => err!(EINVAL, "nothing behind it"),
            Backing::Shared { pages, .. } => {
                let indices = area.page_index(piece.start)..area.page_index(piece.end);
                Ok(Self::Shared { pages: pages.clone(), indices })
            }
            Backing::File { file, offset, .. } => {
                let offset = offset + (piece.start - area.start) as u64;
                Ok(Self::File { file: file.clone(), offset, len: piece.len() })
            }
        }
    }

    /// Frees it; the object takes the pages out of all mappings.
    fn punch(self, space: &AddressSpace) -> Result<()> {
        match self {
            Self::File { file, offset, len } => {
                let mode = FallocateMode::PUNCH_HOLE | FallocateMode::KEEP_SIZE;
                let offset = i64::try_from(offset).map_err(|_| error!(EINVAL, "offset"))?;
                file.fallocate(mode, offset, len as i64)
            }
            Self::Shared { pages, indices } => {
                space.punch_shared(&pages, indices);
                Ok(())
            }
        }
    }
}

impl AddressSpace {
    /// madvise(2).
    ///
    /// # Errors
    /// - `EINVAL` for an address inside of a page, a range that wraps, or advice that does
    ///   not fit the area (dropping locked pages, freeing or wiping what is not anonymous);
    /// - `ENOMEM` for a gap, after the rest was done, and where areas cannot be cut;
    /// - `EACCES` for MADV_REMOVE of what is no shared writable mapping, and what the
    ///   file's fallocate says;
    /// - `EFAULT` past the end of a file that is to be filled.
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
            Advice::DontNeed | Advice::DontNeedLocked | Advice::Free => {
                return self.drop_pages(addr..end, advice);
            }
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
            at = piece.end;
            if advice == Advice::Remove {
                let hole = Hole::new(area, &piece)?;
                // Taking pages out of mappings takes this lock.
                drop(inner);
                hole.punch(self)?;
                inner = self.write();
                continue;
            }
            self.advise_area(&mut inner, piece, advice)?;
        }
        if has_gap { err!(ENOMEM, "gap in the range") } else { Ok(()) }
    }

    /// Drops the pages of a range. No area changes, so faults are served meanwhile.
    fn drop_pages(&self, range: Range<usize>, advice: Advice) -> Result<()> {
        let inner = self.read();
        self.note_peak_rss();
        let mut at = range.start;
        let mut has_gap = false;
        for area in inner.areas.overlapping(range.clone()) {
            let is_locked = area.flags.contains(AreaFlags::LOCKED);
            let refuse = match advice {
                Advice::DontNeed => is_locked,
                Advice::Free => is_locked || !area.is_anonymous(),
                _ => false,
            };
            if refuse {
                return err!(EINVAL, "advice does not fit the area");
            }
            has_gap |= area.start > at;
            at = area.end;
            self.vm.unmap(area.start.max(range.start)..area.end.min(range.end));
        }
        if has_gap || at < range.end { err!(ENOMEM, "gap in the range") } else { Ok(()) }
    }

    /// Applies `advice` to `piece`, which lies in one area.
    fn advise_area(&self, inner: &mut Inner, piece: Range<usize>, advice: Advice) -> Result<()> {
        let Some(area) = inner.areas.find(piece.start) else { return Ok(()) };
        let is_locked = area.flags.contains(AreaFlags::LOCKED);
        let refuse = match advice {
            Advice::Reclaim => is_locked,
            Advice::WipeOnFork => !area.is_anonymous(),
            Advice::Collapse => true,
            _ => false,
        };
        if refuse {
            return err!(EINVAL, "advice does not fit the area");
        }
        let old = area.flags;
        let new = match advice {
            Advice::Hint(clear, set) => (old - clear) | set,
            Advice::DontFork => old | AreaFlags::DONTFORK,
            Advice::DoFork => old - AreaFlags::DONTFORK,
            Advice::WipeOnFork => old | AreaFlags::WIPEONFORK,
            Advice::KeepOnFork => old - AreaFlags::WIPEONFORK,
            Advice::DontDump => old | AreaFlags::DONTDUMP,
            Advice::DoDump => old - AreaFlags::DONTDUMP,
            Advice::NoEffect
            | Advice::DontNeed
            | Advice::DontNeedLocked
            | Advice::Free
            | Advice::Remove
            | Advice::Collapse
            | Advice::Reclaim
            | Advice::PopulateRead
            | Advice::PopulateWrite => old,
        };
        if new != old {
            inner.areas.update(piece, |area| area.flags = new)?;
        }
        Ok(())
    }

    fn advise_populate(&self, range: Range<usize>, access: Access) -> Result<()> {
        let mut readable_until = range.start;
        for page in range.step_by(PAGE_SIZE) {
            if access == Access::Read && page >= readable_until {
                // Stricter than a read itself, for which x86 takes any protection.
                let inner = self.read();
                let area = inner.areas.find(page).ok_or(error!(ENOMEM, "gap in the range"))?;
                if !area.prot.contains(Prot::READ) {
                    return err!(EINVAL, "not readable");
                }
                readable_until = area.end;
            }
            self.fault(page, access).map_err(|error| match error {
                FaultError::NotMapped | FaultError::OutOfMemory => Errno::ENOMEM,
                FaultError::Forbidden => Errno::EINVAL,
                FaultError::PastEnd => Errno::EFAULT,
            })?;
        }
        Ok(())
    }

    /// msync(2). All files live in memory, so there is nothing to wait for.
    ///
    /// # Errors
    /// `EINVAL` for unknown or contradicting flags or an address inside of a page, `EBUSY`
    /// for invalidating locked memory, `ENOMEM` for a range that wraps or has a gap.
    pub fn msync(&self, addr: usize, len: usize, flags: SyncFlags) -> Result<()> {
        if !SyncFlags::all().contains(flags)
            || !is_aligned(addr)
            || flags.contains(SyncFlags::ASYNC | SyncFlags::SYNC)
        {
            return err!(EINVAL);
        }
        let Some(end) = addr.checked_add(page_up_wrapping(len)) else {
            return err!(ENOMEM, "range wraps");
        };
        if end == addr {
            return Ok(());
        }
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
    /// runs without locks, so it may touch user memory. Of files of which the
    /// caller may not know it, all pages seem to be there.
    ///
    /// # Errors
    /// `EINVAL` for an address inside of a page, `ENOMEM` for a range past the end of user
    /// addresses or with a gap; what `out` says.
    pub fn mincore(
        &self,
        addr: usize,
        len: usize,
        may_know: impl Fn(&File) -> bool,
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
            // Linux tells of what lies before a gap.
            let covered = inner.areas.covered_from(chunk.clone());
            for (byte, page) in buffer.iter_mut().zip((at..covered).step_by(PAGE_SIZE)) {
                *byte = u8::from(self.is_in_memory(&inner, page, &may_know));
            }
            drop(inner);
            out(buffer.get(..(covered - at) / PAGE_SIZE).unwrap_or_default())?;
            if covered < chunk.end {
                return err!(ENOMEM, "gap in the range");
            }
            at = chunk.end;
        }
        Ok(())
    }

    fn is_in_memory(&self, inner: &Inner, page: usize, may_know: &impl Fn(&File) -> bool) -> bool {
        if self.vm.is_mapped(page) {
            return true;
        }
        inner.areas.find(page).is_some_and(|area| match &area.backing {
            Backing::Anonymous => false,
            Backing::File { file, .. } if !may_know(file) => true,
            Backing::File { pager, .. } => pager.cached(area.page_index(page)).is_some(),
            Backing::Shared { pages, .. } => {
                vfs::Pager::cached(pages.as_ref(), area.page_index(page)).is_some()
            }
        })
    }
}
