// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Tdx`]: a trust domain of Intel TDX.
//!
//! Spec: Intel TDX module ABI; GHCI 1.5.

mod call;
mod cpuid;
mod memory;
mod policy;
#[cfg(test)]
mod tests;
mod ve;

use self::call::{Cpu, Regs, VE_INFO, host};
pub(super) use self::policy::{Refusal, Td, examine};
pub(crate) use self::ve::{VeInfo, Verdict, judge};
use super::page::Page;
use super::{Backend, CvmError};
use crate::arch;
use crate::host::Untrusted;
use crate::mm::PhysRange;
use crate::sync::Once;

/// This TD; set before [`super::kind`] says TDX.
pub(super) static TD: Once<Td> = Once::new();

pub(super) fn td() -> Td {
    TD.get().copied().unwrap_or(Td {
        shared_bit: 1 << 47,
        attributes: 0,
        max_cpus: 1,
        has_reduced_ve: false,
    })
}

/// CPUID says that this is a TD. Whether that is true, [`examine`] asks the module.
pub(super) fn is_claimed() -> bool {
    let [_, b, c, d] = arch::cpuid(0x21, 0);
    [b, d, c] == [*b"Inte", *b"lTDX", *b"    "].map(u32::from_le_bytes)
}

/// Asks the module what this is.
pub(super) fn detect() -> Result<Td, Refusal> {
    examine(&Cpu)
}

/// Registers that the CPU itself answers in a TD; all others are asked of the host.
fn is_native(msr: u32) -> bool {
    matches!(msr, 0x808 | 0x80a | 0x80b | 0x810..=0x827)
}

/// Ports that the host is asked about: serial lines that the measured command line
/// names, and with `nacre.control` on it QEMU's debug console and exits.
fn may_use_port(port: u16) -> bool {
    match port {
        0x2e8..=0x2ef | 0x2f8..=0x2ff | 0x3e8..=0x3ef | 0x3f8..=0x3ff => {
            crate::host::is_named(port)
        }
        0xe9 | 0xf4 | 0x604 => crate::cmdline::get().has_control,
        _ => false,
    }
}

/// A trust domain.
pub(super) struct Tdx;

impl Backend for Tdx {
    /// # Safety
    /// As the trait says.
    unsafe fn accept(&self, range: PhysRange) {
        // SAFETY: the caller's duty is the same.
        if let Err(why) = unsafe { memory::accept(&Cpu, range) } {
            crate::fatal(why);
        }
    }

    fn share(&self, range: PhysRange) -> Result<(), &'static str> {
        memory::map_gpa(&Cpu, range, td().shared_bit)
    }

    fn shared_bit(&self) -> u64 {
        td().shared_bit
    }

    fn port_read(&self, port: u16) -> Untrusted<u8> {
        if !may_use_port(port) {
            return Untrusted::new(0xff);
        }
        let answer = call::ask(&Cpu, host::IO, &[1, 0, port.into(), 0]);
        call::value_or(answer, 0xff).map(|value| value as u8)
    }

    fn port_write(&self, port: u16, size: u8, value: u32) {
        if may_use_port(port) {
            let _ = call::ask(&Cpu, host::IO, &[size.into(), 1, port.into(), value.into()]);
        }
    }

    fn mmio_read(&self, phys: u64, size: u8) -> Untrusted<u64> {
        let at = phys | td().shared_bit;
        let answer = call::ask(&Cpu, host::MMIO, &[size.into(), 0, at, 0]);
        call::value_or(answer, u64::MAX)
    }

    fn mmio_write(&self, phys: u64, size: u8, value: u64) {
        let at = phys | td().shared_bit;
        let _ = call::ask(&Cpu, host::MMIO, &[size.into(), 1, at, value]);
    }

    fn msr_read(&self, msr: u32) -> Untrusted<u64> {
        if is_native(msr) {
            return Untrusted::new(arch::x2apic_read(msr));
        }
        let answer = call::ask(&Cpu, host::RDMSR, &[msr.into()]);
        call::value_or(answer, 0)
    }

    fn msr_write(&self, msr: u32, value: u64) {
        if is_native(msr) {
            arch::x2apic_write(msr, value);
        } else {
            let _ = call::ask(&Cpu, host::WRMSR, &[msr.into(), value]);
        }
    }

    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        cpuid::answer(leaf, subleaf, td().has_reduced_ve)
    }

    fn idle(&self) {
        // Not "interrupts blocked": the host returns when one is pending, though it
        // is delivered only behind the call. So no wake-up is lost.
        let _ = call::ask(&Cpu, host::HLT, &[0]);
        arch::take_interrupts();
    }

    fn tsc_khz(&self) -> Option<u64> {
        super::crystal_khz().filter(|khz| (100_000..=10_000_000).contains(khz))
    }

    fn halt(&self) -> ! {
        loop {
            let _ = call::ask(&Cpu, host::HLT, &[1]);
        }
    }

    fn fatal(&self, code: u64, text: &str) -> ! {
        loop {
            let _ = call::ask_raw(&Cpu, fatal_regs(code, text));
        }
    }

    fn extend(&self, index: usize, digest: &[u8; 48]) -> Result<(), CvmError> {
        if index >= 4 {
            return Err(CvmError::Invalid);
        }
        let mut page = Page::lock();
        page.put(digest);
        // SAFETY: the locked page is the kernel's, and aligned.
        unsafe { call::extend(&Cpu, page.phys(), index as u64) }.map_err(refused)
    }

    fn report(&self, data: &[u8; 64]) -> Result<[u8; 1024], CvmError> {
        let mut page = Page::lock();
        page.put(data);
        // SAFETY: the second 1024 bytes of the locked page, aligned.
        unsafe { call::report(&Cpu, page.phys() + 1024, page.phys()) }.map_err(refused)?;
        Ok(page.report())
    }

    fn get_quote(&self, phys: u64, len: u64) -> Result<(), CvmError> {
        let answer = call::ask(&Cpu, host::GET_QUOTE, &[phys | td().shared_bit, len]);
        answer.check(|answer| match answer.status {
            0 => Ok(()),
            _ => Err(CvmError::Host("GetQuote was refused")),
        })
    }
}

fn refused(status: call::Status) -> CvmError {
    const BUSY: u32 = 0x8000_0200;
    if status.code() == BUSY { CvmError::Busy } else { CvmError::Refused(status.0) }
}

/// ReportFatalError, with the text's first 64 bytes in registers.
fn fatal_regs(code: u64, text: &str) -> Regs {
    let mut words = [0u64; 8];
    for (word, bytes) in words.iter_mut().zip(text.as_bytes().chunks(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let [r14, r15, rbx, rdi, rsi, r8, r9, rdx] = words;
    let (r11, r12) = (host::FATAL, code);
    // RDX, RBX, RSI, RDI, R8 to R15.
    Regs { rcx: 0xffcc, r11, r12, r14, r15, rbx, rdi, rsi, r8, r9, rdx, ..Regs::default() }
}

/// What the last #VE on this CPU was, in a TD; the next one may come from here on.
pub(crate) fn ve_info() -> Option<VeInfo> {
    if super::kind() != super::Kind::Tdx {
        return None;
    }
    call::query(&Cpu, VE_INFO, 0, [0, 0]).ok().map(|regs| VeInfo::new(&regs))
}
