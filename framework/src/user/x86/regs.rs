// SPDX-License-Identifier: Apache-2.0 OR MIT
//! General registers, flags, and the numbers of an exception.

/// The general registers of a program, in the order in which entry code saves them.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the registers' names")]
pub struct UserRegs {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub(crate) vector: u64,
    pub(crate) error: u64,
    pub rip: u64,
    pub(crate) cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub(crate) ss: u64,
}

/// The bits of RFLAGS (Intel SDM vol. 1, section 3.4.3).
pub mod rflags {
    /// Carry.
    pub const CF: u64 = 1 << 0;
    /// Always 1.
    pub const RESERVED: u64 = 1 << 1;
    /// Parity.
    pub const PF: u64 = 1 << 2;
    /// Auxiliary carry.
    pub const AF: u64 = 1 << 4;
    /// Zero.
    pub const ZF: u64 = 1 << 6;
    /// Sign.
    pub const SF: u64 = 1 << 7;
    /// Trap after each instruction.
    pub const TF: u64 = 1 << 8;
    /// Interrupts are on.
    pub const IF: u64 = 1 << 9;
    /// String instructions count down.
    pub const DF: u64 = 1 << 10;
    /// Overflow.
    pub const OF: u64 = 1 << 11;
    /// No breakpoint at the next instruction.
    pub const RF: u64 = 1 << 16;
    /// Alignment is checked.
    pub const AC: u64 = 1 << 18;
    /// CPUID is there.
    pub const ID: u64 = 1 << 21;

    /// What arithmetic and string instructions use.
    pub const STATUS: u64 = CF | PF | AF | ZF | SF | DF | OF;
}

/// Flags that a program may set.
pub const USER_RFLAGS: u64 = rflags::STATUS | rflags::TF | rflags::AC | rflags::ID;
/// The flags of a program that has just started: only the reserved bit and IF.
pub const INITIAL_RFLAGS: u64 = rflags::RESERVED | rflags::IF;

/// Bytes of an FXSAVE area, the first part of an XSAVE area.
pub const FXSAVE_BYTES: usize = 512;
/// Bytes at the end of the FXSAVE area that the CPU leaves to software.
pub const FPU_SOFTWARE_BYTES: usize = 48;

/// The numbers of an exception (Intel SDM vol. 3, table 7-1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// Its vector, 0 to 31.
    pub vector: u64,
    /// Its error code, 0 where there is none.
    pub code: u64,
    /// The faulting address (CR2) of a page fault, else 0.
    pub addr: u64,
}
