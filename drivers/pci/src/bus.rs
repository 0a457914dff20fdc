// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The scan of the root bus.
//!
//! Locks: `next` is a leaf (preemption off).

use alloc::sync::Arc;
use alloc::vec::Vec;

use framework::host::{self, Mmio, MmioError};
use framework::mm::PhysRange;
use framework::sync::SpinLock;

use crate::function::Function;
use crate::wire::{HEADER, Header, ID, Id};

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

/// The functions of the root bus that `wanted` names; all others are left alone.
pub fn enumerate(
    ecam: Mmio,
    windows: Arc<dyn Windows>,
    mut wanted: impl FnMut(Id) -> bool,
) -> Vec<Function> {
    let bus = Arc::new(Bus { ecam, windows, next: SpinLock::new(0) });
    let mut found = Vec::new();
    for device in 0..32u64 {
        let mut functions = 1;
        let mut function = 0;
        while function < functions {
            let base = device << 15 | function << 12;
            if let Some(id) = Id::parse(bus.ecam.read_u32(base + ID)) {
                let header = Header::parse(bus.ecam.read_u32(base + HEADER));
                if function == 0 && header.has_more_functions {
                    functions = 8;
                }
                if header.is_endpoint && wanted(id) {
                    found.push(Function::new(bus.clone(), base, id));
                }
            }
            function += 1;
        }
    }
    found
}
