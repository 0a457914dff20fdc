// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the hardware vouches for, for programs: reports, registers, signed evidence.
//!
//! How long a report is, which registers there are and who signs depends on the kind of
//! machine; a plain one has none of it.

use alloc::vec::Vec;

use crate::host::SharedBuf;

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
    /// Its number for [`super::extend`], if programs may extend it.
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

/// What a backend needs to talk with the host about evidence.
pub(crate) struct Exchange<'a> {
    /// Memory that both see, of [`super::Backend::exchange_len`] bytes.
    pub(crate) buffer: Option<&'a SharedBuf>,
    /// Sleeps for some nanoseconds; an error when there is no more time.
    pub(crate) nap: &'a mut dyn FnMut(u64) -> Result<(), CvmError>,
}
