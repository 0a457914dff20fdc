// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Locks, wait queues, one-time cells and per-CPU data.
//!
//! The type says what a lock does to its holder: [`SpinLock`] turns preemption
//! off, [`IrqLock`] turns interrupts off as well, [`Mutex`] and [`RwLock`] sleep.
//! [`WaitQueue`] and [`Waiter`] put tasks to sleep until a condition holds.
//!
//! Debug builds check the order in which locks are taken (see `order`).
//!
//! Locks: a sleeping lock is never taken while a spinning one is held.
//! The heap's and the frame pool's own locks come last: memory may be had under any other
//! lock, so a lock is called a leaf that has nothing but these below it.

mod claims;
mod flag;
#[cfg(debug_assertions)]
mod held;
mod latch;
mod lazy;
mod mutex;
mod once;
mod order;
mod percpu;
mod queue;
mod rwlock;
mod spin;
mod spread;
mod threads;
mod wait;
mod waiter;

pub(crate) use flag::spin_until;
#[cfg(debug_assertions)]
pub(crate) use held::Held;
pub(crate) use latch::Latch;
pub use lazy::Lazy;
pub use mutex::{Mutex, MutexGuard};
pub use once::Once;
pub use percpu::PerCpu;
pub use queue::WaitQueue;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use spin::{IrqLock, IrqLockGuard, SpinLock, SpinLockGuard};
pub use spread::Spread;
pub use wait::{Wait, WaitError};
pub use waiter::Waiter;
