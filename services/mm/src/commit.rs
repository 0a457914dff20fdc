// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether memory is promised that may never be there (`vm.overcommit_memory`).
//!
//! A request is looked at by itself: what was promised before does not count, so mode 2
//! only refuses what is beyond its limit at once.
//!
//! Spec: Documentation/mm/overcommit-accounting.rst of Linux 6.12.

use core::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};

use abi::mman::Prot;
use framework::mm::PAGE_SIZE;

use crate::flags::AreaFlags;

/// Nothing is refused.
const ALWAYS: u8 = 1;
/// No more than a share of the memory.
const NEVER: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(0);
static RATIO: AtomicI32 = AtomicI32::new(50);

/// `vm.overcommit_memory`: 0 to 2.
pub(crate) fn mode() -> u8 {
    MODE.load(Relaxed)
}

/// Sets `vm.overcommit_memory`.
pub(crate) fn set_mode(mode: u8) {
    MODE.store(mode, Relaxed);
}

/// `vm.overcommit_ratio`: the share of the memory in mode 2, in percent.
pub(crate) fn ratio() -> i32 {
    RATIO.load(Relaxed)
}

/// Sets `vm.overcommit_ratio`.
pub(crate) fn set_ratio(percent: i32) {
    RATIO.store(percent, Relaxed);
}

/// Whether `bytes` of memory with such protection and flags may be promised.
pub(crate) fn may_promise(bytes: usize, prot: Prot, flags: AreaFlags) -> bool {
    let mode = mode();
    let is_counted = prot.contains(Prot::WRITE)
        && !flags.contains(AreaFlags::SHARED)
        && (mode == NEVER || !flags.contains(AreaFlags::NORESERVE));
    !is_counted
        || bytes / PAGE_SIZE <= most_pages(mode, framework::mm::stats().total_pages, ratio())
}

/// The most pages that one request gets of a machine with `total`.
fn most_pages(mode: u8, total: usize, ratio: i32) -> usize {
    match mode {
        ALWAYS => usize::MAX,
        NEVER => total.saturating_mul(usize::try_from(ratio).unwrap_or(0)) / 100,
        _ => total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(most_pages(0, 1000, 50), 1000);
        assert_eq!(most_pages(ALWAYS, 1000, 50), usize::MAX);
        assert_eq!(most_pages(NEVER, 1000, 50), 500);
        assert_eq!(most_pages(NEVER, 1000, -1), 0);
    }
}
