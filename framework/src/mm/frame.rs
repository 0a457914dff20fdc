// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Frame`]: a counted page of untyped memory.
//!
//! User programs, and later devices, change these bytes at any time, so no
//! reference into a frame is ever made: bytes are copied in and out.

use core::mem::ManuallyDrop;
use core::ops::Range;

use super::frames::{self, Class};
use super::meta::{self, Kind};
use super::phys::Pfn;
use super::{NoMemory, PAGE_SIZE, Untyped};
use crate::arch::bytes;

/// A reference to a 4 KiB page of untyped memory; the last one frees it.
///
/// # Invariants
/// The frame is untyped and one of its references is this value's.
#[derive(Debug)]
pub struct Frame(Pfn);

impl Frame {
    /// A new page of zeros.
    ///
    /// # Errors
    /// [`NoMemory`] when only the kernel's reserve is left.
    #[inline]
    pub fn zeroed() -> Result<Self, NoMemory> {
        let frame = Self::stale()?;
        // SAFETY: the page is ours alone, and all of it lies in the frame; SSE is
        // on when there are tasks, and nobody else makes frames.
        unsafe { bytes::zero_page(frame.0.ptr()) };
        Ok(frame)
    }

    /// A new page with the content of `source`.
    ///
    /// # Errors
    /// [`NoMemory`] when only the kernel's reserve is left.
    pub fn copy_of(source: &Self) -> Result<Self, NoMemory> {
        let frame = Self::stale()?;
        frame.untyped(0, PAGE_SIZE).copy_from(&source.untyped(0, PAGE_SIZE));
        Ok(frame)
    }

    /// A new page whose old content must be overwritten before anyone sees it.
    #[inline]
    fn stale() -> Result<Self, NoMemory> {
        frames::take(Class::User, Kind::Untyped).map(Self).ok_or(NoMemory)
    }

    /// Copies bytes from `offset` on into `out`; what lies beyond the page is
    /// left out. Returns how many it copied.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        self.untyped(offset, out.len()).load(out)
    }

    /// Copies `data` into the page from `offset` on; what does not fit is left
    /// out. Returns how many bytes it copied.
    pub fn write(&self, offset: usize, data: &[u8]) -> usize {
        self.untyped(offset, data.len()).store(data)
    }

    /// Writes zeros to a range of the page; what lies beyond it is left out.
    pub fn zero(&self, range: Range<usize>) {
        self.untyped(range.start, range.end.saturating_sub(range.start)).zero();
    }

    /// The part of `offset..offset + len` that lies in the page.
    #[inline]
    pub(crate) fn untyped(&self, offset: usize, len: usize) -> Untyped<'_> {
        let range = clip(offset, len);
        // SAFETY: 1. the range lies in the page, which `self` keeps alive. 2. Nobody
        // makes references to untyped frames.
        unsafe { Untyped::new(self.0.ptr().wrapping_add(range.start), range.len()) }
    }

    /// References to this frame: [`Frame`]s and mappings.
    pub fn refs(&self) -> usize {
        meta::of(self.0).refs()
    }

    /// A number that names the frame while it is alive.
    pub fn id(&self) -> u64 {
        u64::from(self.0.get())
    }

    /// Its number.
    #[inline]
    pub(super) fn pfn(&self) -> Pfn {
        self.0
    }

    /// Turns the reference into one that a page-table entry holds.
    #[inline]
    pub(super) fn into_pfn(self) -> Pfn {
        ManuallyDrop::new(self).0
    }

    /// The reference that a page-table entry held.
    ///
    /// # Safety
    /// The caller owns a reference to the untyped frame `pfn`, which becomes
    /// this value's.
    #[inline]
    pub(super) unsafe fn from_pfn(pfn: Pfn) -> Self {
        Self(pfn)
    }
}

impl Clone for Frame {
    #[inline]
    fn clone(&self) -> Self {
        meta::of(self.0).acquire();
        Self(self.0)
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        if meta::of(self.0).release() {
            frames::give(self.0, Kind::Untyped);
        }
    }
}

/// The part of `offset..offset+len` that lies in a page.
fn clip(offset: usize, len: usize) -> Range<usize> {
    let start = offset.min(PAGE_SIZE);
    start..start + len.min(PAGE_SIZE - start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_frames_are_zero_even_after_use() {
        for _ in 0..3 {
            let frame = Frame::zeroed().unwrap();
            let mut byte = [1];
            frame.read(4095, &mut byte);
            assert_eq!(byte, [0]);
            frame.write(4095, &[7]);
        }
    }

    #[test]
    fn accesses_are_cut_at_the_end_of_the_page() {
        let frame = Frame::zeroed().unwrap();
        assert_eq!(frame.write(4090, &[1; 10]), 6);
        assert_eq!(frame.write(usize::MAX, &[1; 10]), 0);
        let mut out = [9; 10];
        assert_eq!(frame.read(4090, &mut out), 6);
        assert_eq!(out, [1, 1, 1, 1, 1, 1, 9, 9, 9, 9]);
        frame.zero(4092..usize::MAX);
        frame.read(4090, &mut out);
        assert_eq!(out[..6], [1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn clones_share_and_copies_do_not() {
        let a = Frame::zeroed().unwrap();
        let b = a.clone();
        assert_eq!((a.refs(), a.id()), (2, b.id()));
        let c = Frame::copy_of(&a).unwrap();
        b.write(0, &[5]);
        let mut byte = [0];
        a.read(0, &mut byte);
        assert_eq!(byte, [5]);
        c.read(0, &mut byte);
        assert_eq!(byte, [0]);
        drop(b);
        assert_eq!(a.refs(), 1);
    }
}
