// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The count of what keeps the current task on its CPU, and the wish to switch.

use core::arch::asm;

use super::local::{NOT_WANTED, PREEMPT};
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

/// Keeps the current task on its CPU until [`preempt_enable`].
#[inline]
pub(crate) fn preempt_disable() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe { asm!("inc dword ptr gs:[{}]", const PREEMPT, options(nostack)) };
}

/// Ends [`preempt_disable`]; switches tasks if that has been waiting.
#[inline]
pub(crate) fn preempt_enable() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "jz {}", const PREEMPT, label { switch() });
    }
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
    let count: u32;
    // SAFETY: reads this CPU's own counter.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) count, const PREEMPT, options(nostack, preserves_flags, readonly))
    };
    count
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

/// Whether a switch is wanted.
pub(crate) fn need_resched() -> bool {
    count() & NOT_WANTED == 0
}
