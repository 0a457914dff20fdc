// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The heap: brk(2).

use abi::err;
use abi::mman::Prot;

use crate::area::{Area, Backing};
use crate::flags::AreaFlags;
use crate::layout::{TASK_SIZE, page_up};
use crate::space::{AddressSpace, Heap, Inner};
use crate::{Result, STACK_GUARD_PAGES};
use framework::mm::PAGE_SIZE;

impl AddressSpace {
    /// Starts the heap after the program's data, which ends at `data_end`, moved
    /// by the layout's random offset.
    ///
    /// # Errors
    /// `ENOMEM` if there are no user addresses behind the data.
    pub fn start_heap(&self, data_end: usize) -> Result<()> {
        let mut inner = self.write();
        let start = page_up(data_end).and_then(|end| end.checked_add(inner.layout.brk_offset));
        let Some(start) = start.filter(|&start| start < TASK_SIZE) else {
            return err!(ENOMEM, "no room for a heap");
        };
        inner.heap = Heap { start, end: start };
        Ok(())
    }

    /// Where the heap is: its start, and its end as the program asked for it.
    pub fn heap(&self) -> core::ops::Range<usize> {
        let heap = self.read().heap;
        heap.start..heap.end
    }

    /// brk(2): moves the end of the heap; returns where it is then, which is the
    /// old place when `wish` cannot be had.
    pub fn brk(&self, wish: usize) -> usize {
        let (grown, end) = {
            let mut inner = self.write();
            let old = inner.heap.end;
            if self.move_brk(&mut inner, wish).is_err() {
                return inner.heap.end;
            }
            ((inner.lock_future && !inner.lock_on_fault).then_some(old..wish), inner.heap.end)
        };
        if let Some(range) = grown
            && let (Some(start), Some(end)) = (page_up(range.start), page_up(range.end))
        {
            let _ = self.populate(start..end);
        }
        end
    }

    fn move_brk(&self, inner: &mut Inner, wish: usize) -> Result<()> {
        let Heap { start, end } = inner.heap;
        if wish < start {
            return err!(ENOMEM, "below the heap");
        }
        let data = inner.program.data.len();
        if exceeds_exactly(data, wish - start, inner.limits.data) {
            return err!(ENOMEM, "data limit");
        }
        let (Some(old), Some(new)) = (page_up(end), page_up(wish)) else {
            return err!(ENOMEM, "past the end of memory");
        };
        if new > TASK_SIZE {
            return err!(ENOMEM, "past the end of memory");
        }
        if new < old {
            self.unmap_range(inner, new..old)?;
        } else if new > old {
            inner.grow_heap(old, new)?;
        }
        inner.heap.end = wish;
        Ok(())
    }
}

impl Inner {
    fn grow_heap(&mut self, old: usize, new: usize) -> Result<()> {
        let clearance = STACK_GUARD_PAGES * PAGE_SIZE;
        let next = self.areas.at_or_after(old);
        if next.is_some_and(|next| {
            let guard = if next.flags.contains(AreaFlags::GROWSDOWN) { clearance } else { 0 };
            next.start.saturating_sub(guard) < new + PAGE_SIZE
        }) {
            return err!(ENOMEM, "something is in the way");
        }
        let prot = Prot::READ | Prot::WRITE;
        let flags = if self.lock_future { AreaFlags::LOCKED } else { AreaFlags::empty() };
        let flags = flags | AreaFlags::ACCOUNT;
        self.may_lock_future(new - old, flags)?;
        self.may_expand(new - old, prot, flags)?;
        self.may_add_area()?;
        Self::may_commit(new - old, prot, flags)?;
        self.areas.insert(Area::new(old..new, prot, Prot::ALL, flags, Backing::Anonymous))?;
        self.note_peak();
        Ok(())
    }
}

/// Linux's `check_data_rlimit`: program data and heap together, to the byte.
fn exceeds_exactly(data: usize, heap: usize, limit: u64) -> bool {
    limit != u64::MAX && (data as u64).saturating_add(heap as u64) > limit
}
