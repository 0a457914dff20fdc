// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The count of what keeps the current task on its CPU, and the wish to switch.

use core::arch::asm;

use super::local::{self, NOT_WANTED, PREEMPT};
use crate::arch::x86::irq::flags::irqs_are_on;
use crate::sync::Once;

/// How to switch: the scheduler's, which lies above the locks that call it.
static SWITCH: Once<fn()> = Once::new();

/// Says what [`preempt_enable`] calls when a switch has been waiting.
pub(crate) fn on_switch(switch: fn()) {
    let _ = SWITCH.set(switch);
}

#[cold]
fn switch() {
    if let Some(switch) = SWITCH.get() {
        switch();
    }
}

/// In the count while an interrupt is handled: above all locks that one could hold.
const INTERRUPT: u32 = 1 << 28;

/// Adds to the count, modulo 2^32.
#[inline]
fn add<const N: u32>() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe {
        asm!("add dword ptr gs:[{}], {}", const PREEMPT, const N.cast_signed(), options(nostack))
    };
}

/// Keeps the current task on its CPU until [`preempt_enable`].
#[inline]
pub(crate) fn preempt_disable() {
    add::<1>();
}

/// Ends [`preempt_disable`]; switches tasks if that has been waiting.
#[inline]
pub(crate) fn preempt_enable() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "jz {}", const PREEMPT, label { switch() });
    }
}

/// More locks than any code holds, and fewer than there is room for in the count.
const MOST_LOCKS: u32 = 1 << 12;

/// Stops the machine if guards are forgotten again and again: the count would run over.
/// Called in each tick; a CPU cannot count that far between two.
pub(crate) fn check_depth() {
    if locks() > MOST_LOCKS {
        crate::fatal("spin locks are taken and never freed");
    }
}

/// Spin locks that are held, in an interrupt those of who was interrupted too.
fn locks() -> u32 {
    count() & (INTERRUPT - 1)
}

/// Whether a spin lock is held, in an interrupt also by who was interrupted.
pub(crate) fn holds_locks() -> bool {
    locks() > 0
}

/// Begins to handle an interrupt: nothing sleeps or switches until [`leave_interrupt`].
#[inline]
pub(crate) fn enter_interrupt() {
    add::<INTERRUPT>();
}

/// Ends [`enter_interrupt`]; whether to switch is the caller's business.
#[inline]
pub(crate) fn leave_interrupt() {
    add::<{ INTERRUPT.wrapping_neg() }>();
}

/// Asks this CPU to switch tasks as soon as it may.
pub(crate) fn set_need_resched() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe {
        asm!("and dword ptr gs:[{}], {}", const PREEMPT, const !NOT_WANTED, options(nostack))
    };
}

pub(crate) fn clear_need_resched() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe { asm!("or dword ptr gs:[{}], {}", const PREEMPT, const NOT_WANTED, options(nostack)) };
}

#[inline]
fn count() -> u32 {
    local::half::<PREEMPT>()
}

/// Whether a switch is wanted and nothing forbids it.
#[inline]
pub(crate) fn should_preempt() -> bool {
    count() == 0
}

/// Whether the caller may be interrupted and switched: it holds no spin lock and is no
/// interrupt, so it may wait for other CPUs.
pub(crate) fn is_preemptible() -> bool {
    count() & !NOT_WANTED == 0 && irqs_are_on()
}

/// Stops the machine if a spin lock is held or an interrupt is handled: whoever calls
/// this is about to leave the CPU to others.
#[inline]
pub(crate) fn must_be_free() {
    if count() & !NOT_WANTED != 0 {
        crate::fatal(
            "a task waits, switches or runs a program with a spin lock held, or in an interrupt",
        );
    }
}

/// Whether there is nothing to do before a program runs: no switch is wanted, and
/// [`must_be_free`] would return.
#[inline]
pub(crate) fn is_quiet() -> bool {
    count() == NOT_WANTED
}

/// Whether a switch is wanted.
pub(crate) fn need_resched() -> bool {
    count() & NOT_WANTED == 0
}
