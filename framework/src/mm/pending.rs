// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RAM of a CVM that was not accepted yet, and its way to the allocator.
//!
//! Locks: `PENDING` is a leaf (interrupts off); memory is accepted outside of it.

use super::range::{MemoryMap, PhysRange};
use super::{PAGE_SIZE, frames};
use crate::cvm;
use crate::cvm::accept::{Pending, UNIT};
use crate::sync::IrqLock;

static PENDING: IrqLock<Option<Pending<'static>>> = IrqLock::new(None);

const UNIT_PAGES: usize = UNIT as usize / PAGE_SIZE;

/// Keeps `regions` for later, a unit at a time; accepts what is no whole unit.
///
/// # Safety
/// Once. They are pending RAM of the direct map, which nobody uses; `words` has a bit
/// for each unit of memory.
pub(super) unsafe fn start(words: &'static mut [u64], regions: &MemoryMap) {
    let mut pending = Pending::new(words);
    let page = PAGE_SIZE as u64;
    for region in regions.regions() {
        let start = region.start.next_multiple_of(page);
        let whole = PhysRange { start, end: (region.end / page * page).max(start) };
        for end in pending.add(whole) {
            // SAFETY: pending RAM that nobody uses, and in no unit (caller, `add`).
            unsafe { accept(end) };
        }
    }
    frames::set_source(pending.left() * UNIT_PAGES, accept_more);
    *PENDING.lock() = Some(pending);
}

/// Gives the allocator another 2 MiB. False: there is no more.
#[cold]
fn accept_more() -> bool {
    let unit = PENDING.lock().as_mut().and_then(Pending::take);
    let Some(unit) = unit else { return false };
    // SAFETY: the unit was pending, and its bit, cleared just now, was there once.
    unsafe { accept(unit) };
    frames::came(UNIT_PAGES);
    true
}

/// Accepts pages and gives them to the allocator.
///
/// # Safety
/// Pending RAM of the direct map that nobody uses, and that comes here once.
unsafe fn accept(region: PhysRange) {
    if region.start < region.end {
        // SAFETY: the caller's duty is the same.
        unsafe { cvm::accept(region) };
        // SAFETY: RAM of the map, outside of the image, unused (caller).
        unsafe { frames::release_boot_range(region) };
    }
}
