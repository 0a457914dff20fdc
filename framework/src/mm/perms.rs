// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a program may do with a page, and what it wanted to do.

bitflags::bitflags! {
    /// What a program may do with a page. Writable and executable pages are
    /// readable too, as the hardware has it; none of them: no access at all.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Perms: u8 {
        /// Read.
        const READ = 1;
        /// Write.
        const WRITE = 2;
        /// Execute.
        const EXEC = 4;
    }
}

/// What an instruction (or the kernel for it) wanted to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Read data.
    Read,
    /// Write data.
    Write,
    /// Fetch an instruction.
    Exec,
}
