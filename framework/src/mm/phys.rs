// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Physical memory: frame numbers, and where the kernel sees a frame.
//!
//! On the machine all RAM is visible through the direct map. The hosted
//! backend has one arena of simulated memory instead, so everything above
//! (frame metadata, page tables, user copies) runs the same code on both.

use core::num::NonZeroU32;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::PAGE_SIZE;

/// Number of a physical frame. Frame 0 is never used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pfn(NonZeroU32);

impl Pfn {
    /// Frame number `n`, unless that is 0.
    #[inline]
    pub(crate) const fn new(n: u32) -> Option<Self> {
        match NonZeroU32::new(n) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The frame at physical address `addr`.
    #[inline]
    pub(crate) fn from_addr(addr: u64) -> Option<Self> {
        u32::try_from(addr / PAGE_SIZE as u64).ok().and_then(Self::new)
    }

    /// The number.
    #[inline]
    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }

    /// The physical address of the first byte.
    #[inline]
    pub(crate) fn addr(self) -> u64 {
        u64::from(self.get()) * PAGE_SIZE as u64
    }

    /// Where the kernel sees the frame: valid for reads and writes of a page
    /// by whoever owns the frame, if [`super::meta`] knows it as RAM.
    #[inline]
    pub(crate) fn ptr(self) -> *mut u8 {
        ptr(self.addr())
    }
}

/// Where the kernel sees physical address 0.
static BASE: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
/// Frames the kernel can see: numbers below this.
static FRAMES: AtomicUsize = AtomicUsize::new(0);

/// Where the kernel sees a physical address, if it is RAM.
#[inline]
pub(crate) fn ptr(addr: u64) -> *mut u8 {
    BASE.load(Ordering::Relaxed).wrapping_add(addr as usize)
}

/// Tells where physical memory can be seen, and how many frames of it.
pub(super) fn set_window(base: *mut u8, frames: usize) {
    BASE.store(base, Ordering::Relaxed);
    FRAMES.store(frames, Ordering::Release);
}

/// Frames in the window (RAM and holes).
#[inline]
pub(super) fn frames() -> usize {
    FRAMES.load(Ordering::Acquire)
}
