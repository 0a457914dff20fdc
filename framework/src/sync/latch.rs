// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Latch`]: a spinning lock of one byte, for records that have no room for more.

use super::flag::Flag;
use super::order::{self, Kind, LockClass};
use crate::arch;

/// All latches are of one class: those of page tables.
static CLASS: LockClass = LockClass::here();

/// A lock without data and without a guard: who makes the guard frees it. As with a
/// [`SpinLock`](super::SpinLock), the holder stays on its CPU and must not sleep.
#[derive(Debug)]
pub(crate) struct Latch(Flag);

impl Latch {
    /// A free one: all zeros.
    pub(crate) const fn new() -> Self {
        Self(Flag::new())
    }

    /// Waits, spinning, until the latch is free, and takes it.
    #[inline]
    pub(crate) fn take(&self) {
        arch::preempt_disable();
        order::want(&CLASS, Kind::Spin);
        if !self.0.try_take() {
            self.0.take_slowly(arch::nap);
        }
        order::acquire_tried(&CLASS, Kind::Spin);
    }

    /// Takes the latch if it is free now. Interrupts are off: nothing comes between taking it
    /// and staying on this CPU.
    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        let is_taken = self.0.try_take();
        if is_taken {
            arch::preempt_disable();
            order::acquire_tried(&CLASS, Kind::Spin);
        }
        is_taken
    }

    /// Frees the latch, which the caller has taken.
    #[inline]
    pub(crate) fn free(&self) {
        order::release(&CLASS);
        self.0.free();
        arch::preempt_enable();
    }

    /// Gives up the right to free the latch, which the caller has taken: nobody takes it
    /// again before [`Latch::reset`].
    pub(crate) fn keep(&self) {
        order::release(&CLASS);
        arch::preempt_enable();
    }

    /// Frees a latch that was kept, when nobody can look at it any more.
    pub(crate) fn reset(&self) {
        self.0.free();
    }
}
