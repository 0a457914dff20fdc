// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A sleeping lock for many readers or one writer.
//!
//! Readers count themselves by CPU, so that those of two CPUs write to no line in common. A
//! reader counts itself, then looks for a writer; a writer says that it comes, then looks for
//! readers: one of the two sees the other. Who sees somebody waits a little with open eyes,
//! then sleeps.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::order::{self, LockClass};
use super::threads::{Exclusive, Shared, exclusive, shared};
use super::{Spread, WaitQueue};
use crate::{arch, cpu};

/// The writer holds the lock, or looks for readers.
const WRITER: u32 = 1 << 0;
/// A writer waits: new readers queue up behind it.
const WRITER_WAITS: u32 = 1 << 1;

/// Looks at the lock before the task sleeps: to sleep and wake takes longer than most
/// holders do.
const LOOKS: u32 = 100;

/// A lock that readers share and a writer has alone; waiters sleep.
///
/// A waiting writer holds new readers back, so a task must not take the same
/// lock for reading twice.
pub struct RwLock<T: ?Sized> {
    readers: Spread,
    /// [`WRITER`] and [`WRITER_WAITS`].
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
            readers: Spread::new(),
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
        let readers = match self.try_take_read() {
            Some(readers) => readers,
            None => self.wait_until(|| self.try_take_read()),
        };
        RwLockReadGuard { lock: self, readers, rights: shared() }
    }

    /// Takes the lock for writing, sleeping until everybody else is gone.
    #[inline]
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        order::acquire(&self.class, order::Kind::Sleep);
        if !self.try_take_write() {
            self.wait_until(|| {
                self.state.fetch_or(WRITER_WAITS, Ordering::SeqCst);
                self.try_take_write().then_some(())
            });
        }
        RwLockWriteGuard { lock: self, rights: exclusive() }
    }

    /// Takes the lock for reading if that is possible now.
    #[cfg(test)]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.try_take_read().map(|readers| {
            order::acquire_tried(&self.class, order::Kind::Sleep);
            RwLockReadGuard { lock: self, readers, rights: shared() }
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

    #[cold]
    fn wait_until<R>(&self, mut take: impl FnMut() -> Option<R>) -> R {
        for _ in 0..if cpu::count() > 1 { LOOKS } else { 0 } {
            if let Some(taken) = take() {
                return taken;
            }
            arch::spin_hint();
        }
        self.waiters.wait_until(take)
    }

    /// Where the reader has counted itself.
    #[inline]
    fn try_take_read(&self) -> Option<&AtomicUsize> {
        if self.state.load(Ordering::Relaxed) != 0 {
            return None;
        }
        let readers = self.readers.current();
        readers.fetch_add(1, Ordering::SeqCst);
        if self.state.load(Ordering::SeqCst) == 0 {
            return Some(readers);
        }
        self.leave(readers);
        None
    }

    /// A reader goes. The writer that waits has said so before it looked for readers.
    #[inline]
    fn leave(&self, readers: &AtomicUsize) {
        readers.fetch_sub(1, Ordering::SeqCst);
        if self.state.load(Ordering::SeqCst) & WRITER_WAITS != 0 {
            self.waiters.wake_all();
        }
    }

    #[inline]
    fn try_take_write(&self) -> bool {
        if self.state.fetch_or(WRITER, Ordering::SeqCst) & WRITER != 0 {
            return false;
        }
        if self.readers.iter().all(|readers| readers.load(Ordering::SeqCst) == 0) {
            return true;
        }
        // Readers that turned back meanwhile are woken when this writer is through.
        self.state.fetch_and(!WRITER, Ordering::SeqCst);
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
        let is_written = self.state.load(Ordering::Relaxed) & WRITER != 0;
        f.debug_struct("RwLock")
            .field("readers", &self.readers)
            .field("writer", &is_written)
            .finish()
    }
}

/// Shared access to the data; dropping it frees the lock.
#[must_use = "the lock is freed when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Where it is counted.
    readers: &'a AtomicUsize,
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
        let readers = lock.readers.current();
        readers.fetch_add(1, Ordering::SeqCst);
        // Waiting writers set their mark again when they wake.
        lock.state.store(0, Ordering::SeqCst);
        lock.waiters.wake_all();
        RwLockReadGuard { lock, readers, rights: shared() }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard exists and is counted, and it saw no writer after that: one that
        // came later sees the count, and does not take the lock.
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
        self.lock.leave(self.readers);
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

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU32, Ordering::SeqCst, fence};
    use loom::thread;

    /// A reader and a writer, each as in `try_take_read` and `try_take_write`: not both get
    /// in, and a writer that waits is woken. Loom takes sequentially consistent accesses for
    /// acquire and release, but knows the fences: they stand for the one order of all.
    #[test]
    fn loom_a_reader_and_a_writer_see_each_other() {
        loom::model(|| {
            let lock = Arc::new([const { () }; 3].map(|()| AtomicU32::new(0)));
            let other = lock.clone();
            let reader = thread::spawn(move || {
                let [readers, state, woken] = &*other;
                readers.fetch_add(1, SeqCst);
                fence(SeqCst);
                let is_in = state.load(SeqCst) == 0;
                if !is_in {
                    readers.fetch_sub(1, SeqCst);
                    fence(SeqCst);
                    woken.fetch_or(state.load(SeqCst) & super::WRITER_WAITS, SeqCst);
                }
                is_in
            });
            let [readers, state, woken] = &*lock;
            state.fetch_or(super::WRITER_WAITS, SeqCst);
            state.fetch_or(super::WRITER, SeqCst);
            fence(SeqCst);
            let is_written = readers.load(SeqCst) == 0;
            let is_read = reader.join().unwrap();
            assert!(!(is_read && is_written));
            assert!(is_read || is_written || woken.load(SeqCst) != 0);
        });
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
