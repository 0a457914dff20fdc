// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which backend this machine has, and its methods as functions: the only place that
//! tells kinds of machine apart.
//!
//! What no backend knows is a plain machine; until `detect` has found out, it counts as
//! one. A backend for another kind is a variant of [`Cvm`], an arm of `backend!`, and a
//! line of `detect`.

use alloc::vec::Vec;

use super::plain::Plain;
use super::tdx::Tdx;
use super::{Backend, BootRegister, CvmError, Evidence, Exchange, Provider, Register};
use super::{CpuStart, MapFn, Refusal, encoding};
use crate::host::Untrusted;
use crate::mm::{MemoryMap, PhysRange};
use crate::sync::Once;
use crate::user::x86::UserRegs;

enum Cvm {
    Tdx(Tdx),
}

static CVM: Once<Cvm> = Once::new();

/// Whether the host can see a machine's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The host can read and write all memory.
    Plain,
    /// Memory is hidden from the host, but for what is shared with it.
    Confidential,
}

/// Which kind of machine this is.
#[inline]
pub fn kind() -> Kind {
    if is_confidential() { Kind::Confidential } else { Kind::Plain }
}

/// Whether memory is hidden from the host.
#[inline]
pub fn is_confidential() -> bool {
    CVM.get().is_some()
}

/// Calls a method of the machine's backend.
macro_rules! backend {
    ($method:ident($($arg:expr),*)) => {
        match CVM.get() {
            None => Plain.$method($($arg),*),
            Some(Cvm::Tdx(tdx)) => tdx.$method($($arg),*),
        }
    };
}

/// Finds out what this machine is; `image` is physical minus virtual address of the
/// image. Should the host only pretend that this is a CVM, the attempt to ask the
/// hardware is an invalid opcode, and that a stop.
///
/// Once, on the boot CPU, before anything else asks the host.
pub(crate) fn detect(image: u64) {
    if let Some(tdx) = Tdx::detect(image) {
        let _ = CVM.set(Cvm::Tdx(tdx));
    }
    backend!(examined()).unwrap_or_else(|refusal| refuse(refusal));
    encoding::set(backend!(encoding()));
}

/// See [`Backend::enforce`].
pub(crate) fn enforce(ram_end: u64) {
    backend!(enforce(ram_end)).unwrap_or_else(|refusal| refuse(refusal));
}

fn refuse(refusal: Refusal) -> ! {
    crate::panic::stop_with(refusal.code, refusal.why)
}

/// See [`Backend::accept`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn accept(range: PhysRange) {
    // SAFETY: the caller's duty is the same.
    unsafe { backend!(accept(range)) }
}

/// See [`Backend::serve_user`]. Kept out of the way of system calls.
#[cold]
#[inline(never)]
pub(crate) fn serve_user(regs: &mut UserRegs) -> bool {
    backend!(serve_user(regs))
}

/// One free function for each other safe method.
macro_rules! dispatch {
    ($($(#[$attr:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {$(
        $(#[$attr])*
        #[inline]
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            backend!($name($($arg),*))
        }
    )*};
}

dispatch! {
    fn set_up_cpu();
    fn prepare_cpus(mailbox: Option<(u64, u16)>, ram: &MemoryMap, map: MapFn) -> usize;
    fn start_cpu(cpu: &CpuStart) -> bool;
    fn fault_address(vector: u64) -> Option<u64>;
    fn share(range: PhysRange) -> Result<(), &'static str>;
    fn port_read(port: u16) -> Untrusted<u8>;
    fn port_write(port: u16, size: u8, value: u32);
    fn mmio_read(phys: u64, size: u8) -> Untrusted<u64>;
    fn mmio_write(phys: u64, size: u8, value: u64);
    fn msr_read(msr: u32) -> Untrusted<u64>;
    fn msr_write(msr: u32, value: u64);
    fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4];
    fn tsc_khz() -> Option<u64>;
    fn idle();
    fn halt() -> !;
    fn fatal(code: u64, text: &'static str) -> !;
    fn cpu_flags() -> &'static [&'static str];
    fn provider() -> Option<Provider>;
    fn boot_register() -> Option<BootRegister>;
    fn log_kind() -> Option<u8>;
    fn registers() -> &'static [Register];
    fn extend(index: usize, digest: &[u8]) -> Result<(), CvmError>;
    fn report(data: &[u8; 64]) -> Result<Vec<u8>, CvmError>;
    fn exchange_len() -> usize;
    fn evidence(data: &[u8; 64], max_len: usize, exchange: &mut Exchange<'_>) -> Result<Evidence, CvmError>;
}
