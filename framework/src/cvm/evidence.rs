// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the hardware vouches for, for programs: reports, registers, signed evidence.
//!
//! How long a report is, which registers there are and who signs depends on the kind of
//! machine; a plain one has none of it.

use alloc::vec::Vec;

use super::dispatch;

/// Why the hardware or the host did not do what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CvmError {
    /// This machine has no such thing.
    Unsupported,
    /// Somebody else uses it now; try again.
    Busy,
    /// The arguments are not as they must be.
    Invalid,
    /// The hardware refused, with this status.
    Refused(u64),
    /// The host refused, or answered nonsense: which.
    Host(&'static str),
    /// The host did not answer in time.
    Timeout,
    /// A signal came meanwhile.
    Interrupted,
    /// There is no memory left for this.
    NoMemory,
}

/// A measurement register, as it lies in a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// Its name in Linux's ABI: with the hash, where there is one.
    pub name: &'static str,
    /// Where its value begins in a report, in bytes.
    pub at: usize,
    /// Length of its value in bytes.
    pub len: usize,
    /// Its number for [`extend`], if programs may extend it.
    pub extend: Option<usize>,
}

impl Register {
    /// Its value in a report.
    pub fn value<'a>(&self, report: &'a [u8]) -> Option<&'a [u8]> {
        report.get(self.at..)?.get(..self.len)
    }
}

/// Evidence that a verifier elsewhere can check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The signed report, or the quote.
    pub blob: Vec<u8>,
    /// What else the host gave for the verifier, such as certificates.
    pub auxiliary: Vec<u8>,
}

/// Who makes evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Provider {
    /// Its name in Linux's ABI.
    pub name: &'static str,
    /// Whether it gives [`Evidence::auxiliary`].
    pub has_auxiliary: bool,
}

/// Who makes evidence on this machine; nobody on a plain one.
pub fn provider() -> Option<Provider> {
    dispatch::provider()
}

/// A report on this machine with 64 bytes of the caller's in it.
///
/// # Errors
/// See [`CvmError`].
pub fn report(data: &[u8; 64]) -> Result<Vec<u8>, CvmError> {
    dispatch::report(data)
}

/// The measurement registers that a report holds.
pub fn registers() -> &'static [Register] {
    dispatch::registers()
}

/// Extends a register of which [`registers`] says that programs may.
///
/// # Errors
/// See [`CvmError`].
pub fn extend(index: usize, digest: &[u8]) -> Result<(), CvmError> {
    if !registers().iter().any(|register| register.extend == Some(index)) {
        return Err(CvmError::Invalid);
    }
    dispatch::extend(index, digest)
}

/// Evidence on this machine with 64 bytes of the caller's in it, each part of it at most
/// `max_len` bytes long. Waits for the host until `deadline_ns` of the monotonic clock.
///
/// # Errors
/// See [`CvmError`].
pub fn evidence(data: &[u8; 64], max_len: usize, deadline_ns: u64) -> Result<Evidence, CvmError> {
    dispatch::evidence(data, max_len, deadline_ns)
}
