// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Platform`]: who makes evidence.

use alloc::vec::Vec;

use abi::{Errno, Error};

/// Length of what a program puts into a report.
pub const INPUT_LEN: usize = 64;
/// Length of a TDREPORT.
pub const REPORT_LEN: usize = 1024;
/// Length of a register: SHA-384.
pub const DIGEST_LEN: usize = 48;

/// Why there is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An argument was refused.
    Invalid,
    /// Somebody else is at it, or the host still holds the buffer.
    Busy,
    /// The host did not answer in time.
    TimedOut,
    /// A signal came.
    Interrupted,
    /// The host's answer is no quote, or it refused.
    Broken,
    /// No memory.
    NoMemory,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid => Self::new(Errno::EINVAL, "refused by the TDX module"),
            Failure::Busy => Self::new(Errno::EBUSY, "a quote is under way"),
            Failure::TimedOut => Self::new(Errno::ETIMEDOUT, "the host gave no quote in time"),
            Failure::Interrupted => Self::new(Errno::EINTR, "interrupted"),
            Failure::Broken => Self::new(Errno::EIO, "the host gave no good answer"),
            Failure::NoMemory => Self::new(Errno::ENOMEM, "no memory"),
        }
    }
}

/// Who makes evidence.
pub trait Platform: Send + Sync {
    /// A TDREPORT with these bytes in it.
    ///
    /// # Errors
    /// What the TDX module says.
    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<[u8; REPORT_LEN], Failure>;

    /// Extends a run-time register.
    ///
    /// # Errors
    /// What the TDX module says.
    fn extend(&self, index: usize, digest: &[u8; DIGEST_LEN]) -> Result<(), Failure>;

    /// A quote of at most `max_len` bytes made of a TDREPORT; waits for the host until
    /// `deadline_ns` of the monotonic clock.
    ///
    /// # Errors
    /// Anything; the host has a hand in it.
    fn quote(
        &self,
        report: &[u8; REPORT_LEN],
        max_len: usize,
        deadline_ns: u64,
    ) -> Result<Vec<u8>, Failure>;

    /// The CCEL table and the event log.
    fn ccel(&self) -> Option<(Vec<u8>, Vec<u8>)>;
}
