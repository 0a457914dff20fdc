// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The loop around user mode: sanitise, enter, sort what came back.

use alloc::sync::Arc;

use crate::arch::x86::cpu::preempt;
use crate::arch::x86::irq::flags::{irq_off, irq_on};
use crate::arch::x86::irq::interrupt;
use crate::arch::x86::task::fpu::UserState;
use crate::arch::x86::task::{current, sched};
use crate::cvm;
use crate::user::{ReturnReason, USER_RFLAGS, UserException, UserRegs, is_user_address};

/// What the SYSCALL entry stores as vector.
pub(crate) const SYSCALL: u64 = 0x100;
const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;
const RESERVED_AND_IF: u64 = 0x202;

unsafe extern "C" {
    fn enter_user(frame: *mut UserRegs);
}

pub(crate) fn run_user(regs: &mut UserRegs, state: &Arc<UserState>) -> ReturnReason {
    // SAFETY: the task that runs this code lives at least until it returns from here.
    let me = unsafe { current::current_ref() };
    me.machine.adopt_user(state);
    loop {
        irq_off();
        if preempt::need_resched() {
            irq_on();
            sched::preempt();
            continue;
        }
        if me.interrupt_pending() {
            irq_on();
            return ReturnReason::Event;
        }
        state.unpark();
        if !is_user_address(regs.rip) {
            irq_on();
            let exception = UserException { vector: GENERAL_PROTECTION as u8, code: 0, addr: 0 };
            return ReturnReason::Exception(exception);
        }
        regs.rflags = regs.rflags & USER_RFLAGS | RESERVED_AND_IF;
        // SAFETY: interrupts are off; the frame is exclusively ours and 16-byte
        // aligned by type; flags and RIP are as user mode may have them (the
        // selectors are the assembly's own constants); SYSRET is taken only with
        // RCX = RIP, a user address.
        unsafe { enter_user(regs) };
        let vector = regs.vector;
        match vector {
            SYSCALL => {
                irq_on();
                return ReturnReason::Syscall;
            }
            0..32 if vector != PAGE_FAULT && cvm::serve_user(regs) => {}
            vector @ 0..32 => {
                let addr = if vector == PAGE_FAULT { super::registers::fault_address() } else { 0 };
                irq_on();
                let vector = vector as u8;
                let code = regs.error as u32;
                return ReturnReason::Exception(UserException { vector, code, addr });
            }
            vector => interrupt::handle(vector as u8, true),
        }
    }
}
