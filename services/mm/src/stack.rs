// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stacks: the first one, and growth on a fault below it.

use core::ops::Range;

use abi::err;
use abi::mman::Prot;
use framework::mm::PAGE_SIZE;

use crate::area::{Area, Backing};
use crate::fault_error::FaultError;
use crate::flags::AreaFlags;
use crate::layout::page_down;
use crate::space::{AddressSpace, Inner, exceeds};
use crate::{Result, STACK_GUARD_PAGES};

impl AddressSpace {
    /// Creates the program's stack: `len` bytes (whole pages) below the layout's
    /// stack top, growing down on demand. Returns its range.
    ///
    /// # Errors
    /// `ENOMEM` for an empty or too large stack, beyond a limit on size or data, or if the
    /// range is used.
    pub fn map_stack(&self, len: usize, prot: Prot) -> Result<Range<usize>> {
        let mut inner = self.write();
        let top = inner.layout.stack_top;
        let Some(start) = top.checked_sub(len).filter(|_| len > 0).map(page_down) else {
            return err!(ENOMEM, "stack size");
        };
        if !inner.areas.is_free(start..top) {
            return err!(ENOMEM, "stack range in use");
        }
        let flags = AreaFlags::GROWSDOWN | AreaFlags::ACCOUNT;
        inner.may_expand(top - start, prot, flags)?;
        let area = Area::new(start..top, prot.access(), Prot::ALL, flags, Backing::Anonymous);
        inner.areas.insert(area)?;
        inner.note_peak();
        Ok(start..top)
    }

    /// Extends the stack above `addr` down to it, if there is one and it may grow so far.
    pub(crate) fn grow_stack(&self, addr: usize) -> Result<(), FaultError> {
        {
            let inner = self.read();
            let above = inner.areas.at_or_after(addr);
            if !above.is_some_and(|a| a.contains(addr) || a.flags.contains(AreaFlags::GROWSDOWN)) {
                return Err(FaultError::NotMapped);
            }
        }
        self.write().grow_stack(page_down(addr))
    }
}

impl Inner {
    fn grow_stack(&mut self, page: usize) -> Result<(), FaultError> {
        let Some(stack) = self.areas.at_or_after(page) else { return Err(FaultError::NotMapped) };
        if stack.start <= page {
            return Ok(());
        }
        if !stack.flags.contains(AreaFlags::GROWSDOWN) || page < crate::layout::MMAP_MIN_ADDR {
            return Err(FaultError::NotMapped);
        }
        let (start, end, flags) = (stack.start, stack.end, stack.flags);
        let below = self.areas.before(page);
        if below.is_some_and(|below| {
            !below.prot.is_empty()
                && !below.flags.contains(AreaFlags::GROWSDOWN)
                && page - below.end < STACK_GUARD_PAGES * PAGE_SIZE
        }) {
            return Err(FaultError::NotMapped);
        }
        let growth = start - page;
        let no_room = exceeds(end - page, 0, self.limits.stack)
            || self.may_expand(growth, Prot::empty(), flags).is_err()
            || self.may_lock_future(growth, flags).is_err();
        if no_room {
            return Err(FaultError::NotMapped);
        }
        self.areas.extend_down(start, page).map_err(|_| FaultError::OutOfMemory)?;
        self.note_peak();
        Ok(())
    }
}
