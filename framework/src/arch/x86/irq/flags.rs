// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether this CPU takes interrupts: on, off, and waiting for one.

use core::arch::asm;

use crate::user::x86::rflags::IF;

/// Whether interrupts were on.
#[derive(Clone, Copy)]
pub(crate) struct IrqState(u64);

/// Turns interrupts off; says what they were.
#[inline]
pub(crate) fn irq_save() -> IrqState {
    let state = IrqState(flags());
    irq_off();
    state
}

#[inline]
fn flags() -> u64 {
    let flags: u64;
    // SAFETY: the stack is ours.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(preserves_flags)) };
    flags
}

/// Puts interrupts back as they were.
#[inline]
pub(crate) fn irq_restore(state: IrqState) {
    if state.0 & IF != 0 {
        irq_on();
    }
}

#[inline]
pub(crate) fn irq_on() {
    // SAFETY: interrupt handlers are installed before the first call.
    unsafe { asm!("sti") };
}

#[inline]
pub(crate) fn irq_off() {
    // SAFETY: turning interrupts off endangers no memory.
    unsafe { asm!("cli") };
}

pub(crate) fn irqs_are_on() -> bool {
    flags() & IF != 0
}

/// Sleeps until an interrupt, which is handled; interrupts are off.
#[inline]
pub(crate) fn wait_for_interrupt() {
    // SAFETY: handlers are installed. STI takes effect after HLT has started, so a
    // wake-up that came since the caller's last look still ends the HLT.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Handles the interrupts that wait; interrupts are off before and after.
#[inline]
pub(crate) fn take_interrupts() {
    // SAFETY: handlers are installed. They run behind the NOP, which STI protects.
    unsafe { asm!("sti", "nop", "cli") };
}

/// Turns this CPU off for good.
pub(crate) fn halt() -> ! {
    loop {
        // SAFETY: with interrupts off this CPU does nothing any more.
        unsafe { asm!("cli", "hlt") };
    }
}
