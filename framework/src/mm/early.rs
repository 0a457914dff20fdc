// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory before there is an allocator: one region, from its start on.

use super::PAGE_SIZE;
use super::phys::{self, Pfn};
use super::range::{MemoryMap, PhysRange};
use crate::arch::bytes;
use crate::cvm::{self, accept::UNIT};

/// The end of what the boot page tables show.
const VISIBLE: u64 = 1 << 32;

/// Gives out zeroed pages of one region of RAM, for ever.
///
/// # Invariants
/// `next..end` is RAM that nobody uses, and visible; accepted up to `ready`, where a
/// unit begins if that is not the end.
pub(super) struct Early {
    start: u64,
    next: u64,
    ready: u64,
    end: u64,
}

impl Early {
    /// Uses the largest region below 4 GiB of memory that nobody uses.
    pub(super) fn new(usable: &MemoryMap, pending: &MemoryMap) -> Option<Self> {
        let page = PAGE_SIZE as u64;
        let cut = |region: &PhysRange| {
            let is_pending = pending.overlaps(region.start, region.end);
            let start = region.start.next_multiple_of(if is_pending { UNIT } else { page });
            let end = region.end.min(VISIBLE) / page * page;
            (start, if is_pending { start } else { end }, end)
        };
        let size = |(start, _, end): &(u64, u64, u64)| end.saturating_sub(*start);
        let (start, ready, end) = usable.regions().iter().map(cut).max_by_key(size)?;
        (start < end).then_some(Self { start, next: start, ready, end })
    }

    /// Takes room for `len` bytes, rounded up to pages: its physical address.
    pub(super) fn take(&mut self, len: u64) -> Option<u64> {
        let len = len.checked_next_multiple_of(PAGE_SIZE as u64)?;
        if len > self.end - self.next {
            return None;
        }
        let start = self.next;
        self.next += len;
        if self.next > self.ready {
            let ready = self.next.next_multiple_of(UNIT).min(self.end);
            // SAFETY: pending RAM that nobody uses and that was not accepted before
            // (type invariant).
            unsafe { cvm::accept(PhysRange { start: self.ready, end: ready }) };
            self.ready = ready;
        }
        // SAFETY: the range is RAM, visible, and was not given out before (type
        // invariant).
        unsafe { bytes::zero(phys::ptr(start), len as usize) };
        Some(start)
    }

    /// Takes a page.
    pub(super) fn page(&mut self) -> Option<Pfn> {
        Pfn::from_addr(self.take(PAGE_SIZE as u64)?)
    }

    /// What was given out.
    pub(super) fn used(&self) -> PhysRange {
        PhysRange { start: self.start, end: self.next }
    }

    /// What is not pending any more.
    pub(super) fn accepted(&self) -> PhysRange {
        PhysRange { start: self.start, end: self.ready }
    }
}
