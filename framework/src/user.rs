// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User mode: a register set, and running it until it traps.
//!
//! Whatever safe code puts into a [`UserContext`] — from a signal frame, a
//! debugger, `clone` or `exec` — [`UserContext::run`] makes safe before it
//! reaches the CPU: only the flags that a program may change get through, code
//! and stack selectors are fixed, and an address that is no user address ends
//! in a general-protection exception of the program, not of the kernel.

use alloc::sync::Arc;

use crate::arch;
use crate::mm::{NoMemory, UserFault, VmSpace};

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

/// Why a program came back to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReturnReason {
    /// SYSCALL: number in RAX, arguments in RDI RSI RDX R10 R8 R9.
    Syscall,
    /// The program caused an exception.
    Exception(UserException),
    /// [`crate::task::Task::raise_interrupt`] was called on the task.
    Event,
}

/// An exception in user mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserException {
    /// The exception's vector, 0 to 31 (Intel SDM vol. 3, table 7-1).
    pub vector: u8,
    /// Its error code, 0 where there is none.
    pub code: u32,
    /// The faulting address (CR2) of a page fault, else 0.
    pub addr: u64,
}

/// Bytes of an FXSAVE area, the first part of an XSAVE area.
pub const FXSAVE_BYTES: usize = 512;
/// Bytes at the end of the FXSAVE area that the CPU leaves to software.
pub const FPU_SOFTWARE_BYTES: usize = 48;

/// The FPU state given to [`UserContext::load_fpu`] is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFpu;

/// The user half of a thread: general registers, segment bases, FPU state.
///
/// It belongs to the task that first runs it.
pub struct UserContext {
    regs: UserRegs,
    state: Arc<arch::UserState>,
}

impl core::fmt::Debug for UserContext {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UserContext").field("regs", &self.regs).finish_non_exhaustive()
    }
}

impl UserContext {
    /// A context with all registers zero, and the FPU in its initial state.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for the FPU state.
    pub fn new() -> Result<Self, NoMemory> {
        let regs = UserRegs { rflags: INITIAL_RFLAGS, ..UserRegs::default() };
        Ok(Self { regs, state: Arc::new(arch::UserState::new()?) })
    }

    /// A copy for a child, with the FPU state and segment bases of now.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for the FPU state.
    pub fn fork(&self) -> Result<Self, NoMemory> {
        Ok(Self { regs: self.regs, state: Arc::new(self.state.fork()?) })
    }

    /// The general registers.
    #[inline]
    pub fn regs(&self) -> &UserRegs {
        &self.regs
    }

    /// The general registers, to change; any value is allowed.
    #[inline]
    pub fn regs_mut(&mut self) -> &mut UserRegs {
        &mut self.regs
    }

    /// The base of FS (thread-local storage).
    pub fn fs_base(&self) -> u64 {
        self.state.fs_base()
    }

    /// The base of GS.
    pub fn gs_base(&self) -> u64 {
        self.state.gs_base()
    }

    /// Sets the base of FS; false, and no change, if it is no user address.
    #[must_use]
    pub fn set_fs_base(&mut self, base: u64) -> bool {
        is_user_address(base) && {
            self.state.set_fs_base(base);
            true
        }
    }

    /// Sets the base of GS; false, and no change, if it is no user address.
    #[must_use]
    pub fn set_gs_base(&mut self, base: u64) -> bool {
        is_user_address(base) && {
            self.state.set_gs_base(base);
            true
        }
    }

    /// The size of the XSAVE area in bytes (standard form).
    pub fn fpu_size() -> usize {
        arch::fpu_size()
    }

    /// The state components that the XSAVE area holds (XCR0).
    pub fn fpu_features() -> u64 {
        arch::fpu_features()
    }

    /// Copies the FPU state out, in XSAVE's standard form; returns the bytes
    /// copied, at most [`Self::fpu_size`].
    pub fn save_fpu(&mut self, out: &mut [u8]) -> usize {
        self.state.save_fpu(out)
    }

    /// Writes the FPU state to `addr` of `space`, the one that the task runs in, in
    /// XSAVE's standard form, with `software` in the bytes that the form leaves to
    /// software. May sleep; nothing is allocated.
    ///
    /// # Errors
    /// [`UserFault`] when `addr` is no multiple of 64 or not all of
    /// [`Self::fpu_size`] is writable, or the task never ran the program.
    pub fn save_fpu_to(
        &mut self,
        space: &VmSpace,
        addr: usize,
        software: &[u8; FPU_SOFTWARE_BYTES],
    ) -> Result<(), UserFault> {
        self.state.save_fpu_to(space, addr, software)
    }

    /// Replaces the FPU state by the XSAVE area at `addr` of `space`, the one that
    /// the task runs in. May sleep.
    ///
    /// # Errors
    /// [`BadFpu`] when it cannot be read or the CPU refuses it (alignment, reserved
    /// bits of MXCSR or of the header); the state is the initial one then.
    pub fn load_fpu_from(&mut self, space: &VmSpace, addr: usize) -> Result<(), BadFpu> {
        self.state.load_fpu_from(space, addr)
    }

    /// Replaces the FPU state by an FXSAVE area.
    ///
    /// # Errors
    /// [`BadFpu`] when the CPU would refuse it (reserved bits of MXCSR); the state
    /// stays as it was.
    pub fn load_fpu(&mut self, image: &[u8; FXSAVE_BYTES]) -> Result<(), BadFpu> {
        self.state.load_fpu(image)
    }

    /// Puts the FPU, FS and GS into their initial state, as `exec` does.
    pub fn reset(&mut self) {
        self.state.reset();
        self.regs = UserRegs { rflags: INITIAL_RFLAGS, ..UserRegs::default() };
    }

    /// Runs the program until it needs the kernel.
    ///
    /// Interrupts are handled, and other tasks get their turn, inside.
    #[inline]
    pub fn run(&mut self) -> ReturnReason {
        arch::run_user(&mut self.regs, &self.state)
    }
}

/// Whether `addr` is canonical and in the lower half.
#[inline]
pub fn is_user_address(addr: u64) -> bool {
    addr < 1 << 47
}
