// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What guards may do between threads.
//!
//! A guard gives what a reference gives, so it is `Sync` where that reference is, and no
//! further; and it stays with the task that took the lock, so it is never `Send`. A guard
//! holds [`Exclusive`] or [`Shared`], which say so; `claims` has the compiler check it.
//!
//! A lock hands `T` from task to task, so it asks for `T: Send` to be shared. Its guard asks
//! for `T: Sync` too: two threads that share a guard share a `&T`.
//!
//! ```compile_fail,E0277
//! use std::cell::Cell;
//! let lock = framework::sync::Mutex::new(Cell::new(Box::new(1)));
//! let guard = lock.lock();
//! std::thread::scope(|threads| {
//!     threads.spawn(|| guard.set(Box::new(2)));
//!     threads.spawn(|| guard.set(Box::new(3)));
//! });
//! ```

use core::marker::PhantomData;

/// For guards that give `&mut T`.
pub(super) type Exclusive<'a, T> = PhantomData<(&'a mut T, Stays)>;
/// For guards that give `&T`.
pub(super) type Shared<'a, T> = PhantomData<(&'a T, Stays)>;

pub(super) const fn exclusive<'a, T: ?Sized>() -> Exclusive<'a, T> {
    PhantomData
}

pub(super) const fn shared<'a, T: ?Sized>() -> Shared<'a, T> {
    PhantomData
}

/// Not `Send`: who took a lock frees it.
pub(super) struct Stays(PhantomData<*const ()>);

// SAFETY: there is nothing in it that could be shared.
unsafe impl Sync for Stays {}
