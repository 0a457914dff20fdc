// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The confidential VM: what the hardware vouches for, and what goes to the host.
//!
//! One `Backend` is chosen at boot and matched at each call: [`Kind::Plain`]
//! talks to devices by instructions, [`Kind::Tdx`] by TDCALL. No other module
//! knows vendors. Safe crates get measurements, reports and quotes; they never see
//! a TDCALL.
//!
//! Trust: answers of the TDX module are the hardware's; all else that comes back
//! is the host's, and [`crate::host::Untrusted`].
//! Spec: Intel TDX module ABI, GHCI 1.5.

mod backend;
#[allow(dead_code)]
pub(crate) mod measure;
mod plain;

use core::sync::atomic::{AtomicU8, Ordering};

pub(crate) use self::backend::*;

/// What sort of virtual machine this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// The host can read and write all memory.
    Plain = 0,
    /// A trust domain of Intel TDX.
    Tdx = 1,
    /// A guest of AMD SEV-SNP.
    Snp = 2,
}

static KIND: AtomicU8 = AtomicU8::new(Kind::Plain as u8);

/// What sort of virtual machine this is.
#[inline]
pub fn kind() -> Kind {
    match KIND.load(Ordering::Relaxed) {
        0 => Kind::Plain,
        1 => Kind::Tdx,
        _ => Kind::Snp,
    }
}

/// Whether memory is hidden from the host.
#[inline]
pub fn is_confidential() -> bool {
    KIND.load(Ordering::Relaxed) != Kind::Plain as u8
}

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
    /// There is no memory left for this.
    NoMemory,
}

/// What the hardware has measured (the end of a TDREPORT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurements {
    /// ATTRIBUTES and XFAM.
    pub attributes: [u8; 16],
    /// The image that the machine started with.
    pub mrtd: [u8; 48],
    /// MRCONFIGID, MROWNER, MROWNERCONFIG: what the host says, made immutable.
    pub config: [[u8; 48]; 3],
    /// The runtime registers.
    pub rtmr: [[u8; 48]; 4],
}

/// A report on this machine with 64 bytes of the caller's: a TDREPORT.
///
/// # Errors
/// See [`CvmError`].
pub fn report(data: &[u8; 64]) -> Result<[u8; 1024], CvmError> {
    backend::report(data)
}

/// The runtime register that belongs to programs; the others are the boot's.
pub const PROGRAM_REGISTER: usize = 3;

/// Extends [`PROGRAM_REGISTER`] with a digest; no other runtime register.
///
/// # Errors
/// See [`CvmError`].
pub fn extend(index: usize, digest: &[u8; 48]) -> Result<(), CvmError> {
    if index != PROGRAM_REGISTER {
        return Err(CvmError::Invalid);
    }
    backend::extend(index, digest)
}

/// The measurement registers as they are now.
///
/// # Errors
/// See [`CvmError`].
pub fn registers() -> Result<Measurements, CvmError> {
    let report = report(&[0; 64])?;
    let info = report.get(512..).unwrap_or(&[]);
    let part = |at: usize| info.get(at..).and_then(<[u8]>::first_chunk::<48>).copied();
    let all = || {
        Some(Measurements {
            attributes: *info.first_chunk()?,
            mrtd: part(16)?,
            config: [part(64)?, part(112)?, part(160)?],
            rtmr: [part(208)?, part(256)?, part(304)?, part(352)?],
        })
    };
    all().ok_or(CvmError::Invalid)
}

/// The host's quote of a report, at most `max_len` bytes of it, waiting for it
/// until `deadline_ns`.
///
/// # Errors
/// See [`CvmError`].
pub fn quote(
    report: &[u8],
    max_len: usize,
    deadline_ns: u64,
) -> Result<alloc::vec::Vec<u8>, CvmError> {
    backend::quote(report, max_len, deadline_ns)
}

/// The firmware's table CCEL (empty without one), and its event log with the kernel's
/// events behind it.
///
/// # Errors
/// [`CvmError::Unsupported`] where nothing is logged, and [`CvmError::NoMemory`].
pub fn ccel() -> Result<(alloc::vec::Vec<u8>, alloc::vec::Vec<u8>), CvmError> {
    if kind() != Kind::Tdx {
        return Err(CvmError::Unsupported);
    }
    measure::table_and_log()
}
