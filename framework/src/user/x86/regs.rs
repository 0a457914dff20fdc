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

/// Flags that a program may set: CF PF AF ZF SF TF DF OF AC ID.
pub const USER_RFLAGS: u64 =
    0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x800 | 0x4_0000 | 0x20_0000;
/// The flags of a program that has just started: only the reserved bit and IF.
pub const INITIAL_RFLAGS: u64 = 0x202;

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
