// SPDX-License-Identifier: Apache-2.0 OR MIT
//! execve: a process takes up a new program.
//!
//! The new address space is built completely beside the old one; only when
//! nothing can fail any more do the other threads end and the process change
//! over. A program whose segments make no sense ends the process by SIGSEGV, as
//! it does on Linux, where that is found out too late to return.
//!
//! Trust: the file's bytes and all strings are the program's.
//! Spec: execve(2).

mod commit;
mod elf;
mod execve;
mod image;
mod load;
mod program;
mod script;
mod stack;
mod strings;

pub use execve::{Request, execve};
pub use image::open;
pub use program::Program;
pub use strings::{Budget, Strings};

pub(crate) use execve::load_first;

/// A small ELF file for tests.
#[cfg(test)]
pub(crate) fn sample_elf() -> alloc::vec::Vec<u8> {
    elf::tests::sample()
}
