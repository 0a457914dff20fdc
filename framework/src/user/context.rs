// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`UserContext`]: the user half of a thread, and running it.

use alloc::sync::Arc;
use core::cell::Cell;
use core::marker::PhantomData;

use super::x86::{FPU_SOFTWARE_BYTES, FXSAVE_BYTES, INITIAL_RFLAGS, UserRegs};
use super::{BadFpu, Trap, is_user_address};
use crate::arch;
use crate::mm::{NoMemory, UserFault, VmSpace};

/// The user half of a thread: general registers, segment bases, FPU state.
///
/// It belongs to the task that first runs it.
pub struct UserContext {
    pub(super) regs: UserRegs,
    /// The address of the last page fault.
    pub(super) fault_addr: u64,
    state: Arc<arch::UserState>,
    /// Not `Sync`: who has a `&UserContext` has it alone, also before the first run.
    alone: PhantomData<Cell<()>>,
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
        let state = Arc::new(arch::UserState::new()?);
        Ok(Self { regs, fault_addr: 0, state, alone: PhantomData })
    }

    /// A copy for a child, with the FPU state and segment bases of now.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for the FPU state.
    pub fn fork(&self) -> Result<Self, NoMemory> {
        let state = Arc::new(self.state.fork()?);
        Ok(Self { regs: self.regs, fault_addr: 0, state, alone: PhantomData })
    }

    /// The number of the system call.
    #[inline]
    pub fn syscall_number(&self) -> u64 {
        self.regs.rax
    }

    /// The arguments of the system call, in order.
    #[inline]
    pub fn arguments(&self) -> [u64; 6] {
        let regs = &self.regs;
        [regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9]
    }

    /// What the system call returns.
    #[inline]
    pub fn result(&self) -> u64 {
        self.regs.rax
    }

    /// Changes what the system call returns.
    #[inline]
    pub fn set_result(&mut self, result: u64) {
        self.regs.rax = result;
    }

    /// Makes the program call the kernel again, with `number`, when it goes on.
    pub fn repeat_syscall(&mut self, number: u64) {
        /// Bytes of the instruction.
        const SYSCALL_LEN: u64 = 2;
        self.regs.rax = number;
        self.regs.rip = self.regs.rip.wrapping_sub(SYSCALL_LEN);
    }

    /// Where the program goes on.
    #[inline]
    pub fn pc(&self) -> u64 {
        self.regs.rip
    }

    /// Changes where the program goes on; any value is allowed.
    pub fn set_pc(&mut self, pc: u64) {
        self.regs.rip = pc;
    }

    /// The program's stack pointer.
    #[inline]
    pub fn sp(&self) -> u64 {
        self.regs.rsp
    }

    /// Changes the program's stack pointer; any value is allowed.
    pub fn set_sp(&mut self, sp: u64) {
        self.regs.rsp = sp;
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

    /// Puts the FPU into its initial state, as the handler of a signal finds it.
    pub fn clear_fpu(&mut self) {
        self.state.clear();
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
    pub fn run(&mut self) -> Trap {
        arch::run_user(&mut self.regs, &self.state, &mut self.fault_addr)
    }
}
