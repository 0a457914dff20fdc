// SPDX-License-Identifier: GPL-2.0-or-later
//! What is done at each kind of site.

use super::{Kind, Site, inject, patch, ring, stub, true_pc};
use crate::ffi::{Access, Cpu, Reg};
use crate::tdx::{cpuid, ve};
use crate::{Flow, host, tdx};

/// What is to be done behind an instruction that runs first.
pub enum After {
    /// CPUID has run: its answer may be changed.
    Cpuid { leaf: u32, sub: u32 },
    /// A harmless instruction has run: these registers come back, and #VE is raised.
    Ve { pc: u64, saved: [u64; 4], info: ve::Info },
    /// RDTSC has run.
    Rdtsc,
    /// RDRAND or RDSEED, as the opcode's extension says, has run, into this register.
    Random { reg: Reg, extension: u8, next: u64 },
}

const SAVED: [Reg; 4] = [Reg::Rax, Reg::Rbx, Reg::Rcx, Reg::Rdx];
const WITNESS: u64 = 0x6e_6163_7265;

/// Called before the instruction at a site.
pub fn executed(cpu: &Cpu, site: &'static Site) -> Flow {
    let host = host();
    match site.kind {
        Kind::Landing => stub::landed(cpu, true_pc(cpu, site)),
        Kind::Entry => {
            let pc = true_pc(cpu, site);
            tdx::handover::entry(cpu, pc)
                .or_else(|| inject::arrived(cpu, pc))
                .unwrap_or_else(|| after(cpu, pc))
        }
        Kind::After => after(cpu, true_pc(cpu, site)),
        Kind::Patch => {
            let pc = true_pc(cpu, site);
            let is_ours = ring(cpu) == 0 && tdx::tdcall::is_taken(cpu);
            if is_ours && cpu.write_virt(pc.wrapping_add(site.extra), &patch::PATCHED) {
                Flow::Jump(pc)
            } else {
                Flow::Continue
            }
        }
        Kind::Syscall => {
            host.events.first_user();
            Flow::Continue
        }
        Kind::Watched if host.engine.is_striking() => watched(cpu, true_pc(cpu, site)),
        Kind::Watched => Flow::Continue,
        Kind::TdCall => tdx::tdcall::execute(cpu, true_pc(cpu, site)),
        Kind::Patched => tdx::tdcall::execute(cpu, true_pc(cpu, site).wrapping_sub(2)),
        Kind::Witness => {
            if ring(cpu) == 3 && cpu.get(Reg::Rax) == WITNESS {
                let [op, ptr, len] = [Reg::Rdi, Reg::Rsi, Reg::Rdx].map(|reg| cpu.get(reg));
                host.engine.on_witness(cpu, op, ptr, len);
            }
            Flow::Continue
        }
        Kind::Rdtsc => run_first(cpu, site, After::Rdtsc),
        Kind::Random => {
            let next = true_pc(cpu, site).wrapping_add(site.len.into());
            let (reg, extension) = random_target(site);
            run_first(cpu, site, After::Random { reg, extension, next })
        }
        Kind::Cpuid | Kind::Rdmsr | Kind::Wrmsr | Kind::Port | Kind::Hlt => {
            // Linux looks for TDX by CPUID before it makes its first TDCALL.
            let is_asking = site.kind == Kind::Cpuid && tdx::tdcall::is_taken(cpu);
            if host.module.is_td(cpu) || is_asking { in_td(cpu, site) } else { Flow::Continue }
        }
        Kind::Section(step) => {
            crate::sections::executed(cpu, site, step);
            Flow::Continue
        }
        Kind::Lidt | Kind::Access => Flow::Continue,
    }
}

fn run_first(cpu: &Cpu, site: &'static Site, what: After) -> Flow {
    let next = true_pc(cpu, site).wrapping_add(site.len.into());
    host().insn.cpu(cpu).after.push((next, what));
    if site.is_last {
        host().insn.heat(cpu, next);
    }
    Flow::Continue
}

fn watched(cpu: &Cpu, pc: u64) -> Flow {
    if host().insn.cpu(cpu).skip.take() == Some(pc) {
        return Flow::Continue;
    }
    match host().engine.on_insn(cpu, pc, ring(cpu)) {
        Some(injection) => inject::inject(cpu, pc, injection).unwrap_or(Flow::Continue),
        None => Flow::Continue,
    }
}

/// Instructions whose effect a TD gets from the module.
fn in_td(cpu: &Cpu, site: &'static Site) -> Flow {
    let pc = true_pc(cpu, site);
    if host().module.is_firmware(pc) || stub::is_own(cpu, pc) {
        return Flow::Continue;
    }
    match site.kind {
        Kind::Cpuid => {
            let (leaf, sub) = (cpu.get(Reg::Rax) as u32, cpu.get(Reg::Rcx) as u32);
            if host().module.is_td(cpu) && cpuid::raises_ve(leaf) {
                return harmless(cpu, site, pc, ve::Info::instruction(ve::CPUID, site.len));
            }
            run_first(cpu, site, After::Cpuid { leaf, sub })
        }
        Kind::Rdmsr | Kind::Wrmsr if ring(cpu) == 0 => {
            let msr = cpu.get(Reg::Rcx) as u32;
            let is_write = site.kind == Kind::Wrmsr;
            if is_write {
                let value = cpu.get(Reg::Rdx) << 32 | cpu.get(Reg::Rax) & 0xffff_ffff;
                host().engine.on_wrmsr(cpu, msr, value);
            }
            if tdx::msr::is_native(msr) {
                return Flow::Continue;
            }
            let reason = if is_write { ve::WRMSR } else { ve::RDMSR };
            harmless(cpu, site, pc, ve::Info::instruction(reason, site.len))
        }
        Kind::Port if ring(cpu) == 0 => {
            let bytes = site.bytes.get(..site.len.into()).unwrap_or(&[]);
            ve::raise(cpu, pc, ve::Info::port(bytes, cpu.get(Reg::Rdx) as u16))
        }
        Kind::Hlt if ring(cpu) == 0 => ve::raise(cpu, pc, ve::Info::instruction(ve::HLT, site.len)),
        _ => Flow::Continue,
    }
}

/// The register that RDRAND or RDSEED writes, and which of them it is.
fn random_target(site: &Site) -> (Reg, u8) {
    let bytes = site.bytes.get(..site.len.into()).unwrap_or(&[]);
    let modrm = bytes.last().copied().unwrap_or(0);
    let extends = bytes.iter().any(|byte| (0x40..=0x4f).contains(byte) && byte & 1 != 0);
    let number = usize::from(modrm & 7) + if extends { 8 } else { 0 };
    (tdx::tdcall::BY_NUMBER[number], modrm >> 3 & 7)
}

/// Lets the instruction run without effect, so that flags are stored; #VE comes behind it.
fn harmless(cpu: &Cpu, site: &'static Site, pc: u64, info: ve::Info) -> Flow {
    /// An MSR that QEMU does not know: reads give 0, writes are ignored.
    const NO_MSR: u64 = 0xc001_1fff;
    let saved = SAVED.map(|reg| cpu.get(reg));
    cpu.set(Reg::Rax, 0);
    cpu.set(Reg::Rcx, NO_MSR);
    cpu.set(Reg::Rdx, 0);
    run_first(cpu, site, After::Ve { pc, saved, info })
}

/// Behind an instruction that ran first. An interrupt may have come between, and run such instructions itself.
fn after(cpu: &Cpu, pc: u64) -> Flow {
    let last = {
        let waiting = &mut host().insn.cpu(cpu).after;
        let at = waiting.iter().rposition(|(next, _)| *next == pc);
        at.and_then(|at| waiting.drain(at..).next())
    };
    let Some((_, after)) = last else { return Flow::Continue };
    match after {
        After::Cpuid { leaf, sub } => {
            let mut out = SAVED.map(|reg| cpu.get(reg) as u32);
            cpuid::virtualise(cpu, leaf, sub, &mut out);
            host().engine.on_cpuid(cpu, leaf, sub, &mut out);
            for (reg, value) in SAVED.into_iter().zip(out) {
                cpu.set(reg, value.into());
            }
            Flow::Continue
        }
        After::Ve { pc, saved, info } => {
            for (reg, value) in SAVED.into_iter().zip(saved) {
                cpu.set(reg, value);
            }
            ve::raise(cpu, pc, info)
        }
        After::Rdtsc => {
            let mut value = cpu.get(Reg::Rdx) << 32 | cpu.get(Reg::Rax) & 0xffff_ffff;
            host().engine.on_rdtsc(cpu, &mut value);
            cpu.set(Reg::Rax, value & 0xffff_ffff);
            cpu.set(Reg::Rdx, value >> 32);
            Flow::Continue
        }
        After::Random { reg, extension, next } => match host().engine.on_random(cpu, extension) {
            None => Flow::Continue,
            Some(Some(value)) => {
                cpu.set(reg, value);
                Flow::Continue
            }
            Some(None) => {
                cpu.set(reg, 0);
                // CF becomes 0 (the other flags are); the jump makes QEMU store it. In ring 3 there is no place for it.
                const CLC: &[u8] = &[0xf8, 0xeb, 0x00];
                if ring(cpu) == 3 {
                    return Flow::Continue;
                }
                let regs = [Reg::Rax, Reg::Rcx, Reg::Rdx].map(|reg| cpu.get(reg));
                let purpose = stub::Purpose::Flags;
                stub::run(cpu, next, next, CLC, regs, purpose).unwrap_or(Flow::Continue)
            }
        },
    }
}

/// Called after a load or store at a site.
pub fn accessed(cpu: &Cpu, site: &'static Site, access: &Access) -> Flow {
    let host = host();
    if site.kind == Kind::Lidt {
        // The operand is read as limit (16 bits), then base.
        if access.size >= 4 {
            host.insn.cpu(cpu).idt = access.value();
        }
        return Flow::Continue;
    }
    let Some((phys, is_device)) = access.phys().filter(|_| host.module.is_td(cpu)) else {
        return Flow::Continue;
    };
    if !is_device && host.engine.sees_access(phys) {
        host.engine.on_access(cpu, true_pc(cpu, site), access, phys);
    }
    if is_device { tdx::mmio::accessed(cpu, site, access, phys) } else { Flow::Continue }
}

/// Called when an interrupt has been delivered: QEMU tells of exceptions too early to be of use.
pub fn diverted(cpu: &Cpu, from: u64) {
    stub::interrupted(cpu, from);
}
