// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many areas an address space may have (`vm.max_map_count`).

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static MOST: AtomicUsize = AtomicUsize::new(65_530);

/// `vm.max_map_count`.
#[inline]
pub fn max_areas() -> usize {
    MOST.load(Relaxed)
}

/// Sets `vm.max_map_count`.
pub(crate) fn set_max_areas(most: usize) {
    MOST.store(most, Relaxed);
}
