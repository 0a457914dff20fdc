// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Backend`]: everything in which kinds of machine differ, and its dispatch.

use super::plain::Plain;
use super::tdx::Tdx;
use super::{CvmError, Kind};
use crate::host::Untrusted;
use crate::mm::PhysRange;

/// What a kind of machine must be able to do for the kernel.
///
/// docs/threat-model.md shows what each method does on TDX and on SEV-SNP.
pub(crate) trait Backend {
    /// Makes pages private and usable, zeroed; stops the machine if it cannot.
    ///
    /// # Safety
    /// Pending RAM that was never accepted, and that nobody uses yet.
    unsafe fn accept(&self, range: PhysRange);
    /// Makes memory shared with the host, once, at boot; its content is lost, and
    /// it can be reached no more but by the [`Self::shared_bit`].
    fn share(&self, range: PhysRange) -> Result<(), &'static str>;
    /// The bit of a physical address in a page table that means "shared".
    fn shared_bit(&self) -> u64;
    /// Reads a byte from a port of the allow-list; 0xff otherwise.
    fn port_read(&self, port: u16) -> Untrusted<u8>;
    /// Writes 1, 2 or 4 bytes to a port of the allow-list.
    fn port_write(&self, port: u16, size: u8, value: u32);
    /// Reads a device register (only called in a CVM: `host` checks windows).
    fn mmio_read(&self, phys: u64, size: u8) -> Untrusted<u64>;
    /// Writes a device register (only called in a CVM: `host` checks windows).
    fn mmio_write(&self, phys: u64, size: u8, value: u64);
    /// Reads an x2APIC register.
    fn msr_read(&self, msr: u32) -> Untrusted<u64>;
    /// Writes an x2APIC register.
    fn msr_write(&self, msr: u32, value: u64);
    /// A CPUID leaf that the hardware vouches for; zeros for any other.
    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4];
    /// The frequency of the time-stamp counter, if the hardware vouches for it.
    fn tsc_khz(&self) -> Option<u64>;
    /// Waits for an interrupt. Interrupts are off before and after.
    fn idle(&self);
    /// Turns this CPU off for good; interrupts are off.
    fn halt(&self) -> !;
    /// Tells the host that this was the end, for as long as it takes.
    fn fatal(&self, code: u64, text: &str) -> !;
    /// See [`super::extend`].
    fn extend(&self, index: usize, digest: &[u8; 48]) -> Result<(), CvmError>;
    /// See [`super::report`].
    fn report(&self, data: &[u8; 64]) -> Result<[u8; 1024], CvmError>;
    /// Asks for a quote of the report in shared memory, which comes there later.
    fn get_quote(&self, phys: u64, len: u64) -> Result<(), CvmError>;
}

/// Calls a method of the machine's backend.
macro_rules! backend {
    ($method:ident($($arg:expr),*)) => {
        match super::kind() {
            Kind::Plain => Plain.$method($($arg),*),
            Kind::Tdx => Tdx.$method($($arg),*),
            Kind::Snp => crate::fatal("there is no backend for SEV-SNP yet"),
        }
    };
}

/// One free function for each safe method.
macro_rules! dispatch {
    ($(fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {$(
        #[inline]
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            backend!($name($($arg),*))
        }
    )*};
}

dispatch! {
    fn share(range: PhysRange) -> Result<(), &'static str>;
    fn shared_bit() -> u64;
    fn port_read(port: u16) -> Untrusted<u8>;
    fn port_write(port: u16, size: u8, value: u32);
    fn mmio_read(phys: u64, size: u8) -> Untrusted<u64>;
    fn mmio_write(phys: u64, size: u8, value: u64);
    fn msr_read(msr: u32) -> Untrusted<u64>;
    fn msr_write(msr: u32, value: u64);
    fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4];
    fn tsc_khz() -> Option<u64>;
    fn idle();
    fn extend(index: usize, digest: &[u8; 48]) -> Result<(), CvmError>;
    fn report(data: &[u8; 64]) -> Result<[u8; 1024], CvmError>;
    fn get_quote(phys: u64, len: u64) -> Result<(), CvmError>;
    fn halt() -> !;
    fn fatal(code: u64, text: &str) -> !;
}

/// See [`Backend::accept`].
///
/// # Safety
/// As there.
#[cfg(target_os = "none")]
pub(crate) unsafe fn accept(range: PhysRange) {
    // SAFETY: the caller's duty is the same.
    unsafe { backend!(accept(range)) }
}
