// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Port I/O instructions.

use core::arch::asm;

/// OUT of a byte.
///
/// # Safety
/// What the device behind `port` does must not touch memory.
pub(crate) unsafe fn out8(port: u16, value: u8) {
    // SAFETY: OUT changes no register and no memory; the device is the caller's duty.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
    }
}

/// OUT of a double word.
///
/// # Safety
/// What the device behind `port` does must not touch memory.
pub(crate) unsafe fn out32(port: u16, value: u32) {
    // SAFETY: OUT changes no register and no memory; the device is the caller's duty.
    unsafe {
        asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags))
    }
}

/// OUT of a word.
///
/// # Safety
/// What the device behind `port` does must not touch memory.
pub(crate) unsafe fn out16(port: u16, value: u16) {
    // SAFETY: OUT changes no register and no memory; the device is the caller's duty.
    unsafe {
        asm!("out dx, ax", in("dx") port, in("ax") value, options(nomem, nostack, preserves_flags))
    }
}

/// IN of a byte.
///
/// # Safety
/// What the device behind `port` does must not touch memory.
pub(crate) unsafe fn in8(port: u16) -> u8 {
    let value: u8;
    // SAFETY: IN writes AL only; the device is the caller's duty.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    }
    value
}
