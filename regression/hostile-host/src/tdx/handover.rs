// SPDX-License-Identifier: GPL-2.0-or-later
//! The firmware's hand-over: at the kernel's PVH entry the guest becomes a TD.

use crate::Flow;
use crate::ffi::Cpu;
use crate::host;

/// What the firmware hands over, before it is written to memory.
#[derive(Clone, Debug, Default)]
pub struct HandOver {
    /// The memory map: address, length, type (1 RAM, 2 reserved, 15 unaccepted RAM).
    pub map: Vec<(u64, u64, u32)>,
    /// ACPI tables with their headers; checksums are made later, unless `fix_checksums` is off.
    pub tables: Vec<Vec<u8>>,
    /// Where the wake-up mailbox is.
    pub mailbox: u64,
    /// The event log.
    pub log: Vec<u8>,
}

/// Entry address of a kernel's PVH note.
pub fn pvh_entry(_image: &[u8]) -> Option<u64> {
    None
}

/// The block at `pc` starts: if it is the kernel's entry, the hand-over takes place.
pub fn entry(_cpu: &Cpu, _pc: u64) -> Option<Flow> {
    let _ = host();
    None
}
