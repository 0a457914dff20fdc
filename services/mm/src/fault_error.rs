// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why a page fault cannot be served, and which signal it deserves.

use framework::mm::NoMemory;

/// Why a fault cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// Nothing is mapped there: `SIGSEGV`, `SEGV_MAPERR`.
    NotMapped,
    /// The area forbids this access: `SIGSEGV`, `SEGV_ACCERR`.
    Forbidden,
    /// Past the end of the file, or the file cannot be read: `SIGBUS`, `BUS_ADRERR`.
    PastEnd,
    /// No memory, and the OOM hook gave up.
    OutOfMemory,
}

impl From<NoMemory> for FaultError {
    fn from(_: NoMemory) -> Self {
        Self::OutOfMemory
    }
}
