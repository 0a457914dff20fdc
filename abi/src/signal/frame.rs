// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The x86-64 signal frame: `struct rt_sigframe`, byte for byte.
//!
//! From low to high: return address, ucontext, siginfo; above it, aligned to 64,
//! the XSAVE image with Linux's marks in its software-reserved bytes.
//!
//! Spec: arch/x86/include/uapi/asm/{sigcontext,ucontext}.h, as documented there.

#![allow(missing_docs, reason = "the registers' names are the documentation")]

use core::mem::offset_of;

use super::{RawAltStack, SigInfo};

framework::pod_struct! {
    /// `struct sigcontext` (`man 2 sigreturn`): the registers.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct SigContext {
        pub r8: u64,
        pub r9: u64,
        pub r10: u64,
        pub r11: u64,
        pub r12: u64,
        pub r13: u64,
        pub r14: u64,
        pub r15: u64,
        pub rdi: u64,
        pub rsi: u64,
        pub rbp: u64,
        pub rbx: u64,
        pub rdx: u64,
        pub rax: u64,
        pub rcx: u64,
        pub rsp: u64,
        pub rip: u64,
        pub eflags: u64,
        pub cs: u16,
        pub gs: u16,
        pub fs: u16,
        pub ss: u16,
        pub err: u64,
        pub trapno: u64,
        pub oldmask: u64,
        pub cr2: u64,
        pub fpstate: u64,
        pub reserved: [u64; 8],
    }

    /// `struct ucontext` (`man 3 getcontext`).
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct UContext {
        pub flags: u64,
        pub link: u64,
        pub stack: RawAltStack,
        pub mcontext: SigContext,
        pub sigmask: u64,
    }

    /// `struct rt_sigframe` (`man 2 sigreturn`): what a handler returns through.
    #[derive(PartialEq, Eq, Debug)]
    pub struct SigFrame {
        pub return_address: u64,
        pub context: UContext,
        pub info: SigInfo,
    }
}

const _: () = assert!(size_of::<SigContext>() == 256);
const _: () = assert!(offset_of!(SigContext, rsp) == 120);
const _: () = assert!(offset_of!(SigContext, eflags) == 136);
const _: () = assert!(offset_of!(SigContext, cs) == 144);
const _: () = assert!(offset_of!(SigContext, cr2) == 176);
const _: () = assert!(offset_of!(SigContext, fpstate) == 184);
const _: () = assert!(size_of::<UContext>() == 304);
const _: () = assert!(offset_of!(UContext, mcontext) == 40);
const _: () = assert!(offset_of!(UContext, sigmask) == 296);
const _: () = assert!(size_of::<SigFrame>() == 440);
const _: () = assert!(offset_of!(SigFrame, context) == 8);
const _: () = assert!(offset_of!(SigFrame, info) == 312);

/// Bytes below the stack pointer that a program may use (System V ABI).
pub const RED_ZONE: u64 = 128;

/// The code selector of 64-bit programs.
pub const USER_CS: u16 = 0x33;
/// The stack selector of programs.
pub const USER_SS: u16 = 0x2b;

/// `uc_flags`: the FPU state is an XSAVE image.
pub const UC_FP_XSTATE: u64 = 1;
/// `uc_flags`: the stack selector is in the frame.
pub const UC_SIGCONTEXT_SS: u64 = 2;
/// `uc_flags`: sigreturn checks the stack selector.
pub const UC_STRICT_RESTORE_SS: u64 = 4;

framework::pod_struct! {
    /// `struct _fpx_sw_bytes` (sigcontext.h): what Linux writes where the FXSAVE area
    /// leaves room for software, at [`SW_RESERVED`].
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct FpxSwBytes {
        /// [`FP_XSTATE_MAGIC1`].
        pub magic1: u32,
        /// Bytes of the image with the closing [`FP_XSTATE_MAGIC2`].
        pub extended_size: u32,
        /// The features saved, as in XCR0.
        pub features: u64,
        /// Bytes of the XSAVE area.
        pub xstate_size: u32,
        /// Zero.
        pub pad: [u32; 7],
    }
}

const _: () = assert!(size_of::<FpxSwBytes>() == 48);
const _: () = assert!(SW_RESERVED + size_of::<FpxSwBytes>() == FXSAVE_SIZE);

/// Where [`FpxSwBytes`] are in the FXSAVE area.
pub const SW_RESERVED: usize = 464;
/// The FXSAVE area alone, in bytes.
pub const FXSAVE_SIZE: usize = 512;
/// Says that a whole XSAVE area follows.
pub const FP_XSTATE_MAGIC1: u32 = 0x4650_5853;
/// Closes the image.
pub const FP_XSTATE_MAGIC2: u32 = 0x4650_5845;
/// The size of [`FP_XSTATE_MAGIC2`], in bytes.
pub const FP_XSTATE_MAGIC2_SIZE: usize = 4;
