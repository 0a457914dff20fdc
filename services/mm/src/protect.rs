// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mprotect(2).

use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;

use abi::mman::Prot;
use abi::{Errno, Error, err};

use crate::Result;
use crate::area::Area;
use crate::area_map::is_data;
use crate::flags::{AreaFlags, perms_of};
use crate::layout::{is_aligned, page_up};
use crate::mmap::accounted;
use crate::space::{AddressSpace, Inner, exceeds};

impl AddressSpace {
    /// mprotect(2). Like Linux it stops at the first gap or refusal and leaves
    /// what it changed before.
    ///
    /// # Errors
    /// `EINVAL` for an address inside of a page, unknown bits, or growth bits that do not
    /// fit the area; `ENOMEM` for a gap, beyond the limit on data, or if there would be too
    /// many areas; `EACCES` for more than the file allows.
    pub fn mprotect(&self, addr: usize, len: usize, prot: Prot) -> Result<()> {
        if prot.contains(Prot::GROWSDOWN | Prot::GROWSUP) {
            return err!(EINVAL, "both growth flags");
        }
        if !is_aligned(addr) {
            return err!(EINVAL, "address not page-aligned");
        }
        if len == 0 {
            return Ok(());
        }
        let end = page_up(len).and_then(|len| addr.checked_add(len)).filter(|&end| end > addr);
        let Some(end) = end else { return err!(ENOMEM, "range wraps") };
        if !(Prot::ALL | Prot::SEM | Prot::GROWSDOWN | Prot::GROWSUP).contains(prot) {
            return err!(EINVAL, "unknown protection bits");
        }
        let mut inner = self.write();
        let start = inner.protect_start(addr, end, prot)?;
        self.protect_areas(&mut inner, start..end, prot.access())
    }

    fn protect_areas(&self, inner: &mut Inner, range: Range<usize>, prot: Prot) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let Some(area) = inner.areas.find(at) else {
                return err!(ENOMEM, "gap in the range");
            };
            let piece = at..area.end.min(range.end);
            if area.prot != prot {
                inner.may_protect(area, &piece, prot)?;
                inner.areas.update(piece.clone(), |area| {
                    let was_writable = area.prot.contains(Prot::WRITE);
                    area.prot = prot;
                    area.flags = reaccounted(area, was_writable);
                })?;
                self.vm.protect(piece.clone(), perms_of(prot));
            }
            at = piece.end;
        }
        Ok(())
    }
}

/// The flags after a change of protection: memory that becomes writable is accounted,
/// anonymous memory without pages of its own no longer when it ceases to be.
fn reaccounted(area: &Area, was_writable: bool) -> AreaFlags {
    let is_writable = area.prot.contains(Prot::WRITE);
    if is_writable && !was_writable {
        area.flags | accounted(area.prot, area.flags)
    } else if !is_writable && area.is_anonymous() && !area.has_private.load(Relaxed) {
        area.flags - AreaFlags::ACCOUNT
    } else {
        area.flags
    }
}

impl Inner {
    /// Where the change starts: `PROT_GROWSDOWN` takes in the whole stack below.
    fn protect_start(&self, addr: usize, end: usize, prot: Prot) -> Result<usize> {
        let gap = Error::new(Errno::ENOMEM, "gap in the range");
        let first = self.areas.at_or_after(addr).ok_or(gap)?;
        if prot.contains(Prot::GROWSDOWN) {
            if first.start >= end {
                return Err(gap);
            }
            if !first.flags.contains(AreaFlags::GROWSDOWN) {
                return err!(EINVAL, "not a stack");
            }
            return Ok(first.start);
        }
        if first.start > addr {
            return Err(gap);
        }
        if prot.contains(Prot::GROWSUP) {
            return err!(EINVAL, "not a stack that grows up");
        }
        Ok(addr)
    }

    fn may_protect(&self, area: &Area, piece: &Range<usize>, prot: Prot) -> Result<()> {
        if !area.max_prot.contains(prot) {
            return err!(EACCES, "more than the file allows");
        }
        let becomes_data = is_data(prot, area.flags) && !is_data(area.prot, area.flags);
        if becomes_data {
            if exceeds(self.areas.totals().data, piece.len(), self.limits.data) {
                return err!(ENOMEM, "data limit");
            }
            Self::may_commit(piece.len(), prot, area.flags)?;
        }
        Ok(())
    }
}
