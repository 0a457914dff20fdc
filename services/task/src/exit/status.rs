// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `siginfo` tells of a process that has ended.
//!
//! Spec: waitid(2).

use abi::process::{Ending, WaitStatus};
use abi::signal::{CLD_DUMPED, CLD_EXITED, CLD_KILLED};

/// The code and status that `siginfo` tells of an ended child.
pub(crate) fn code_and_status(status: WaitStatus) -> (i32, i32) {
    match status.ending() {
        Ending::Exited(code) => (CLD_EXITED, code),
        Ending::Killed(signal) => (CLD_KILLED, signal),
        Ending::Dumped(signal) => (CLD_DUMPED, signal),
    }
}
