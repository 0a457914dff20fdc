// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Plain`]: an ordinary virtual machine, driven by instructions.

use super::{Backend, CpuStart, Encoding, MapFn, Refusal, crystal_khz};
use crate::arch;
use crate::host::Untrusted;
use crate::mm::{MemoryMap, PhysRange};
use crate::user::x86::UserRegs;

/// A machine without memory encryption.
pub(super) struct Plain;

impl Backend for Plain {
    fn examined(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn enforce(&self, _: u64) -> Result<(), Refusal> {
        Ok(())
    }

    fn encoding(&self) -> Encoding {
        Encoding::default()
    }

    fn set_up_cpu(&self) {}

    fn prepare_cpus(&self, _: Option<(u64, u16)>, _: &MemoryMap, _: MapFn) -> usize {
        crate::cpu::MAX_CPUS
    }

    fn start_cpu(&self, cpu: &CpuStart) -> bool {
        (cpu.by_ipi)(cpu)
    }

    fn serve_user(&self, _: &mut UserRegs) -> bool {
        false
    }

    fn fault_address(&self, _: u64) -> Option<u64> {
        None
    }

    /// # Safety
    /// As the trait says.
    unsafe fn accept(&self, _: PhysRange) {}

    fn share(&self, _: PhysRange) -> Result<(), &'static str> {
        Ok(())
    }

    #[inline]
    fn port_read(&self, port: u16) -> Untrusted<u8> {
        Untrusted::new(arch::port_in(port))
    }

    #[inline]
    fn port_write(&self, port: u16, size: u8, value: u32) {
        arch::port_out(port, size, value);
    }

    fn mmio_read(&self, _: u64, _: u8) -> Untrusted<u64> {
        Untrusted::new(u64::MAX)
    }

    fn mmio_write(&self, _: u64, _: u8, _: u64) {}

    #[inline]
    fn msr_read(&self, msr: u32) -> Untrusted<u64> {
        Untrusted::new(arch::x2apic_read(msr))
    }

    #[inline]
    fn msr_write(&self, msr: u32, value: u64) {
        arch::x2apic_write(msr, value);
    }

    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        arch::cpuid(leaf, subleaf)
    }

    fn tsc_khz(&self) -> Option<u64> {
        crystal_khz(self)
    }

    #[inline]
    fn idle(&self) {
        arch::wait_for_interrupt();
    }

    fn halt(&self) -> ! {
        arch::halt()
    }

    fn fatal(&self, _: u64, _: &'static str) -> ! {
        arch::halt()
    }
}
