// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cells that are written once and read for ever.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::arch;

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const READY: u8 = 2;

/// A cell that the first caller fills.
///
/// # Invariants
/// `state == READY` exactly when `value` is initialised, and it stays so.
pub struct Once<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value is written by one thread before READY is published, and only
// read afterwards; handing `&T` to several threads needs `T: Sync`.
unsafe impl<T: Send + Sync> Sync for Once<T> {}
// SAFETY: owning the cell owns the value.
unsafe impl<T: Send> Send for Once<T> {}

impl<T> Once<T> {
    /// An empty cell.
    pub const fn new() -> Self {
        Self { state: AtomicU8::new(EMPTY), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// The value, if somebody has put one in.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if self.state.load(Ordering::Acquire) != READY {
            return None;
        }
        let value = self.value.get().cast::<T>();
        // SAFETY: READY means initialised (type invariant), and was read with Acquire, so
        // nobody writes any more.
        Some(unsafe { &*value })
    }

    /// The value; the first caller makes it, others wait spinning.
    pub fn call_once(&self, make: impl FnOnce() -> T) -> &T {
        loop {
            if let Some(value) = self.get() {
                return value;
            }
            if self
                .state
                .compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Acquire)
                .is_ok()
            {
                let value = make();
                // SAFETY: BUSY is ours alone, and readers wait for READY. The reference ends
                // here, before they come.
                unsafe { &mut *self.value.get() }.write(value);
                self.state.store(READY, Ordering::Release);
                break;
            }
            arch::spin_hint();
        }
        match self.get() {
            Some(value) => value,
            None => unreachable!("READY was stored by this very call"),
        }
    }

    /// Puts `value` in an empty cell.
    ///
    /// # Errors
    /// The value itself, if the cell was not empty.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.call_once(|| match value.take() {
            Some(value) => value,
            None => unreachable!("call_once runs its closure once"),
        });
        value.map_or(Ok(()), Err)
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Once<T> {
    fn drop(&mut self) {
        if *self.state.get_mut() == READY {
            // SAFETY: READY means initialised, and `&mut self` is the last user.
            unsafe { self.value.get_mut().assume_init_drop() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_value_stays() {
        let once = Once::new();
        assert!(once.get().is_none());
        assert_eq!(*once.call_once(|| 7), 7);
        assert_eq!(*once.call_once(|| 8), 7);
        assert_eq!(once.set(9), Err(9));
    }

    #[test]
    fn value_is_dropped_once() {
        let value = std::sync::Arc::new(());
        let once = Once::new();
        assert!(once.set(value.clone()).is_ok());
        drop(once);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }
}
