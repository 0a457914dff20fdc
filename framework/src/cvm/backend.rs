// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Backend`]: everything in which kinds of machine differ.
//!
//! All kinds are x86-64 machines, and the trait says so: vectors, MSRs, ports, CPUID and
//! the saved registers are in it as they are. For another architecture it would have
//! to be split.

use alloc::vec::Vec;

use super::{CvmError, Encoding, Evidence, Exchange, Provider, Register};
use crate::host::Untrusted;
use crate::mm::{MemoryMap, NoMemory, PhysRange};
use crate::user::x86::UserRegs;

/// What a kind of machine must be able to do for the kernel. Evidence is left out by
/// default, as on a machine that has none.
///
/// docs/threat-model.md shows what each method does on TDX and on SEV-SNP.
pub(crate) trait Backend: Sized {
    /// This machine, if it is of this kind. The first method called; a plain machine is
    /// not asked. `image` is physical minus virtual address of the kernel's image.
    fn detect(_image: u64) -> Option<Self> {
        None
    }
    /// Whether the kernel runs on it, by what the hardware says alone.
    fn examined(&self) -> Result<(), Refusal>;
    /// The rest of the policy, which needs the measured command line and the end of RAM.
    fn enforce(&self, ram_end: u64) -> Result<(), Refusal>;
    /// How page tables tell private from shared memory.
    fn encoding(&self) -> Encoding;

    /// Sets this CPU up: on the boot CPU once shared memory is there, on each other CPU
    /// before it calls anything else here.
    fn set_up_cpu(&self);
    /// Gets ready to start CPUs, and says how many there may be, the boot CPU with them.
    /// `mailbox` is the address and version of the firmware's, unchecked.
    /// `map` maps private pages for ever.
    fn prepare_cpus(&self, mailbox: Option<(u64, u16)>, ram: &MemoryMap, map: MapFn) -> usize;
    /// Starts a CPU; whether it has begun to set itself up. If not, it may still come.
    fn start_cpu(&self, cpu: &CpuStart) -> bool;

    /// Serves an exception of a program that a plain machine would not raise, and says
    /// whether it did: the program goes on then, else it gets a signal.
    fn serve_user(&self, regs: &mut UserRegs) -> bool;
    /// For an exception in the kernel that only this kind of machine has: the address
    /// that the hardware tells with it. The kernel names it when it stops.
    fn fault_address(&self, vector: u64) -> Option<u64>;

    /// Makes pages private and usable, zeroed; stops the machine if it cannot.
    ///
    /// # Safety
    /// Pending RAM that was never accepted, and that nobody uses yet.
    unsafe fn accept(&self, range: PhysRange);
    /// Makes memory shared with the host, once, at boot. Its content is lost; from then on
    /// only a [`super::shared`] address reaches it.
    fn share(&self, range: PhysRange) -> Result<(), &'static str>;

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
    /// Tells the host that this was the end, for as long as it takes. No text but one that
    /// stands in the image leaves a CVM so.
    fn fatal(&self, code: u64, text: &'static str) -> !;

    /// Flags of /proc/cpuinfo for this kind of machine, in Linux's names.
    fn cpu_flags(&self) -> &'static [&'static str] {
        &[]
    }
    /// See [`super::provider`].
    fn provider(&self) -> Option<Provider> {
        None
    }
    /// The register for what the boot measures, if there is one.
    fn boot_register(&self) -> Option<BootRegister> {
        None
    }
    /// The type of log, in the firmware's table, that belongs to this kind of machine.
    fn log_kind(&self) -> Option<u8> {
        None
    }
    /// See [`super::registers`].
    fn registers(&self) -> &'static [Register] {
        &[]
    }
    /// Extends a register, whosever it is.
    fn extend(&self, _index: usize, _digest: &[u8]) -> Result<(), CvmError> {
        Err(CvmError::Unsupported)
    }
    /// See [`super::report`].
    fn report(&self, _data: &[u8; 64]) -> Result<Vec<u8>, CvmError> {
        Err(CvmError::Unsupported)
    }
    /// Length in bytes of the memory by which the host gives evidence; 0 for none.
    fn exchange_len(&self) -> usize {
        0
    }
    /// See [`super::evidence()`].
    fn evidence(
        &self,
        _data: &[u8; 64],
        _max_len: usize,
        _exchange: &mut Exchange<'_>,
    ) -> Result<Evidence, CvmError> {
        Err(CvmError::Unsupported)
    }
}

/// Maps physical memory: address and length in bytes.
pub(crate) type MapFn = fn(u64, usize) -> Result<*mut u8, NoMemory>;

/// Why the kernel does not run on a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refusal {
    /// A number for the host.
    pub(crate) code: u64,
    pub(crate) why: &'static str,
}

/// A CPU to start, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuStart {
    pub(crate) apic_id: u32,
    /// The number that the CPU will have.
    pub(crate) number: u32,
    /// The page below 1 MiB with the start code. At its begin is the entry for a CPU in
    /// real mode.
    pub(crate) page: u64,
    /// Where a CPU starts that is in long mode already: an address in `page`, which is
    /// mapped one to one.
    pub(crate) long_mode: u64,
    /// Starts the CPU as on a plain machine; whether it has begun to set itself up.
    pub(crate) by_ipi: fn(&Self) -> bool,
    /// Waits up to a second for the CPU of that number; whether it has begun.
    pub(crate) comes_up: fn(u32) -> bool,
}

/// The register for what the boot measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BootRegister {
    /// Its number for [`Backend::extend`].
    pub(crate) index: usize,
    /// Its number in the log of measurements.
    pub(crate) log_index: u32,
    /// Why the machine stops if it cannot be extended.
    pub(crate) failure: &'static str,
}

/// Frequency of the time-stamp counter in kHz by CPUID 0x15, where `backend` has that.
pub(crate) fn crystal_khz(backend: &impl Backend) -> Option<u64> {
    let [denominator, numerator, crystal_hz, _] = backend.cpuid(0x15, 0).map(u64::from);
    (crystal_hz * numerator).checked_div(denominator).map(|hz| hz / 1000).filter(|khz| *khz != 0)
}
