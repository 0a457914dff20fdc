// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Untyped`]: a range of memory that others may change while it is used.
//!
//! Pages of programs and buffers that the host sees are such. No slice of one is
//! ever made: bytes are copied in, out, and from one to another.

use core::marker::PhantomData;

use crate::arch::bytes;

/// A range of untyped memory.
///
/// # Invariants
/// `at` is valid for `len` bytes as long as `'a`, and no reference to them exists.
pub(crate) struct Untyped<'a> {
    at: *mut u8,
    len: usize,
    owner: PhantomData<&'a ()>,
}

impl Untyped<'_> {
    /// A range that its owner lends.
    ///
    /// # Safety
    /// `at` is valid for `len` bytes as long as the lifetime that the caller gives it,
    /// and Rust has no reference to them.
    #[inline]
    pub(crate) unsafe fn new(at: *mut u8, len: usize) -> Self {
        Self { at, len, owner: PhantomData }
    }

    /// How many bytes it has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Its first byte.
    #[inline]
    pub(crate) fn ptr(&self) -> *mut u8 {
        self.at
    }

    /// Copies bytes out, as many as both have; returns how many.
    #[inline]
    pub(crate) fn load(&self, out: &mut [u8]) -> usize {
        let len = self.len.min(out.len());
        // SAFETY: 1. `len` bytes are in the range, by the invariant. 2. `out` has as many
        // and is no part of untyped memory, as it is a slice.
        unsafe { bytes::load(out.as_mut_ptr(), self.at, len) };
        len
    }

    /// Copies bytes in, as many as both have; returns how many.
    #[inline]
    pub(crate) fn store(&self, data: &[u8]) -> usize {
        let len = self.len.min(data.len());
        // SAFETY: as in `load`, with the roles exchanged.
        unsafe { bytes::store(self.at, data.as_ptr(), len) };
        len
    }

    /// Copies bytes from another range, as many as both have; returns how many: none
    /// if they overlap.
    #[inline]
    pub(crate) fn copy_from(&self, from: &Untyped<'_>) -> usize {
        let len = self.len.min(from.len);
        if self.at.addr().abs_diff(from.at.addr()) < len {
            return 0;
        }
        // SAFETY: 1. and 2. `len` bytes are in either range, by the invariant. 3. They
        // begin at least `len` bytes apart.
        unsafe { bytes::copy(self.at, from.at, len) };
        len
    }

    /// Writes zeros.
    #[inline]
    pub(crate) fn zero(&self) {
        // SAFETY: the bytes are in the range, by the invariant.
        unsafe { bytes::zero(self.at, self.len) };
    }
}
