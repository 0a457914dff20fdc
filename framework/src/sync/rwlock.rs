// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A sleeping lock for many readers or one writer.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering};

use super::WaitQueue;
use super::order::{self, LockClass};
use super::threads::{Exclusive, Shared, exclusive, shared};

/// The writer holds the lock.
const WRITER: u32 = 1 << 31;
/// A writer waits: new readers queue up behind it.
const WRITER_WAITS: u32 = 1 << 30;
const READERS: u32 = WRITER_WAITS - 1;

/// A lock that readers share and a writer has alone; waiters sleep.
///
/// A waiting writer holds new readers back, so a task must not take the same
/// lock for reading twice.
pub struct RwLock<T: ?Sized> {
    state: AtomicU32,
    class: LockClass,
    waiters: WaitQueue,
    data: UnsafeCell<T>,
}

// SAFETY: readers share `&T` (needs `Sync`), the writer has `&mut T` (needs `Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}
// SAFETY: owning the lock owns the data.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}

impl<T> RwLock<T> {
    /// A free lock. Where it is made is its class for order checking.
    #[track_caller]
    pub const fn new(value: T) -> Self {
        Self {
            state: AtomicU32::new(0),
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

impl<T: ?Sized> RwLock<T> {
    /// Takes the lock for reading, sleeping while a writer has it or waits.
    #[inline]
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        order::acquire(&self.class, order::Kind::Sleep);
        if !self.try_take_read() {
            self.waiters.wait_until(|| self.try_take_read().then_some(()));
        }
        RwLockReadGuard { lock: self, rights: shared() }
    }

    /// Takes the lock for writing, sleeping until everybody else is gone.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        order::acquire(&self.class, order::Kind::Sleep);
        if !self.try_take_write() {
            self.waiters.wait_until(|| {
                if self.try_take_write() {
                    return Some(());
                }
                self.state.fetch_or(WRITER_WAITS, Ordering::SeqCst);
                self.try_take_write().then_some(())
            });
        }
        RwLockWriteGuard { lock: self, rights: exclusive() }
    }

    /// Takes the lock for reading if that is possible now.
    #[cfg(test)]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.try_take_read().then(|| {
            order::acquire_tried(&self.class, order::Kind::Sleep);
            RwLockReadGuard { lock: self, rights: shared() }
        })
    }

    /// Takes the lock for writing if that is possible now.
    #[cfg(test)]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.try_take_write().then(|| {
            order::acquire_tried(&self.class, order::Kind::Sleep);
            RwLockWriteGuard { lock: self, rights: exclusive() }
        })
    }

    /// The data of a lock that is borrowed exclusively.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    #[inline]
    fn try_take_read(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & (WRITER | WRITER_WAITS) != 0 || state & READERS == READERS {
                return false;
            }
            match self.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }

    #[inline]
    fn try_take_write(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (WRITER | READERS) == 0 {
            // Other waiting writers announce themselves again when they look.
            match self.state.compare_exchange_weak(
                state,
                WRITER,
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("RwLock")
            .field("readers", &(state & READERS))
            .field("writer", &(state & WRITER != 0))
            .finish()
    }
}

/// Shared access to the data; dropping it frees the lock.
#[must_use = "the lock is freed when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    rights: Shared<'a, T>,
}

/// Exclusive access to the data; dropping it frees the lock.
#[must_use = "the lock is freed when the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    rights: Exclusive<'a, T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// Goes on as a reader, without letting another writer in between.
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(this).lock;
        // Waiting writers set their mark again when they wake.
        lock.state.store(1, Ordering::SeqCst);
        lock.waiters.wake_all();
        RwLockReadGuard { lock, rights: shared() }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so no writer holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists, so its owner alone holds the lock.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard exists, so its owner alone holds the lock, and
        // `&mut self` rules out a second reference through the guard.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        order::release(&self.lock.class);
        let before = self.lock.state.fetch_sub(1, Ordering::SeqCst);
        if before & READERS == 1 {
            self.lock.waiters.wake_all();
        }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        order::release(&self.lock.class);
        // Waiting writers set their mark again when they wake.
        self.lock.state.store(0, Ordering::SeqCst);
        self.lock.waiters.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn readers_share_writers_exclude() {
        let lock = RwLock::new(1);
        let first = lock.read();
        assert!(lock.try_read().is_some());
        assert!(lock.try_write().is_none());
        drop(first);
        let mut writer = lock.write();
        *writer = 2;
        assert!(lock.try_read().is_none());
        drop(writer);
        assert_eq!(*lock.read(), 2);
    }

    #[test]
    fn a_writer_goes_on_as_a_reader() {
        let lock = RwLock::new(1);
        let mut writer = lock.write();
        *writer = 2;
        let reader = RwLockWriteGuard::downgrade(writer);
        assert_eq!((*reader, lock.try_read().map(|value| *value)), (2, Some(2)));
        assert!(lock.try_write().is_none());
        drop(reader);
        assert!(lock.try_write().is_some());
    }

    #[test]
    fn writers_get_through_a_stream_of_readers() {
        let rounds = if cfg!(miri) { 10 } else { 2_000 };
        let lock = Arc::new(RwLock::new(0u64));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let lock = lock.clone();
                std::thread::spawn(move || {
                    for _ in 0..rounds {
                        if n == 0 {
                            *lock.write() += 1;
                        } else {
                            std::hint::black_box(*lock.read());
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.read(), rounds);
    }
}
