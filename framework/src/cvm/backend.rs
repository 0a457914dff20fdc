// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Backend`]: everything in which kinds of machine differ, and its dispatch.

use alloc::vec::Vec;

use super::plain::Plain;
use super::{CvmError, Kind};
use crate::boot::Region;
use crate::host::Untrusted;

/// What a kind of machine must be able to do for the kernel.
///
/// docs/threat-model.md shows what each method does on TDX and on SEV-SNP.
pub(crate) trait Backend {
    /// Makes memory shared with the host, once, at boot; its content is lost.
    fn share(&self, range: Region) -> Result<(), &'static str>;
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
    /// Waits for an interrupt. Interrupts are off before and after.
    fn idle(&self);
    /// See [`super::report`].
    fn report(&self, data: &[u8; 64]) -> Result<[u8; 1024], CvmError>;
    /// See [`super::extend`].
    fn extend(&self, index: usize, digest: &[u8; 48]) -> Result<(), CvmError>;
    /// See [`super::quote`].
    fn quote(&self, report: &[u8], max_len: usize, deadline_ns: u64) -> Result<Vec<u8>, CvmError>;
}

/// One free function for each method, by the kind of machine.
macro_rules! dispatch {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {$(
        $(#[$meta])*
        #[inline]
        #[cfg_attr(not(target_os = "none"), allow(dead_code))]
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            match super::kind() {
                Kind::Plain => Plain.$name($($arg),*),
                Kind::Tdx | Kind::Snp => unreachable(),
            }
        }
    )*};
}

dispatch! {
    #[allow(dead_code)] fn share(range: Region) -> Result<(), &'static str>;
    #[allow(dead_code)] fn shared_bit() -> u64;
    fn port_read(port: u16) -> Untrusted<u8>;
    fn port_write(port: u16, size: u8, value: u32);
    #[allow(dead_code)] fn mmio_read(phys: u64, size: u8) -> Untrusted<u64>;
    #[allow(dead_code)] fn mmio_write(phys: u64, size: u8, value: u64);
    fn msr_read(msr: u32) -> Untrusted<u64>;
    fn msr_write(msr: u32, value: u64);
    fn idle();
    fn report(data: &[u8; 64]) -> Result<[u8; 1024], CvmError>;
    fn extend(index: usize, digest: &[u8; 48]) -> Result<(), CvmError>;
    fn quote(report: &[u8], max_len: usize, deadline_ns: u64) -> Result<Vec<u8>, CvmError>;
}

#[cold]
fn unreachable() -> ! {
    crate::fatal("no backend for this kind of machine")
}
