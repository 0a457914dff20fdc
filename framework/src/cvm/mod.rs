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

#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) mod accept;
#[allow(dead_code, reason = "hosted, nobody asks for most of it")]
mod backend;
pub(crate) mod health;
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) mod mailbox;
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) mod measure;
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
mod page;
mod plain;
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) mod quote;
#[allow(dead_code, reason = "as of the backends")]
mod tdx;

use core::sync::atomic::{AtomicU8, Ordering};

pub(crate) use self::backend::*;
#[allow(unused_imports, reason = "the machine uses some, the fuzzer others")]
pub(crate) use self::tdx::{VeInfo, Verdict, judge, ve_info};

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

/// Finds out what this machine is; `offset` is physical minus virtual address of the
/// image. Until then it counts as plain: should the host only pretend that there is
/// a TDX module, the attempt to ask it is an invalid opcode, and that a stop.
///
/// Once, on the boot CPU, before anything else asks the host.
#[cfg(target_os = "none")]
pub(crate) fn detect(offset: u64) {
    page::set_offset(offset);
    if !tdx::is_claimed() {
        return;
    }
    let td = tdx::detect();
    KIND.store(Kind::Tdx as u8, Ordering::Relaxed);
    match td {
        Ok(td) => {
            let _ = tdx::TD.set(td);
        }
        Err(refusal) => refuse(refusal),
    }
}

#[cfg(target_os = "none")]
fn refuse(refusal: tdx::Refusal) -> ! {
    crate::arch::stop_with(refusal as u64, refusal.why())
}

/// What of the policy waits for the measured command line, and for the memory map,
/// which ends at `ram_end`.
#[cfg(target_os = "none")]
pub(crate) fn enforce(ram_end: u64) {
    if kind() == Kind::Tdx {
        let td = tdx::td();
        if let Err(refusal) = td.allows(crate::cmdline::get().may_debug_cvm, ram_end) {
            refuse(refusal);
        }
        log::info!(
            target: "tdx",
            "Guest detected: attributes {:#x}, shared bit {:#x}, reduced #VE {}",
            td.attributes,
            td.shared_bit,
            td.has_reduced_ve
        );
    }
}

/// How many CPUs the hardware says there can be.
#[cfg(target_os = "none")]
pub(crate) fn max_cpus() -> usize {
    let all = crate::cpu::MAX_CPUS;
    if kind() == Kind::Tdx { (tdx::td().max_cpus as usize).min(all) } else { all }
}

/// Frequency of the time-stamp counter in kHz by CPUID 0x15.
fn crystal_khz() -> Option<u64> {
    let [denominator, numerator, crystal_hz, _] = cpuid(0x15, 0).map(u64::from);
    (crystal_hz * numerator).checked_div(denominator).map(|hz| hz / 1000).filter(|khz| *khz != 0)
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
    /// A signal came meanwhile.
    Interrupted,
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
    quote::quote(report, max_len, deadline_ns)
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
