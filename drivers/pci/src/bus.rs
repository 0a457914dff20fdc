// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the functions of the root bus share: its registers, and addresses to put windows at.
//!
//! Locks: `next` is a leaf (preemption off).

use alloc::sync::Arc;

use framework::host::{self, Mmio, MmioError};
use framework::mm::PhysRange;
use framework::sync::SpinLock;

/// Where register windows may be put, and how to reach them.
pub trait Windows: Send + Sync {
    /// Addresses that are free for devices.
    fn hole(&self) -> PhysRange;
    /// Claims the registers at an address.
    ///
    /// # Errors
    /// See [`MmioError`].
    fn claim(&self, start: u64, len: u64) -> Result<Mmio, MmioError>;
}

/// The machine's own addresses.
pub struct Machine;

impl Windows for Machine {
    fn hole(&self) -> PhysRange {
        host::device_hole()
    }

    fn claim(&self, start: u64, len: u64) -> Result<Mmio, MmioError> {
        Mmio::claim(start, len)
    }
}

/// What the functions of a bus share.
pub(crate) struct Bus {
    pub(crate) ecam: Mmio,
    pub(crate) windows: Arc<dyn Windows>,
    /// The first address that no function has.
    next: SpinLock<u64>,
}

impl Bus {
    /// A bus of which no function has an address yet.
    pub(crate) fn new(ecam: Mmio, windows: Arc<dyn Windows>) -> Self {
        Self { ecam, windows, next: SpinLock::new(0) }
    }

    /// Room for a window of `size` bytes (a power of two), in pages of its own.
    pub(crate) fn place(&self, size: u64) -> Option<u64> {
        let hole = self.windows.hole();
        let mut next = self.next.lock();
        let start = (*next).max(hole.start).checked_next_multiple_of(size.max(4096))?;
        let end = start.checked_add(size).filter(|end| *end <= hole.end)?;
        *next = end;
        Some(start)
    }
}
