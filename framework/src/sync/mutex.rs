// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A lock whose waiters sleep.

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, Ordering};

use super::order::{self, LockClass};
use super::threads::{Exclusive, exclusive};
use super::{Wait, WaitError, WaitQueue};

/// A lock for data that is held while sleeping is allowed.
pub struct Mutex<T: ?Sized> {
    held: AtomicBool,
    class: LockClass,
    waiters: WaitQueue,
    data: UnsafeCell<T>,
}

// SAFETY: `held` lets one holder at a time reach the data.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: owning the lock owns the data.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free lock. Where it is made is its class for order checking.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            class: LockClass::here(),
            waiters: WaitQueue::new(),
            data: UnsafeCell::new(value),
        }
    }

    /// The value, when nobody else can hold the lock any more.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock, sleeping until it is free.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        order::acquire(&self.class, order::Kind::Sleep);
        if !self.try_take() {
            self.waiters.wait_until(|| self.try_take().then_some(()));
        }
        MutexGuard { lock: self, rights: exclusive() }
    }

    /// Takes the lock; gives up when the task is interrupted.
    ///
    /// # Errors
    /// [`WaitError::Interrupted`].
    pub fn lock_interruptible(&self) -> Result<MutexGuard<'_, T>, WaitError> {
        self.lock_unless(Wait::interruptible())
    }

    /// Takes the lock, unless `how` says to give up before it is free.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn lock_unless(&self, how: Wait) -> Result<MutexGuard<'_, T>, WaitError> {
        if !self.try_take() {
            self.waiters.wait(how, || self.try_take().then_some(()))?;
        }
        order::acquire_tried(&self.class, order::Kind::Sleep);
        Ok(MutexGuard { lock: self, rights: exclusive() })
    }

    /// Takes the lock if it is free now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.try_take().then(|| {
            order::acquire_tried(&self.class, order::Kind::Sleep);
            MutexGuard { lock: self, rights: exclusive() }
        })
    }

    /// The data of a lock that is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    #[inline]
    fn try_take(&self) -> bool {
        self.held.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("held", &self.held.load(Ordering::Relaxed)).finish()
    }
}

/// Access to the data; dropping it frees the lock.
#[must_use = "the lock is freed when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    rights: Exclusive<'a, T>,
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so its owner holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists, so its owner holds the lock, and `&mut self`
        // rules out a second reference through the guard.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        order::release(&self.lock.class);
        // The order of "free, then look for waiters" pairs with a waiter's
        // "queue up, then try once more".
        self.lock.held.store(false, Ordering::SeqCst);
        self.lock.waiters.wake_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn counts_across_threads() {
        let rounds = if cfg!(miri) { 20 } else { 5_000 };
        let lock = Arc::new(Mutex::new(0u64));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                std::thread::spawn(move || {
                    for _ in 0..rounds {
                        *lock.lock() += 1;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.lock(), 4 * rounds);
    }

    #[test]
    fn a_deadline_ends_the_wait_for_a_lock() {
        let lock = Mutex::new(1);
        let soon = Wait::interruptible().deadline_ns(crate::time::monotonic_ns() + 5_000_000);
        let held = lock.lock();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| lock.lock_unless(soon).map(|value| *value));
            assert_eq!(waiter.join().unwrap(), Err(WaitError::TimedOut));
        });
        drop(held);
        assert_eq!(lock.lock_unless(soon).map(|value| *value), Ok(1));
    }
}
