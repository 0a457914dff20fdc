// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The entry code, with the places in memory and the handlers that it knows.

use core::arch::global_asm;
use core::mem::offset_of;

use super::{exception, gdt};
use crate::arch::x86::cpu::local;
use crate::user::x86::UserRegs;

/// What the SYSCALL entry stores as vector; those of the CPU are less.
pub(super) const SYSCALL: u64 = 0x100;

unsafe extern "C" {
    /// Runs the program of `frame` until it needs the kernel.
    pub(super) fn enter_user(frame: *mut UserRegs);
}

global_asm!(
    include_str!("entry.S"),
    cpu_kernel_rsp = const local::KERNEL_RSP,
    cpu_frame_top = const local::FRAME_TOP,
    cpu_scratch = const local::SCRATCH,
    cpu_tss = const local::TSS,
    f_size = const size_of::<UserRegs>(),
    f_r11 = const offset_of!(UserRegs, r11),
    f_rcx = const offset_of!(UserRegs, rcx),
    f_vector = const offset_of!(UserRegs, vector),
    f_error = const offset_of!(UserRegs, error),
    f_rip = const offset_of!(UserRegs, rip),
    f_rflags = const offset_of!(UserRegs, rflags),
    f_rsp = const offset_of!(UserRegs, rsp),
    user_ss = const gdt::USER_SS,
    user_cs = const gdt::USER_CS,
    syscall_vector = const SYSCALL,
    ist_size = const gdt::IST_SIZE,
    trap_from_kernel = sym exception::trap_from_kernel,
    trap_paranoid = sym exception::trap_paranoid,
);
