// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copying to, from and between frames of untyped memory.
//!
//! Somebody else may change a frame while it is copied: so the copies are assembly,
//! which Rust's rules on data races do not reach.

use core::arch::asm;

use crate::arch::x86::irq::flags;

use crate::mm::PAGE_SIZE;

/// Copies between frames.
///
/// # Safety
/// `from` and `to` are valid for `len` bytes, and do not overlap.
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    let (words, rest) = (len / 8, len % 8);
    // SAFETY: the two loops move exactly `8 * words + rest == len` bytes,
    // which the caller vouches for; DF is clear as the ABI demands.
    unsafe {
        asm!(
            "rep movsq",
            "mov ecx, {rest:e}",
            "rep movsb",
            rest = in(reg) rest,
            inout("rcx") words => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies out of a frame into plain memory: the same here.
pub(crate) use self::copy as load;
/// Copies plain memory into a frame: the same here.
pub(crate) use self::copy as store;

/// Writes zeros to a whole frame: half as many stores as [`zero`] makes.
///
/// A program's XMM0 is in the register; it is put aside and back, and with
/// interrupts off no switch to another task comes in between.
///
/// # Safety
/// `to` is valid for a page and 16-byte aligned; SSE is on.
#[inline]
pub(crate) unsafe fn zero_page(to: *mut u8) {
    let mut aside = core::mem::MaybeUninit::<[u64; 2]>::uninit();
    let state = flags::irq_save();
    // SAFETY: the loop writes a page, which the caller vouches for; the
    // register is as before at the end.
    unsafe {
        asm!(
            "movups [{aside}], xmm0",
            "xorps xmm0, xmm0",
            "2:",
            ".set zeroed_at, 0",
            ".rept 32",
            "movaps [{to} + zeroed_at], xmm0",
            ".set zeroed_at, zeroed_at + 16",
            ".endr",
            "add {to}, 512",
            "cmp {to}, {end}",
            "jne 2b",
            "movups xmm0, [{aside}]",
            aside = in(reg) aside.as_mut_ptr(),
            end = in(reg) to.wrapping_add(PAGE_SIZE),
            to = inout(reg) to => _,
            options(nostack),
        );
    }
    flags::irq_restore(state);
}

/// Writes zeros to a frame.
///
/// # Safety
/// `to` is valid for `len` bytes.
#[inline]
pub(crate) unsafe fn zero(to: *mut u8, len: usize) {
    let (words, rest) = (len / 8, len % 8);
    // SAFETY: the two loops write exactly `8 * words + rest == len` bytes,
    // which the caller vouches for; DF is clear as the ABI demands.
    unsafe {
        asm!(
            "rep stosq",
            "mov ecx, {rest:e}",
            "rep stosb",
            rest = in(reg) rest,
            in("rax") 0,
            inout("rcx") words => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}
