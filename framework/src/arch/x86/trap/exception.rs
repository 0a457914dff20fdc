// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Exceptions and interrupts that arrive while the kernel runs.

use super::registers;
use crate::arch::x86::boot::stop;
use crate::arch::x86::cpu::preempt;
use crate::arch::x86::irq::interrupt;
use crate::arch::x86::mm::usercopy::{self, Failure};
use crate::arch::x86::task::sched;
use crate::panic::STOPPED;
use crate::user::x86::{UserRegs, rflags};
use crate::{cvm, mm};

const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;

const NAMES: [&str; 32] = [
    "divide error",
    "debug exception",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack-segment fault",
    "general protection fault",
    "page fault",
    "reserved exception 15",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point exception",
    "virtualization exception",
    "control protection exception",
    "reserved exception 22",
    "reserved exception 23",
    "reserved exception 24",
    "reserved exception 25",
    "reserved exception 26",
    "reserved exception 27",
    "hypervisor injection exception",
    "VMM communication exception",
    "security exception",
    "reserved exception 31",
];

/// An exception or interrupt without a stack of its own came in kernel mode.
pub(super) extern "C" fn trap_from_kernel(frame: &mut UserRegs) {
    if frame.vector >= 32 {
        interrupt::handle(frame.vector as u8, false);
        if preempt::should_preempt() && frame.rflags & rflags::IF != 0 {
            sched::preempt_in_interrupt();
        }
        return;
    }
    let addr = registers::fault_address();
    let failure = match frame.vector {
        GENERAL_PROTECTION => Some(Failure::Refusal),
        PAGE_FAULT => Some(Failure::Address(addr)),
        _ => None,
    };
    if let Some(fixup) = failure.and_then(|failure| usercopy::fixup(frame.rip, failure)) {
        frame.rip = fixup;
        return;
    }
    stop_for(frame, addr)
}

fn stop_for(frame: &UserRegs, addr: u64) -> ! {
    let name = NAMES.get(frame.vector as usize).copied().unwrap_or("interrupt");
    let (rip, error) = (frame.rip, frame.error);
    if mm::is_guard(addr as usize) && matches!(frame.vector, 8 | 14) {
        stop::stop_at(
            format_args!("kernel stack overflow at {rip:#x}, address {addr:#x}"),
            (STOPPED, "kernel stack overflow"),
            None,
            frame.rbp,
            Some(rip),
        );
    }
    stop::stop_at(
        format_args!("{name} in the kernel at {rip:#x}, error {error:#x}, address {addr:#x}"),
        (STOPPED, name),
        None,
        frame.rbp,
        Some(rip),
    )
}

/// NMI, #MC, #DF, or a #DB or an exception of a CVM's hardware in kernel mode.
pub(super) extern "C" fn trap_paranoid(frame: &mut UserRegs) {
    match frame.vector {
        // A program's breakpoints may hit while the kernel copies for it.
        1 => {
            registers::take_debug_status();
        }
        2 => interrupt::on_nmi(),
        // The hardware is asked first of all: until then another exception of its own may
        // be a double fault.
        vector => {
            stop_for(frame, cvm::fault_address(vector).unwrap_or_else(registers::fault_address))
        }
    }
}
