// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Port I/O instructions, for ports behind which nothing can touch memory.

use core::arch::asm;

/// First and last port of each device that may be reached.
const ALLOWED: [(u16, u16); 11] = [
    (0x40, 0x43), // PIT
    (0x61, 0x61), // its gate
    (0x70, 0x71), // CMOS clock
    (0xe9, 0xe9), // QEMU's isa-debugcon
    (0xf4, 0xf4), // QEMU's isa-debug-exit
    (0x2e8, 0x2ef),
    (0x2f8, 0x2ff),
    (0x3e8, 0x3ef),
    (0x3f8, 0x3ff),
    (0x604, 0x604), // ACPI PM1a control of QEMU's q35
    (0xcf9, 0xcf9), // reset control
];

#[inline]
fn is_allowed(port: u16) -> bool {
    ALLOWED.iter().any(|(first, last)| (*first..=*last).contains(&port))
}

/// OUT of 1, 2 or 4 bytes to an allowed port; nothing to any other.
#[inline]
pub(crate) fn port_out(port: u16, size: u8, value: u32) {
    if !is_allowed(port) {
        return;
    }
    match size {
        // SAFETY: OUT changes no register and no memory; no device of the list does.
        1 => unsafe {
            asm!("out dx, al", in("dx") port, in("al") value as u8, options(nomem, nostack, preserves_flags))
        },
        // SAFETY: as above.
        2 => unsafe {
            asm!("out dx, ax", in("dx") port, in("ax") value as u16, options(nomem, nostack, preserves_flags))
        },
        // SAFETY: as above.
        _ => unsafe {
            asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags))
        },
    }
}

/// IN of a byte from an allowed port; 0xff from any other.
#[inline]
pub(crate) fn port_in(port: u16) -> u8 {
    if !is_allowed(port) {
        return 0xff;
    }
    let value: u8;
    // SAFETY: IN writes AL only; no device of the list touches memory.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    }
    value
}
