// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Spinning locks, typed by what they switch off.
//!
//! [`SpinLock`] keeps the holder on its CPU (preemption off); [`IrqLock`] also
//! keeps interrupts off, for data that an interrupt handler touches.

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use super::flag::Flag;
use super::order::{self, LockClass};
use super::threads::{Exclusive, exclusive};
use crate::arch;

macro_rules! spinning_lock {
    ($(#[$doc:meta])* $lock:ident, $guard:ident, $enter:expr, $leave:expr, $nap:expr, $state:ty) => {
        $(#[$doc])*
        pub struct $lock<T: ?Sized> {
            held: Flag,
            class: LockClass,
            data: UnsafeCell<T>,
        }

        // SAFETY: the flag lets one holder at a time reach the data, so sharing
        // the lock shares no `&T` between CPUs; moving `T` needs `T: Send`.
        unsafe impl<T: ?Sized + Send> Sync for $lock<T> {}
        // SAFETY: owning the lock owns the data.
        unsafe impl<T: ?Sized + Send> Send for $lock<T> {}

        impl<T> $lock<T> {
            /// A free lock. Where it is made is its class for order checking.
            #[track_caller]
            pub const fn new(value: T) -> Self {
                Self {
                    held: Flag::new(),
                    class: LockClass::here(),
                    data: UnsafeCell::new(value),
                }
            }

            /// The value, when nobody else can hold the lock any more.
            pub fn into_inner(self) -> T {
                self.data.into_inner()
            }
        }

        impl<T: ?Sized> $lock<T> {
            /// Waits, spinning, until the lock is free, and takes it.
            #[inline]
            pub fn lock(&self) -> $guard<'_, T> {
                let state = $enter;
                order::want(&self.class, order::Kind::Spin);
                if !self.held.try_take() {
                    let nap: fn($state) = $nap;
                    self.held.take_slowly(|| nap(state));
                }
                order::acquire_tried(&self.class, order::Kind::Spin);
                $guard { lock: self, state, rights: exclusive() }
            }

            /// Takes the lock if it is free now.
            pub fn try_lock(&self) -> Option<$guard<'_, T>> {
                let state = $enter;
                if self.held.try_take() {
                    order::acquire_tried(&self.class, order::Kind::Spin);
                    Some($guard { lock: self, state, rights: exclusive() })
                } else {
                    let leave: fn($state) = $leave;
                    leave(state);
                    None
                }
            }

            /// The data of a lock that is borrowed exclusively.
            pub fn get_mut(&mut self) -> &mut T {
                self.data.get_mut()
            }
        }

        impl<T: Default> Default for $lock<T> {
            #[track_caller]
            fn default() -> Self {
                Self::new(T::default())
            }
        }

        impl<T: ?Sized> fmt::Debug for $lock<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($lock)).field("held", &self.held.is_held()).finish()
            }
        }

        /// Access to the data; dropping it frees the lock.
        #[must_use = "the lock is freed when the guard is dropped"]
        pub struct $guard<'a, T: ?Sized> {
            lock: &'a $lock<T>,
            state: $state,
            rights: Exclusive<'a, T>,
        }

        impl<T: ?Sized> Deref for $guard<'_, T> {
            type Target = T;
            #[inline]
            fn deref(&self) -> &T {
                // SAFETY: the guard exists, so this CPU holds the lock.
                unsafe { &*self.lock.data.get() }
            }
        }

        impl<T: ?Sized> DerefMut for $guard<'_, T> {
            #[inline]
            fn deref_mut(&mut self) -> &mut T {
                // SAFETY: the guard exists, so this CPU holds the lock, and
                // `&mut self` rules out a second reference through the guard.
                unsafe { &mut *self.lock.data.get() }
            }
        }

        impl<T: ?Sized> Drop for $guard<'_, T> {
            #[inline]
            fn drop(&mut self) {
                order::release(&self.lock.class);
                self.lock.held.free();
                let leave: fn($state) = $leave;
                leave(self.state);
            }
        }
    };
}

spinning_lock! {
    /// A spinning lock that keeps its holder on its CPU.
    ///
    /// Must not be taken by interrupt handlers; the holder must not sleep.
    SpinLock, SpinLockGuard, arch::preempt_disable(), |()| arch::preempt_enable(), |()| arch::nap(), ()
}

spinning_lock! {
    /// A spinning lock that also keeps interrupts off while it is held.
    IrqLock, IrqLockGuard, enter_irq_off(), leave_irq_off, nap_irq_off,
    arch::IrqState
}

#[inline]
#[allow(clippy::let_unit_value, reason = "there is no such state on the build machine")]
fn enter_irq_off() -> arch::IrqState {
    let state = arch::irq_save();
    arch::preempt_disable();
    state
}

#[inline]
fn leave_irq_off(state: arch::IrqState) {
    arch::irq_restore(state);
    arch::preempt_enable();
}

/// Naps with interrupts as they were before the lock: nobody can halt with them off.
#[allow(clippy::let_unit_value, reason = "there is no such state on the build machine")]
fn nap_irq_off(state: arch::IrqState) {
    arch::irq_restore(state);
    arch::nap();
    let _ = arch::irq_save();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn counts_across_threads() {
        let rounds = if cfg!(miri) { 50 } else { 10_000 };
        let lock = Arc::new(SpinLock::new(0u64));
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
    fn try_lock_fails_when_held() {
        let lock = IrqLock::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert_eq!(*lock.try_lock().unwrap(), 1);
    }

    #[test]
    #[should_panic(expected = "with a spin lock held")]
    fn nobody_sleeps_with_a_spin_lock() {
        let lock = SpinLock::new(0);
        let _guard = lock.lock();
        crate::task::park(Some(0));
    }

    #[test]
    fn free_locks_leave_no_trace() {
        let lock = IrqLock::new(0);
        drop((lock.lock(), lock.try_lock()));
        assert!(lock.try_lock().is_some());
        crate::task::park(Some(0));
    }
}
