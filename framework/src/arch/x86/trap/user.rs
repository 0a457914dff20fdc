// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loop around user mode: sanitise, enter, sort what came back.

use alloc::sync::Arc;

use super::entry::{SYSCALL, enter_user};
use super::{decode, registers};
use crate::arch::x86::cpu::preempt;
use crate::arch::x86::irq::flags::{irq_off, irq_on};
use crate::arch::x86::irq::interrupt;
use crate::arch::x86::task::fpu::UserState;
use crate::arch::x86::task::{current, sched};
use crate::cvm;
use crate::user::x86::{FXSAVE_BYTES, INITIAL_RFLAGS, USER_RFLAGS, UserRegs};
use crate::user::{Fault, Trap, is_user_address};

const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;

/// Runs the program until it needs the kernel. `fault_addr` is changed by a page fault
/// alone.
pub(crate) fn run_user(regs: &mut UserRegs, state: &Arc<UserState>, fault_addr: &mut u64) -> Trap {
    // SAFETY: the task that runs this code lives at least until it returns from here.
    let me = unsafe { current::current_ref() };
    me.machine.adopt_user(state);
    loop {
        irq_off();
        if !preempt::is_quiet() {
            preempt::must_be_free();
            irq_on();
            sched::preempt();
            continue;
        }
        if me.interrupt_pending() {
            irq_on();
            return Trap::Event;
        }
        state.unpark();
        if !is_user_address(regs.rip) {
            irq_on();
            (regs.vector, regs.error) = (GENERAL_PROTECTION, 0);
            return Trap::Fault(Fault::Protection);
        }
        regs.rflags = regs.rflags & USER_RFLAGS | INITIAL_RFLAGS;
        // SAFETY: interrupts are off; the frame is exclusively ours and 16-byte
        // aligned by type; flags and RIP are as user mode may have them (the
        // selectors are the assembly's own constants); SYSRET is taken only with
        // RCX = RIP, a user address.
        unsafe { enter_user(regs) };
        let vector = regs.vector;
        // Not by the match, which would look for a page fault first.
        if vector >= SYSCALL {
            irq_on();
            return Trap::Syscall;
        }
        match vector {
            PAGE_FAULT => {
                *fault_addr = registers::fault_address();
                irq_on();
                return Trap::PageFault(decode::page_fault(*fault_addr, regs.error));
            }
            0..32 if cvm::serve_user(regs) => {}
            0..32 => {
                irq_on();
                return Trap::Fault(decode::fault(vector, registers::take_debug_status, || {
                    let mut legacy = [0; FXSAVE_BYTES];
                    state.save_fpu(&mut legacy);
                    legacy
                }));
            }
            vector => interrupt::handle(vector as u8, true),
        }
    }
}
