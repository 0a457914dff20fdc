// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's half of every address space: what lies where, and its top table.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::phys::Pfn;
use crate::arch::paging::{index, span};
use crate::cvm::private;

/// Where the kernel sees physical address 0.
pub(super) const DIRECT_MAP: usize = 0xffff_8880_0000_0000;
/// The most physical memory the direct map has room for.
pub(super) const DIRECT_MAP_SIZE: usize = 1 << 44;
/// Kernel stacks.
pub(super) const STACKS: Range<usize> = 0xffff_c900_0000_0000..0xffff_c980_0000_0000;
/// Device registers.
pub(super) const DEVICES: Range<usize> = 0xffff_ca00_0000_0000..0xffff_ca80_0000_0000;
/// The address that the image is linked at, less the offset of its sections.
pub(super) const IMAGE: usize = 0xffff_ffff_8000_0000;

/// Memory below this belongs to firmware, and to starting CPUs.
pub(super) const LOW: u64 = 1 << 20;

/// The top table.
static ROOT: AtomicU32 = AtomicU32::new(0);
/// Top-level entries of the direct map.
static DIRECT_ENTRIES: AtomicUsize = AtomicUsize::new(0);

/// Says which table is the top.
pub(super) fn set_root(root: Pfn) {
    ROOT.store(root.get(), Ordering::Release);
}

/// Says where the RAM in the direct map ends.
pub(super) fn set_direct_end(end: usize) {
    DIRECT_ENTRIES.store(end.div_ceil(span(4)), Ordering::Relaxed);
}

/// The kernel's own top table, which maps no user address.
pub(super) fn root() -> Option<Pfn> {
    Pfn::new(ROOT.load(Ordering::Acquire))
}

/// The kernel's own top table, as CR3 has it.
pub(crate) fn kernel_root() -> u64 {
    private(root().map_or(0, Pfn::addr)).bits()
}

/// The entries of a top table that make the kernel's half.
pub(super) fn kernel_entries() -> impl Iterator<Item = usize> {
    let direct = index(DIRECT_MAP, 4);
    let others = [STACKS.start, DEVICES.start, IMAGE].map(|addr| index(addr, 4));
    (direct..direct + DIRECT_ENTRIES.load(Ordering::Relaxed)).chain(others)
}
