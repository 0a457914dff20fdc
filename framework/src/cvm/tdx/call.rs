// SPDX-License-Identifier: Apache-2.0 OR MIT
//! TDCALL: its leaves, as functions over anything that answers them.
//!
//! Trust: the module's answers are the hardware's. A TDVMCALL's answer, R10 and
//! R11, is the host's.
//! Spec: Intel TDX module ABI; GHCI 1.5.

use crate::host::Untrusted;

/// All registers of a TDCALL but RBP and RSP.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C)]
pub(super) struct Regs {
    pub(super) rax: u64,
    pub(super) rcx: u64,
    pub(super) rdx: u64,
    pub(super) rbx: u64,
    pub(super) rsi: u64,
    pub(super) rdi: u64,
    pub(super) r8: u64,
    pub(super) r9: u64,
    pub(super) r10: u64,
    pub(super) r11: u64,
    pub(super) r12: u64,
    pub(super) r13: u64,
    pub(super) r14: u64,
    pub(super) r15: u64,
}

/// Something that answers TDCALLs: the CPU, or a test's model of it.
pub(super) trait Call {
    /// Executes TDCALL.
    ///
    /// # Safety
    /// Memory that the leaf writes, clears or takes away is the caller's to lose.
    unsafe fn call(&self, regs: &mut Regs);
}

/// The CPU.
pub(super) struct Cpu;

#[cfg(target_os = "none")]
core::arch::global_asm!(include_str!("tdcall.S"));

impl Call for Cpu {
    /// # Safety
    /// As the trait says.
    #[cfg(target_os = "none")]
    #[inline]
    unsafe fn call(&self, regs: &mut Regs) {
        unsafe extern "C" {
            fn tdx_call(regs: *mut Regs);
        }
        // SAFETY: this is a TD; what the leaf does to memory is the caller's duty.
        unsafe { tdx_call(regs) }
    }

    /// Hosted: there is no TDX module.
    ///
    /// # Safety
    /// None; the machine's version has duties.
    #[cfg(not(target_os = "none"))]
    unsafe fn call(&self, regs: &mut Regs) {
        regs.rax = 0xc000_0000_0000_0000;
    }
}

const VMCALL: u64 = 0;
pub(super) const INFO: u64 = 1;
const EXTEND: u64 = 2;
pub(super) const VE_INFO: u64 = 3;
const REPORT: u64 = 4;
const ACCEPT: u64 = 6;
pub(super) const VM_READ: u64 = 7;
pub(super) const VM_WRITE: u64 = 8;

/// TDVMCALL subfunctions (R11).
pub(super) mod host {
    pub(in crate::cvm::tdx) const HLT: u64 = 12;
    pub(in crate::cvm::tdx) const IO: u64 = 30;
    pub(in crate::cvm::tdx) const RDMSR: u64 = 31;
    pub(in crate::cvm::tdx) const WRMSR: u64 = 32;
    pub(in crate::cvm::tdx) const MMIO: u64 = 48;
    pub(in crate::cvm::tdx) const MAP_GPA: u64 = 0x10001;
    pub(in crate::cvm::tdx) const GET_QUOTE: u64 = 0x10002;
    pub(in crate::cvm::tdx) const FATAL: u64 = 0x10003;
}

/// A status other than success, of the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Status(pub(super) u64);

impl Status {
    /// Class and code, without the details.
    pub(super) fn code(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

fn checked(regs: Regs) -> Result<Regs, Status> {
    if regs.rax == 0 { Ok(regs) } else { Err(Status(regs.rax)) }
}

/// A leaf that touches no memory: what the TD is, a field, the last #VE.
pub(super) fn query(
    cpu: &impl Call,
    leaf: u64,
    field: u64,
    rest: [u64; 2],
) -> Result<Regs, Status> {
    let [r8, r9] = rest;
    let mut regs = match leaf {
        INFO | VE_INFO | VM_READ | VM_WRITE => {
            Regs { rax: leaf, rdx: field, r8, r9, ..Regs::default() }
        }
        _ => return Err(Status(u64::MAX)),
    };
    // SAFETY: none of these leaves touches memory; the fields that are written are
    // switches for #VE alone.
    unsafe { cpu.call(&mut regs) };
    checked(regs)
}

/// Accepts one pending page: 4 KiB at level 0, 2 MiB at level 1.
///
/// # Safety
/// Nobody uses the memory yet: it becomes zeros.
pub(super) unsafe fn accept(cpu: &impl Call, gpa: u64, level: u64) -> Result<(), Status> {
    let mut regs = Regs { rax: ACCEPT, rcx: gpa | level, ..Regs::default() };
    // SAFETY: the caller's duty is the same.
    unsafe { cpu.call(&mut regs) };
    checked(regs).map(|_| ())
}

/// Extends RTMR `index` by the 48 bytes at `gpa`.
///
/// # Safety
/// `gpa` is memory of the kernel's, 64-byte aligned.
pub(super) unsafe fn extend(cpu: &impl Call, gpa: u64, index: u64) -> Result<(), Status> {
    let mut regs = Regs { rax: EXTEND, rcx: gpa, rdx: index, ..Regs::default() };
    // SAFETY: the leaf only reads.
    unsafe { cpu.call(&mut regs) };
    checked(regs).map(|_| ())
}

/// Writes a TDREPORT on the 64 bytes at `data`.
///
/// # Safety
/// `out` is 1024 bytes, 1024-byte aligned, exclusively the caller's.
pub(super) unsafe fn report(cpu: &impl Call, out: u64, data: u64) -> Result<(), Status> {
    let mut regs = Regs { rax: REPORT, rcx: out, rdx: data, ..Regs::default() };
    // SAFETY: the caller owns what is written.
    unsafe { cpu.call(&mut regs) };
    checked(regs).map(|_| ())
}

/// What the host answered: its status, and a value.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u64,
    pub(super) value: u64,
}

/// R10 and R11.
const ALWAYS: u64 = 0xc00;

/// Asks the host. It sees R10, R11 and as many of R12 to R15 as there are `args`,
/// and can change no other register.
pub(super) fn ask(cpu: &impl Call, function: u64, args: &[u64]) -> Untrusted<Answer> {
    let arg = |n: usize| args.get(n).copied().unwrap_or(0);
    let shown = (0x1000 << args.len().min(4)) - 0x1000;
    ask_raw(
        cpu,
        Regs {
            rcx: ALWAYS | shown,
            r11: function,
            r12: arg(0),
            r13: arg(1),
            r14: arg(2),
            r15: arg(3),
            ..Regs::default()
        },
    )
}

/// TDVMCALL with `regs`, of which RCX names those that the host sees.
pub(super) fn ask_raw(cpu: &impl Call, regs: Regs) -> Untrusted<Answer> {
    let mut regs = Regs { rax: VMCALL, r10: 0, ..regs };
    // SAFETY: the host cannot write private memory. MapGPA takes away only what
    // `map_gpa`'s caller gave up, and no other function touches memory.
    unsafe { cpu.call(&mut regs) };
    let status = if regs.rax == 0 { regs.r10 } else { u64::MAX };
    Untrusted::new(Answer { status, value: regs.r11 })
}

/// The value, if the host says that it did what was asked; else `other`.
pub(super) fn value_or(answer: Untrusted<Answer>, other: u64) -> Untrusted<u64> {
    answer.map(|answer| if answer.status == 0 { answer.value } else { other })
}
