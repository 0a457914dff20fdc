// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`TableAddr`]: a physical address as page tables have it, private or shared.
//!
//! In a CVM a bit of the address tells whether the page is the host's too. On some
//! machines the bit is set for shared memory, on others for private memory.

use core::sync::atomic::{AtomicU64, Ordering};

/// The bits that are set in the address of a page.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Encoding {
    /// In that of private memory.
    pub(crate) private: u64,
    /// In that of memory that is shared with the host.
    pub(crate) shared: u64,
}

static PRIVATE: AtomicU64 = AtomicU64::new(0);
static SHARED: AtomicU64 = AtomicU64::new(0);

/// Tells how; before any page table is made.
pub(super) fn set(encoding: Encoding) {
    PRIVATE.store(encoding.private, Ordering::Relaxed);
    SHARED.store(encoding.shared, Ordering::Relaxed);
}

/// A physical address as page tables have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TableAddr(u64);

impl TableAddr {
    /// The address `bytes` further.
    pub(crate) fn plus(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }

    /// The bits for a table, or for CR3.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

/// The address of memory that the host does not see; of any memory of a plain machine.
#[inline]
pub(crate) fn private(phys: u64) -> TableAddr {
    TableAddr(phys | PRIVATE.load(Ordering::Relaxed))
}

/// The address of memory that the host sees too, or of a device.
#[inline]
pub(crate) fn shared(phys: u64) -> TableAddr {
    TableAddr(phys | SHARED.load(Ordering::Relaxed))
}
