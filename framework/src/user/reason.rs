// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why a program came back to the kernel.

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
