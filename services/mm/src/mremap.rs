// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mremap(2): shrink, grow in place, move.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use abi::err;
use abi::mman::RemapFlags;

use crate::area::Area;
use crate::area_map;
use crate::flags::AreaFlags;
use crate::layout::{MMAP_MIN_ADDR, TASK_SIZE, is_aligned, page_up_wrapping};
use crate::space::{AddressSpace, Inner};
use crate::{Result, max_areas};

/// A decoded and page-rounded mremap call.
struct Remap {
    old: usize,
    old_len: usize,
    new_len: usize,
    flags: RemapFlags,
    new: usize,
}

impl Remap {
    /// The end of the old range, if it is one of user addresses.
    fn old_end(&self) -> Option<usize> {
        self.old.checked_add(self.old_len).filter(|&end| end <= TASK_SIZE)
    }
}

impl AddressSpace {
    /// mremap(2): returns the start of the mapping afterwards.
    ///
    /// # Errors
    /// - `EINVAL` for unknown or contradicting flags, an address inside of a page, an empty
    ///   result, ranges that overlap or wrap, or the doubling of a private mapping;
    /// - `EFAULT` if nothing is mapped at `old`, or the range leaves the area;
    /// - `ENOMEM` if it cannot grow, beyond a limit on size, data or number of areas, or
    ///   without memory;
    /// - `EAGAIN` beyond the limit on locked memory, `EPERM` below the lowest address.
    pub fn mremap(
        &self,
        old: usize,
        old_len: usize,
        new_len: usize,
        flags: RemapFlags,
        new: usize,
    ) -> Result<usize> {
        let known = RemapFlags::MAYMOVE | RemapFlags::FIXED | RemapFlags::DONTUNMAP;
        let needs_move = RemapFlags::FIXED | RemapFlags::DONTUNMAP;
        if !known.contains(flags)
            || (flags.intersects(needs_move) && !flags.contains(RemapFlags::MAYMOVE))
            || (flags.contains(RemapFlags::DONTUNMAP) && old_len != new_len)
        {
            return err!(EINVAL, "flags");
        }
        if !is_aligned(old) {
            return err!(EINVAL, "address not page-aligned");
        }
        let (old_len, new_len) = (page_up_wrapping(old_len), page_up_wrapping(new_len));
        if new_len == 0 {
            return err!(EINVAL, "empty mapping");
        }
        let call = Remap { old, old_len, new_len, flags, new };
        let (start, grown) = {
            let mut inner = self.write();
            let Some(area) = inner.areas.find(old) else {
                return err!(EFAULT, "nothing mapped");
            };
            let is_locked = area.flags.contains(AreaFlags::LOCKED);
            let start = if flags.intersects(needs_move) {
                self.remap_to(&mut inner, &call)?
            } else {
                self.remap(&mut inner, &call)?
            };
            (start, is_locked && new_len > old_len)
        };
        if grown {
            let _ = self.populate(start + old_len..start + new_len);
        }
        Ok(start)
    }

    /// Without a wished address.
    fn remap(&self, inner: &mut Inner, call: &Remap) -> Result<usize> {
        if call.old_len >= call.new_len {
            let Some(end) = call.old_end() else { return err!(EINVAL, "range wraps") };
            if call.old_len > call.new_len {
                self.unmap_range(inner, call.old + call.new_len..end)?;
            }
            return Ok(call.old);
        }
        inner.may_resize(call)?;
        let end = call.old + call.old_len;
        let growth = end..call.old + call.new_len;
        let area_end = inner.areas.find(call.old).map_or(0, |area| area.end);
        if call.old_len > 0
            && end == area_end
            && growth.end <= TASK_SIZE
            && inner.areas.is_free(growth.clone())
        {
            let start = inner.areas.find(call.old).map_or(call.old, |area| area.start);
            inner.areas.extend_up(start, growth.end);
            inner.note_peak();
            return Ok(call.old);
        }
        if !call.flags.contains(RemapFlags::MAYMOVE) {
            return err!(ENOMEM, "cannot grow in place");
        }
        let new = inner.place_anywhere(0, call.new_len, false)?;
        self.move_area(inner, call, new)
    }

    /// With `MREMAP_FIXED` or `MREMAP_DONTUNMAP`.
    fn remap_to(&self, inner: &mut Inner, call: &Remap) -> Result<usize> {
        let is_fixed = call.flags.contains(RemapFlags::FIXED);
        // The new place is looked at even where it is only a wish.
        if !is_aligned(call.new) {
            return err!(EINVAL, "new address not page-aligned");
        }
        if call.new_len > TASK_SIZE || call.new > TASK_SIZE - call.new_len {
            return err!(EINVAL, "new range past the end");
        }
        let old_end = call.old.saturating_add(call.old_len);
        if old_end > call.new && call.new + call.new_len > call.old {
            return err!(EINVAL, "ranges overlap");
        }
        if inner.areas.len() + 2 >= max_areas().saturating_sub(3) {
            return err!(ENOMEM, "too many areas");
        }
        if is_fixed {
            self.unmap_range(inner, call.new..call.new + call.new_len)?;
        }
        let mut call = Remap { ..*call };
        if call.old_len > call.new_len {
            let Some(end) = call.old_end() else { return err!(EINVAL, "range wraps") };
            self.unmap_range(inner, call.old + call.new_len..end)?;
            call.old_len = call.new_len;
        }
        inner.may_resize(&call)?;
        if is_fixed && call.new < MMAP_MIN_ADDR {
            return err!(EPERM, "new address too low");
        }
        let new = match is_fixed {
            true => call.new,
            false => inner.place_anywhere(call.new, call.new_len, false)?,
        };
        self.move_area(inner, &call, new)
    }

    /// Moves (or with an old length of 0 doubles) the mapping to the free range at `new`.
    fn move_area(&self, inner: &mut Inner, call: &Remap, new: usize) -> Result<usize> {
        // Room for both cuts and the new area, so nothing fails once pages have moved.
        if inner.areas.len() >= max_areas().saturating_sub(3) {
            return err!(ENOMEM, "too many areas");
        }
        area_map::admit()?;
        let Some(area) = inner.areas.find(call.old) else { return err!(EFAULT, "nothing mapped") };
        let moved = area.moved(call.old, new..new + call.new_len);
        let keeps_old = call.old_len == 0 || call.flags.contains(RemapFlags::DONTUNMAP);
        if call.old_len > 0
            && let Err(error) = self.vm.move_range(call.old, new, call.old_len)
        {
            // The tables of the old place still exist, so the way back needs no memory.
            let _ = self.vm.move_range(new, call.old, call.old_len);
            self.vm.unmap(new..new + call.new_len);
            return Err(error.into());
        }
        if !keeps_old {
            inner.areas.remove_admitted(call.old..call.old + call.old_len, |_| {});
        }
        inner.areas.insert_admitted(moved);
        inner.note_peak();
        Ok(new)
    }
}

impl Area {
    /// This area from `from` on, at `range`.
    fn moved(&self, from: usize, range: Range<usize>) -> Self {
        let backing = self.backing.advanced(from - self.start);
        let mut moved = Self::new(range, self.prot, self.max_prot, self.flags, backing);
        moved.has_private = AtomicBool::new(self.has_private.load(Relaxed));
        moved
    }
}

impl Inner {
    /// Linux's `vma_to_resize`.
    fn may_resize(&self, call: &Remap) -> Result<()> {
        let Some(area) = self.areas.find(call.old) else { return err!(EFAULT, "nothing mapped") };
        if call.old_len == 0 && area.is_private() {
            return err!(EINVAL, "a private mapping cannot be doubled");
        }
        if call.old_len > area.end - call.old {
            return err!(EFAULT, "range leaves the area");
        }
        if call.new_len == call.old_len {
            return Ok(());
        }
        let growth = call.new_len - call.old_len;
        self.may_lock_future(growth, area.flags)?;
        self.may_expand(growth, area.prot, area.flags)?;
        Self::may_commit(growth, area.prot, area.flags)
    }
}
