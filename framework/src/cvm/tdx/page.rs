// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A private page at a known physical address, for what the hardware reads and
//! writes itself. It works before there is an allocator.
//!
//! Locks: `LOCK` is a leaf (interrupts off), held while the hardware uses the page.

use core::cell::UnsafeCell;

use super::report;
use crate::sync::{IrqLock, IrqLockGuard};

#[repr(C, align(4096))]
struct Bytes(UnsafeCell<[u8; 4096]>);

// SAFETY: reached only through `Page`, which holds the lock.
unsafe impl Sync for Bytes {}

static PAGE: Bytes = Bytes(UnsafeCell::new([0; 4096]));
static LOCK: IrqLock<()> = IrqLock::new(());

/// The page, for as long as its lock is held.
pub(super) struct Page {
    phys: u64,
    _guard: IrqLockGuard<'static, ()>,
}

impl Page {
    /// Locks it; `image` is physical minus virtual address of the kernel's image.
    pub(super) fn lock(image: u64) -> Self {
        let phys = (PAGE.0.get().addr() as u64).wrapping_add(image);
        Self { phys, _guard: LOCK.lock() }
    }

    /// Its physical address.
    pub(super) fn phys(&self) -> u64 {
        self.phys
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
    pub(super) fn report(&self) -> [u8; report::LEN] {
        let at = PAGE.0.get().cast::<[u8; report::LEN]>().wrapping_add(1);
        // SAFETY: inside the page, whose lock is held; volatile, for the hardware
        // has written it.
        unsafe { at.read_volatile() }
    }
}
