// SPDX-License-Identifier: GPL-2.0-or-later
//! Which registers a host call needs; all others that the host sees must be zero.

use crate::ffi::Reg;
use crate::tdx::tdcall::number::*;
use crate::vmm::{VmCall, function};

/// Registers that carry answers and belong to the callee: they must be zero when it returns.
pub const CLEARED: [Reg; 9] =
    [Reg::Rax, Reg::Rcx, Reg::Rdx, Reg::Rsi, Reg::Rdi, Reg::R8, Reg::R9, Reg::R10, Reg::R11];

/// The first register that is shown without need.
pub fn needless(call: &VmCall) -> Option<usize> {
    if !call.is_standard() {
        return None;
    }
    let used: &[usize] = match call.function() {
        function::CPUID => &[R12, R13],
        function::HLT | function::RDMSR | function::EVENT_NOTIFY => &[R12],
        function::IO | function::MMIO => &[R12, R13, R14, R15],
        function::WRMSR | function::MAP_GPA | function::GET_QUOTE => &[R12, R13],
        function::GET_INFO | function::WBINVD => &[R12],
        // A text in all of them.
        function::FATAL => return None,
        _ => return None,
    };
    (0..16).find(|number| {
        call.input[*number] != 0 && !matches!(*number, R10 | R11 | RCX) && !used.contains(number)
    })
}
