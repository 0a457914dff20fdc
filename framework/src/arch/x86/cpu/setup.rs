// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The control registers and system-call registers, as each CPU sets them.

use core::arch::asm;

use super::{features, local, msr};
use crate::arch::x86::trap::gdt;
use crate::cvm;

unsafe extern "C" {
    fn syscall_entry();
}

const CR4_FSGSBASE: u64 = 1 << 16;

/// Turns FSGSBASE on, which the per-CPU block needs.
pub(crate) fn enable_fsgsbase() {
    // SAFETY: the CPU has FSGSBASE (checked before).
    unsafe {
        asm!("mov {tmp}, cr4", "or {tmp}, {bit}", "mov cr4, {tmp}", tmp = out(reg) _, bit = in(reg) CR4_FSGSBASE, options(nostack))
    };
}

/// Sets the control registers and system-call registers of this CPU.
pub(crate) fn set_up_cpu() {
    cvm::set_up_cpu();
    const CR4_MCE: u64 = 1 << 6;
    const CR4_OSFXSR: u64 = 1 << 9;
    const CR4_OSXMMEXCPT: u64 = 1 << 10;
    const CR4_UMIP: u64 = 1 << 11;
    const CR4_OSXSAVE: u64 = 1 << 18;
    const CR4_SMEP: u64 = 1 << 20;
    const CR4_SMAP: u64 = 1 << 21;
    const CR4_PAE: u64 = 1 << 5;
    const CR4_PGE: u64 = 1 << 7;
    let umip = if features::has_umip() { CR4_UMIP } else { 0 };
    let cr4 = CR4_PAE
        | CR4_MCE
        | CR4_PGE
        | CR4_OSFXSR
        | CR4_OSXMMEXCPT
        | CR4_FSGSBASE
        | CR4_OSXSAVE
        | CR4_SMEP
        | CR4_SMAP
        | umip;
    // SAFETY: every feature was checked; paging stays as it is.
    unsafe { asm!("mov cr4, {}", in(reg) cr4, options(nostack, preserves_flags)) };
    // PG, NE, WP, MP, ET, PE; no EM, TS, CD, NW.
    // SAFETY: paging and protection stay on; WP makes read-only mean it.
    unsafe { asm!("mov cr0, {}", in(reg) 0x8001_0033_u64, options(nostack, preserves_flags)) };
    const EFER: u32 = 0xc000_0080;
    const STAR: u32 = 0xc000_0081;
    const LSTAR: u32 = 0xc000_0082;
    const CSTAR: u32 = 0xc000_0083;
    const FMASK: u32 = 0xc000_0084;
    const TSC_AUX: u32 = 0xc000_0103;
    // SAFETY: EFER exists in long mode.
    let efer = unsafe { msr::rdmsr(EFER) };
    let star = u64::from(gdt::KERNEL_CS) << 32 | u64::from(gdt::KERNEL_SS | 3) << 48;
    // AC, NT, IOPL, OF, DF, IF, TF, and the arithmetic flags.
    let mask = 0x4_7fd5;
    let values = [
        (STAR, star),
        (LSTAR, syscall_entry as *const () as u64),
        // There is no 32-bit code segment to call it from.
        (CSTAR, 0),
        (FMASK, mask),
        (TSC_AUX, local::cpu_id().into()),
    ];
    if efer & 1 == 0 {
        // SAFETY: SCE turns SYSCALL on; the rest stays. A write that changes nothing
        // is left out, for a confidential guest may not make it.
        unsafe { msr::wrmsr(EFER, efer | 1) };
    }
    for (msr, value) in values {
        // SAFETY: the architectural system-call registers, with the kernel's entry
        // points and selectors; SCE and NXE stay on.
        unsafe { msr::wrmsr(msr, value) };
    }
}
