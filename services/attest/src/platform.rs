// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Platform`]: who makes evidence, whatever its kind and size.

use alloc::vec::Vec;

use abi::{Errno, Error};
use framework::cvm::{Evidence, FirmwareLog, Provider, Register};

/// Length of what a program puts into a report.
pub const INPUT_LEN: usize = 64;

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
    /// The host's answer is no evidence, or it refused.
    Broken,
    /// No memory.
    NoMemory,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Invalid => Self::new(Errno::EINVAL, "refused by the hardware"),
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
    /// What it is called, and which parts its evidence has.
    fn provider(&self) -> Provider;

    /// A report with these bytes in it, as long as the machine's are.
    ///
    /// # Errors
    /// What the hardware says.
    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<Vec<u8>, Failure>;

    /// The registers that a report holds.
    fn registers(&self) -> &'static [Register];

    /// Extends a register of those that programs may extend.
    ///
    /// # Errors
    /// What the hardware says.
    fn extend(&self, index: usize, digest: &[u8]) -> Result<(), Failure>;

    /// Evidence for a verifier with these bytes in it, each part at most `max_len` bytes
    /// long; waits for the host until `deadline_ns` of the monotonic clock.
    ///
    /// # Errors
    /// Anything; the host has a hand in it.
    fn evidence(
        &self,
        input: &[u8; INPUT_LEN],
        max_len: usize,
        deadline_ns: u64,
    ) -> Result<Evidence, Failure>;

    /// The firmware's table and the log of measurements.
    fn firmware_log(&self) -> Option<FirmwareLog>;
}
