// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Registers that tell of an exception.

use core::arch::asm;

/// CR2: the address of the last page fault.
pub(crate) fn fault_address() -> u64 {
    let addr: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr2", out(reg) addr, options(nomem, nostack, preserves_flags)) };
    addr
}

/// DR6: why the debug exception came. It is forgotten then, which the CPU leaves to us.
pub(crate) fn take_debug_status() -> u64 {
    let status: u64;
    // SAFETY: DR6 only reports.
    unsafe {
        asm!("mov {status}, dr6", "mov dr6, {none}", status = out(reg) status,
            none = in(reg) 0xffff_0ff0_u64, options(nomem, nostack, preserves_flags))
    };
    status
}
