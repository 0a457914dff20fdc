// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Trap`]: why a program came back to the kernel.

use crate::mm::Access;

/// Why a program came back to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// It calls the kernel: number and arguments are in the context.
    Syscall,
    /// It reached for memory that is not there for it.
    PageFault(PageFault),
    /// It did something else that the CPU does not let it do, or tells of.
    Fault(Fault),
    /// [`crate::task::Task::raise_interrupt`] was called on the task.
    Event,
}

/// An access that the page tables do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// The address.
    pub addr: usize,
    /// What was to be done there.
    pub access: Access,
    /// Whose access it was.
    pub by: Accessor,
}

/// Whose access a page fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accessor {
    /// The program's own.
    Program,
    /// The CPU's, which reads its tables for the program: no page put there helps.
    Processor,
}

/// What a program did, other than a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An integer division by zero, or with a quotient that does not fit.
    Division,
    /// One instruction was executed, as asked for.
    SingleStep,
    /// A breakpoint.
    Breakpoint,
    /// An instruction that traps into a debugger, and is no breakpoint of one.
    DebugTrap,
    /// An instruction that does not exist or is not allowed.
    Instruction,
    /// A floating-point operation, and what was wrong with it.
    Float(FloatError),
    /// An access that is not aligned, though it must be.
    Alignment,
    /// A segment that is not there.
    Segment,
    /// Anything else that is not allowed.
    Protection,
}

/// What was wrong with a floating-point operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatError {
    /// An operand without meaning.
    Invalid,
    /// A division by zero.
    DivisionByZero,
    /// A result too large.
    Overflow,
    /// A result too small, or an operand that is denormal.
    Underflow,
    /// A result that is not exact.
    Inexact,
    /// The state tells of none.
    Unknown,
}
