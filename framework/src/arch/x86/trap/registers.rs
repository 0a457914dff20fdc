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

/// Forgets what DR6 says.
pub(crate) fn clear_debug_status() {
    // SAFETY: DR6 only reports.
    unsafe {
        asm!("mov dr6, {}", in(reg) 0xffff_0ff0_u64, options(nomem, nostack, preserves_flags))
    };
}
