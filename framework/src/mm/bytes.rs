// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copying to, from and between frames of untyped memory.
//!
//! Somebody else may change a frame while it is copied. On the machine the
//! copies are assembly, which Rust's rules on data races do not reach; the
//! hosted backend uses relaxed atomic bytes.

#[cfg(target_os = "none")]
pub(super) use machine::{copy, zero_page};
#[cfg(target_os = "none")]
pub(crate) use machine::{load, store, zero};

#[cfg(not(target_os = "none"))]
pub(super) use hosted::{copy, zero_page};
#[cfg(not(target_os = "none"))]
pub(crate) use hosted::{load, store, zero};

#[cfg(target_os = "none")]
mod machine {
    use core::arch::asm;

    use crate::mm::PAGE_SIZE;

    /// Copies between frames.
    ///
    /// # Safety
    /// `from` and `to` are valid for `len` bytes, and do not overlap.
    #[inline]
    pub(in crate::mm) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
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

    /// Copies out of a frame into plain memory.
    ///
    /// # Safety
    /// As for [`copy`].
    #[inline]
    pub(crate) unsafe fn load(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: the caller's duties are the same.
        unsafe { copy(to, from, len) };
    }

    /// Copies plain memory into a frame.
    ///
    /// # Safety
    /// As for [`copy`].
    #[inline]
    pub(crate) unsafe fn store(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: the caller's duties are the same.
        unsafe { copy(to, from, len) };
    }

    /// Writes zeros to a whole frame: half as many stores as [`zero`] makes.
    ///
    /// A program's XMM0 is in the register; it is put aside and back, and with
    /// interrupts off no switch to another task comes in between.
    ///
    /// # Safety
    /// `to` is valid for a page and 16-byte aligned; SSE is on.
    #[inline]
    pub(in crate::mm) unsafe fn zero_page(to: *mut u8) {
        let mut aside = core::mem::MaybeUninit::<[u64; 2]>::uninit();
        let state = crate::arch::irq_save();
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
        crate::arch::irq_restore(state);
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
}

#[cfg(not(target_os = "none"))]
mod hosted {
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
    pub(in crate::mm) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
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
    pub(in crate::mm) unsafe fn zero_page(to: *mut u8) {
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
}
