// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wait status: how a process ended, in one number.
//!
//! Spec: wait(2).

use abi::signal::{CLD_DUMPED, CLD_EXITED, CLD_KILLED};

/// How a process ended, from its wait status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// By this signal, with a core.
    Dumped(i32),
}

/// Reads the wait status of an ended process.
pub const fn ending(status: i32) -> Ending {
    match (status & 0x7f, status & 0x80) {
        (0, _) => Ending::Exited((status >> 8) & 0xff),
        (signal, 0) => Ending::Killed(signal),
        (signal, _) => Ending::Dumped(signal),
    }
}

/// The code and status that `siginfo` tells of an ended child.
pub(crate) fn code_and_status(status: i32) -> (i32, i32) {
    match ending(status) {
        Ending::Exited(code) => (CLD_EXITED, code),
        Ending::Killed(signal) => (CLD_KILLED, signal),
        Ending::Dumped(signal) => (CLD_DUMPED, signal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert_eq!(ending(7 << 8), Ending::Exited(7));
        assert_eq!(ending(9), Ending::Killed(9));
        assert_eq!(ending(11 | 0x80), Ending::Dumped(11));
    }
}
