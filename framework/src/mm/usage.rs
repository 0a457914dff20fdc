// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory that the kernel itself holds, by use.
//!
//! Counted where such memory comes into use and goes out of it, so what is only
//! kept for the next one counts as none.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Pages in one use. Wraps on the way; the sum of all changes is right.
pub(super) struct Pages(AtomicUsize);

/// The heap: slabs and large blocks.
pub(super) static HEAP: Pages = Pages(AtomicUsize::new(0));
/// Stacks of tasks.
pub(super) static STACKS: Pages = Pages(AtomicUsize::new(0));
/// Page tables of address spaces.
pub(super) static TABLES: Pages = Pages(AtomicUsize::new(0));

impl Pages {
    /// `count` pages come into use.
    #[inline]
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count, Relaxed);
    }

    /// `count` pages go out of use.
    #[inline]
    pub(super) fn sub(&self, count: usize) {
        self.0.fetch_sub(count, Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Memory that the kernel holds for itself, in pages of [`PAGE_SIZE`](super::PAGE_SIZE) bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelUsage {
    /// The kernel's heap.
    pub heap_pages: usize,
    /// Stacks of tasks.
    pub stack_pages: usize,
    /// Page tables of address spaces.
    pub table_pages: usize,
}

/// What the kernel holds now.
pub fn kernel_usage() -> KernelUsage {
    KernelUsage { heap_pages: HEAP.get(), stack_pages: STACKS.get(), table_pages: TABLES.get() }
}
