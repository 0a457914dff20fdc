// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Tdx`]: the backend for a trust domain.
//!
//! Spec: Intel TDX module ABI; GHCI 1.5.

use alloc::vec::Vec;

use super::call::{self, Cpu, Regs, VE_INFO, host};
use super::mailbox::{self, Mailbox};
use super::page::Page;
use super::policy::{self, Td, examine};
use super::ve::{self, VeInfo, Verdict};
use super::{cpuid, memory, quote, report};
use crate::arch;
use crate::cvm::{
    Backend, BootRegister, CpuStart, CvmError, Encoding, Evidence, Exchange, MapFn, Provider,
    Refusal, Register, crystal_khz, ports,
};
use crate::host::Untrusted;
use crate::mm::{MemoryMap, PhysRange};
use crate::sync::Once;
use crate::user::x86::UserRegs;

/// Registers that the CPU itself answers in a TD; all others are asked of the host.
pub(super) fn is_native(msr: u32) -> bool {
    matches!(msr, 0x808 | 0x80a | 0x80b | 0x810..=0x827)
}

/// A trust domain.
pub(in crate::cvm) struct Tdx {
    /// What the module says of it; a TD that is refused can do no more than say so.
    td: Result<Td, policy::Refusal>,
    /// Physical minus virtual address of the kernel's image.
    image: u64,
    /// Where the firmware has left the other CPUs.
    mailbox: Once<Mailbox>,
}

impl Tdx {
    fn td(&self) -> &Td {
        match &self.td {
            Ok(td) => td,
            Err(refusal) => crate::fatal(refusal.why()),
        }
    }
}

impl Backend for Tdx {
    /// CPUID says that this is a TD. Whether that is true, the module is asked.
    fn detect(image: u64) -> Option<Self> {
        let [_, b, c, d] = arch::cpuid(0x21, 0);
        let is_claimed = [b, d, c] == [*b"Inte", *b"lTDX", *b"    "].map(u32::from_le_bytes);
        is_claimed.then(|| Self { td: examine(&Cpu), image, mailbox: Once::new() })
    }

    fn examined(&self) -> Result<(), Refusal> {
        self.td.map(|_| ()).map_err(policy::Refusal::into)
    }

    fn enforce(&self, ram_end: u64) -> Result<(), Refusal> {
        let td = self.td();
        td.allows(crate::cmdline::get().may_debug_cvm, ram_end)?;
        log::info!(
            target: "tdx",
            "Guest detected: attributes {:#x}, shared bit {:#x}, reduced #VE {}",
            td.attributes,
            td.shared_bit,
            td.has_reduced_ve
        );
        Ok(())
    }

    fn encoding(&self) -> Encoding {
        Encoding { private: 0, shared: self.td().shared_bit }
    }

    fn set_up_cpu(&self) {}

    fn prepare_cpus(&self, mailbox: Option<(u64, u16)>, ram: &MemoryMap, map: MapFn) -> usize {
        let limit = self.td().shared_bit;
        let Some(mailbox) = mailbox.and_then(|claim| mailbox::map(claim, ram, limit, map)) else {
            return 1;
        };
        let _ = self.mailbox.set(mailbox);
        (self.td().max_cpus as usize).min(crate::cpu::MAX_CPUS)
    }

    fn start_cpu(&self, cpu: &CpuStart) -> bool {
        self.mailbox.get().is_some_and(|mailbox| {
            mailbox.wake(cpu.apic_id, cpu.long_mode);
            (cpu.comes_up)(cpu.number)
        })
    }

    /// CPUID is answered, all else is for a signal. The module is asked first of all,
    /// since until then another #VE is a double fault.
    fn serve_user(&self, regs: &mut UserRegs) -> bool {
        if regs.vector != ve::VECTOR {
            return false;
        }
        let Some(info) = ve_info() else { return false };
        let Verdict::Cpuid(len) = ve::judge(info) else { return false };
        let [eax, ebx, ecx, edx] = self.cpuid(regs.rax as u32, regs.rcx as u32).map(u64::from);
        (regs.rax, regs.rbx, regs.rcx, regs.rdx) = (eax, ebx, ecx, edx);
        regs.rip += u64::from(len);
        true
    }

    fn fault_address(&self, vector: u64) -> Option<u64> {
        if vector == ve::VECTOR { ve_info().map(|info| info.gpa) } else { None }
    }

    /// # Safety
    /// As the trait says.
    unsafe fn accept(&self, range: PhysRange) {
        // SAFETY: the caller's duty is the same.
        if let Err(why) = unsafe { memory::accept(&Cpu, range) } {
            crate::fatal(why);
        }
    }

    fn share(&self, range: PhysRange) -> Result<(), &'static str> {
        memory::map_gpa(&Cpu, range, self.td().shared_bit)
    }

    fn port_read(&self, port: u16) -> Untrusted<u8> {
        if !ports::may_use(port) {
            return Untrusted::new(0xff);
        }
        let answer = call::ask(&Cpu, host::IO, &[1, 0, port.into(), 0]);
        call::value_or(answer, 0xff).map(|value| value as u8)
    }

    fn port_write(&self, port: u16, size: u8, value: u32) {
        if ports::may_use(port) {
            let _ = call::ask(&Cpu, host::IO, &[size.into(), 1, port.into(), value.into()]);
        }
    }

    fn mmio_read(&self, phys: u64, size: u8) -> Untrusted<u64> {
        let at = phys | self.td().shared_bit;
        let answer = call::ask(&Cpu, host::MMIO, &[size.into(), 0, at, 0]);
        call::value_or(answer, u64::MAX)
    }

    fn mmio_write(&self, phys: u64, size: u8, value: u64) {
        let at = phys | self.td().shared_bit;
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
        cpuid::answer(leaf, subleaf, self.td().has_reduced_ve)
    }

    fn idle(&self) {
        // Not "interrupts blocked": the host returns when one is pending, though it
        // is delivered only behind the call. So no wake-up is lost.
        let _ = call::ask(&Cpu, host::HLT, &[0]);
        arch::take_interrupts();
    }

    fn tsc_khz(&self) -> Option<u64> {
        crystal_khz(self).filter(|khz| (100_000..=10_000_000).contains(khz))
    }

    fn halt(&self) -> ! {
        loop {
            let _ = call::ask(&Cpu, host::HLT, &[1]);
        }
    }

    fn fatal(&self, code: u64, text: &'static str) -> ! {
        loop {
            let _ = call::ask_raw(&Cpu, fatal_regs(code, text));
        }
    }

    fn cpu_flags(&self) -> &'static [&'static str] {
        &["tdx_guest"]
    }

    fn provider(&self) -> Option<Provider> {
        Some(Provider { name: "tdx_guest", has_auxiliary: false })
    }

    fn boot_register(&self) -> Option<BootRegister> {
        // The log counts MRTD as 0.
        let failure = "measure: RTMR2 cannot be extended";
        Some(BootRegister { index: 2, log_index: 3, failure })
    }

    fn log_kind(&self) -> Option<u8> {
        Some(2)
    }

    fn registers(&self) -> &'static [Register] {
        &report::REGISTERS
    }

    fn extend(&self, index: usize, digest: &[u8]) -> Result<(), CvmError> {
        if index >= 4 || digest.len() != 48 {
            return Err(CvmError::Invalid);
        }
        let mut page = Page::lock(self.image);
        page.put(digest);
        // SAFETY: the locked page is the kernel's, and aligned.
        unsafe { call::extend(&Cpu, page.phys(), index as u64) }.map_err(refused)
    }

    fn report(&self, data: &[u8; 64]) -> Result<Vec<u8>, CvmError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(report::LEN).map_err(|_| CvmError::NoMemory)?;
        let mut page = Page::lock(self.image);
        page.put(data);
        // SAFETY: the second 1024 bytes of the locked page, aligned.
        unsafe { call::report(&Cpu, page.phys() + 1024, page.phys()) }.map_err(refused)?;
        bytes.extend_from_slice(&page.report());
        Ok(bytes)
    }

    fn exchange_len(&self) -> usize {
        quote::BUFFER_LEN
    }

    fn evidence(
        &self,
        data: &[u8; 64],
        max_len: usize,
        exchange: &mut Exchange<'_>,
    ) -> Result<Evidence, CvmError> {
        let report = self.report(data)?;
        let ask = |phys, len| get_quote(phys | self.td().shared_bit, len);
        let blob = quote::quote(&report, ask, max_len, exchange)?;
        Ok(Evidence { blob, auxiliary: Vec::new() })
    }
}

/// Asks for a quote of the report in shared memory, which comes there later.
fn get_quote(gpa: u64, len: u64) -> Result<(), CvmError> {
    let answer = call::ask(&Cpu, host::GET_QUOTE, &[gpa, len]);
    answer.check(|answer| match answer.status {
        0 => Ok(()),
        _ => Err(CvmError::Host("GetQuote was refused")),
    })
}

fn refused(status: call::Status) -> CvmError {
    const BUSY: u32 = 0x8000_0200;
    if status.code() == BUSY { CvmError::Busy } else { CvmError::Refused(status.0) }
}

/// ReportFatalError, with the text's first 64 bytes in registers.
pub(super) fn fatal_regs(code: u64, text: &str) -> Regs {
    let mut words = [0u64; 8];
    for (word, bytes) in words.iter_mut().zip(text.as_bytes().chunks(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    let [r14, r15, rbx, rdi, rsi, r8, r9, rdx] = words;
    let (r11, r12) = (host::FATAL, code);
    // RDX, RBX, RSI, RDI, R8 to R15.
    Regs { rcx: 0xffcc, r11, r12, r14, r15, rbx, rdi, rsi, r8, r9, rdx, ..Regs::default() }
}

/// What the last #VE on this CPU was; the next one may come from here on.
fn ve_info() -> Option<VeInfo> {
    call::query(&Cpu, VE_INFO, 0, [0, 0]).ok().map(|regs| VeInfo::new(&regs))
}
