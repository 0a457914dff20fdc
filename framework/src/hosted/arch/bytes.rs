// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copying to, from and between frames of untyped memory, by relaxed atomic bytes:
//! somebody else may change a frame while it is copied.

use core::sync::atomic::{AtomicU8, Ordering};

/// Byte `i` of a frame.
///
/// # Safety
/// `at + i` is valid for atomic access during `'a`.
unsafe fn byte<'a>(at: *const u8, i: usize) -> &'a AtomicU8 {
    let byte = at.cast_mut().wrapping_add(i);
    // SAFETY: the caller's duty; a byte has no alignment to miss.
    unsafe { AtomicU8::from_ptr(byte) }
}

/// Copies between frames.
///
/// # Safety
/// `from` and `to` are valid for `len` bytes, and do not overlap.
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`.
        let value = unsafe { byte(from, i) }.load(Ordering::Relaxed);
        // SAFETY: `i < len`.
        unsafe { byte(to, i) }.store(value, Ordering::Relaxed);
    }
}

/// Copies out of a frame into plain memory.
///
/// # Safety
/// As for [`copy`]; `to` is exclusively the caller's.
pub(crate) unsafe fn load(to: *mut u8, from: *const u8, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`.
        let value = unsafe { byte(from, i) }.load(Ordering::Relaxed);
        // SAFETY: `i < len`, and nobody else uses `to`.
        unsafe { to.wrapping_add(i).write(value) };
    }
}

/// Copies plain memory into a frame.
///
/// # Safety
/// As for [`copy`]; nobody writes `from` meanwhile.
pub(crate) unsafe fn store(to: *mut u8, from: *const u8, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`, and nobody else writes `from`.
        let value = unsafe { from.wrapping_add(i).read() };
        // SAFETY: `i < len`.
        unsafe { byte(to, i) }.store(value, Ordering::Relaxed);
    }
}

/// Writes zeros to a whole frame.
///
/// # Safety
/// `to` is valid for a page.
pub(crate) unsafe fn zero_page(to: *mut u8) {
    // SAFETY: the caller's duty is the same.
    unsafe { zero(to, crate::mm::PAGE_SIZE) };
}

/// Writes zeros to a frame.
///
/// # Safety
/// `to` is valid for `len` bytes.
pub(crate) unsafe fn zero(to: *mut u8, len: usize) {
    for i in 0..len {
        // SAFETY: `i < len`.
        unsafe { byte(to, i) }.store(0, Ordering::Relaxed);
    }
}
