// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Virtualization exceptions: what a program may get out of one.
//!
//! The kernel never relies on #VE: one in kernel mode is the end.
//! Spec: Intel TDX module ABI, TDG.VP.VEINFO.GET; Intel SDM vol. 3, appendix C.

use super::call::Regs;

/// #VE's vector.
pub(super) const VECTOR: u64 = 20;
const CPUID: u64 = 10;

/// What the module says about the last #VE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct VeInfo {
    pub(super) reason: u64,
    pub(super) gpa: u64,
    /// Of the instruction, where an instruction was the cause.
    pub(super) len: u32,
}

impl VeInfo {
    pub(super) fn new(regs: &Regs) -> Self {
        Self { reason: regs.rcx, gpa: regs.r9, len: regs.r10 as u32 }
    }
}

/// What becomes of a program that caused a #VE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It goes on behind CPUID, this many bytes further.
    Cpuid(u32),
    /// It gets a signal, as Linux sends.
    Signal,
}

/// Decides on a #VE in user mode.
pub(super) fn judge(info: VeInfo) -> Verdict {
    match info.reason {
        // Prefixes make it longer than its two bytes, up to what an instruction has.
        CPUID if (2..=15).contains(&info.len) => Verdict::Cpuid(info.len),
        _ => Verdict::Signal,
    }
}
