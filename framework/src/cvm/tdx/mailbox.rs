// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The multiprocessor wake-up mailbox, where the firmware leaves the other CPUs.
//!
//! Trust: its address is the host's word. It must be a private page outside of RAM:
//! was it never accepted, the first access ends the machine.
//! Spec: ACPI 6.5, section 5.2.12.19.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::cvm::MapFn;
use crate::mm::MemoryMap;

/// The command and id, then the vector, of the firmware's mailbox.
#[derive(Clone, Copy)]
pub(super) struct Mailbox(&'static [AtomicU64; 2]);

impl Mailbox {
    /// Wakes a CPU, for it to go to `vector` in long mode.
    pub(super) fn wake(self, apic_id: u32, vector: u64) {
        let Self([command, address]) = self;
        let [quiet, at, wake] = message(apic_id, vector);
        command.store(quiet, Ordering::Relaxed);
        address.store(at, Ordering::Relaxed);
        command.store(wake, Ordering::Release);
    }
}

/// The mailbox that the MADT claims to be at an address, in a version; stops the machine
/// if that cannot be. `limit` is the end of private memory.
pub(super) fn map(
    (at, version): (u64, u16),
    ram: &MemoryMap,
    limit: u64,
    map: MapFn,
) -> Option<Mailbox> {
    let Some(at) = check(at, version, ram, limit) else {
        crate::fatal("MADT: the wake-up mailbox is no page outside of RAM")
    };
    let page = map(at, 4096).ok()?;
    // SAFETY: mapped for ever, aligned, and never used but as these atomics.
    Some(Mailbox(unsafe { &*page.cast() }))
}

/// Where the mailbox is, if the MADT's word for it can be right.
fn check(at: u64, version: u16, ram: &MemoryMap, limit: u64) -> Option<u64> {
    let end = at.checked_add(4096)?;
    let is_good = version <= 1 && at.is_multiple_of(4096) && at != 0 && end <= limit;
    (is_good && !ram.overlaps(at, end)).then_some(at)
}

/// The first 16 bytes that wake a CPU: id and vector first, the command last.
fn message(apic_id: u32, vector: u64) -> [u64; 3] {
    const WAKE_UP: u64 = 1;
    let id = u64::from(apic_id) << 32;
    [id, vector, id | WAKE_UP]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::PhysRange;

    #[test]
    fn only_a_page_outside_of_ram_will_do() {
        let mut ram = MemoryMap::EMPTY;
        ram.push(PhysRange { start: 0, end: 0x8000_0000 }).unwrap();
        let check = |at, version| check(at, version, &ram, 1 << 47);
        assert_eq!(check(0x8000_0000, 0), Some(0x8000_0000));
        assert_eq!(check(0x8000_0000, 1), Some(0x8000_0000));
        assert_eq!(check(0x8000_0000, 2), None);
        for bad in [0, 1, 0x8000, 0x7fff_f000, 0x8000_0800, 1 << 47, u64::MAX, u64::MAX - 4095] {
            assert_eq!(check(bad, 0), None);
        }
    }

    #[test]
    fn the_command_comes_last() {
        static WORDS: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
        let [first, vector, last] = message(7, 0x8000);
        assert_eq!((first, vector, last), (7 << 32, 0x8000, 7 << 32 | 1));
        Mailbox(&WORDS).wake(7, 0x8000);
        assert_eq!([last, vector], [0, 1].map(|n: usize| WORDS[n].load(Ordering::Relaxed)));
    }
}
