// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A private page at a known physical address, for what the hardware reads and
//! writes itself. It works before there is an allocator.
//!
//! Locks: `LOCK` is a leaf (interrupts off), held while the hardware uses the page.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::sync::{IrqLock, IrqLockGuard};

#[repr(C, align(4096))]
struct Bytes(UnsafeCell<[u8; 4096]>);

// SAFETY: reached only through `Page`, which holds the lock.
unsafe impl Sync for Bytes {}

static PAGE: Bytes = Bytes(UnsafeCell::new([0; 4096]));
static LOCK: IrqLock<()> = IrqLock::new(());
/// Physical minus virtual address of the image.
static OFFSET: AtomicU64 = AtomicU64::new(0);

/// Tells where the image is: physical minus virtual address.
pub(super) fn set_offset(offset: u64) {
    OFFSET.store(offset, Ordering::Relaxed);
}

/// The page, for as long as its lock is held.
pub(super) struct Page {
    _guard: IrqLockGuard<'static, ()>,
}

impl Page {
    pub(super) fn lock() -> Self {
        Self { _guard: LOCK.lock() }
    }

    /// Its physical address.
    pub(super) fn phys(&self) -> u64 {
        (PAGE.0.get().addr() as u64).wrapping_add(OFFSET.load(Ordering::Relaxed))
    }

    /// Puts `bytes` at its start.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        // SAFETY: the lock is held, and `self` is borrowed exclusively.
        let page = unsafe { &mut *PAGE.0.get() };
        if let Some(to) = page.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    /// Bytes 1024 to 2047, as the hardware wrote them.
    pub(super) fn report(&self) -> [u8; 1024] {
        let at = PAGE.0.get().cast::<[u8; 1024]>().wrapping_add(1);
        // SAFETY: inside the page, whose lock is held; volatile, for the hardware
        // has written it.
        unsafe { at.read_volatile() }
    }
}
