// SPDX-License-Identifier: GPL-2.0-or-later
//! Delivers an exception as if the instruction at a pc had raised it, with any vector, with or without error code.
//!
//! QEMU itself delivers it, so gates, stack switches and flags are the CPU's: in ring 0 by `int n` in a stub. In
//! ring 3, where that would need the gate's leave, by a jump to an address that no user may fetch from; the page fault
//! brings the vCPU to ring 0, and `int n` follows there at once. Then the frame is made that of the instruction.

use crate::Flow;
use crate::ffi::{Cpu, Reg};
use crate::host;
use crate::insn::{ring, stub};

/// What to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// An exception, delivered before the instruction.
    Exception {
        /// Vector, 0 to 255.
        vector: u8,
        /// Error code, for a vector that has one.
        error: Option<u32>,
    },
    /// An interrupt that the host posts to this vCPU; the CPU takes it when it may.
    Interrupt(u8),
    /// An NMI to this vCPU.
    Nmi,
}

/// An exception on its way.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    pc: u64,
    vector: u8,
    error: Option<u32>,
    /// System flags at the instruction.
    eflags: u64,
    /// Where the vCPU arrives next.
    handler: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// `int n` at this address.
    Software(u64),
    /// The fetch in ring 3 that faults, and CR2 before.
    Fetch { cr2: u64 },
    /// `int n` at this address, in the page fault's handler with this stack pointer.
    Second { stub: u64, fault_rsp: u64 },
}

/// Kernel half, canonical, page-aligned and never code: a fetch from ring 3 faults whatever is mapped there.
const NOWHERE: u64 = 0xffff_fe12_3456_7000;
/// The flags that the translator computes late.
const ARITHMETIC: u64 = 0x8d5;
/// Direction flag: kept apart by the translator.
const DIRECTION: u64 = 1 << 10;
const RESUME: u64 = 1 << 16;
const PAGE_FAULT: u8 = 14;
const MSI: u64 = 0xfee0_0000;

/// Injects at `pc`, where the vCPU is; `None` if there is no room for a stub.
pub fn inject(cpu: &Cpu, pc: u64, injection: Injection) -> Option<Flow> {
    match injection {
        Injection::Exception { vector, error } => exception(cpu, pc, vector, error),
        Injection::Interrupt(vector) => {
            post(cpu, cpu.index(), u32::from(vector));
            host().insn.cpu(cpu).skip = Some(pc);
            Some(Flow::Jump(pc))
        }
        Injection::Nmi => {
            post(cpu, cpu.index(), 0x400);
            host().insn.cpu(cpu).skip = Some(pc);
            Some(Flow::Jump(pc))
        }
    }
}

/// Posts an interrupt to a vCPU: `data` is an MSI's, so 0x400 is an NMI.
pub fn post(cpu: &Cpu, target: usize, data: u32) {
    cpu.write_phys(MSI | (target as u64) << 12, &data.to_le_bytes());
}

fn exception(cpu: &Cpu, pc: u64, vector: u8, error: Option<u32>) -> Option<Flow> {
    let eflags = cpu.get(Reg::Eflags);
    let (stage, to, via) = if ring(cpu) == 3 {
        (Stage::Fetch { cr2: cpu.get(Reg::Cr2) }, NOWHERE, PAGE_FAULT)
    } else {
        let stub = stub::find(cpu, pc, &[0xcd, vector])?;
        (Stage::Software(stub), stub, vector)
    };
    let handler = handler_of(cpu, via).unwrap_or(0);
    host().insn.cpu(cpu).pending = Some(Pending { pc, vector, error, eflags, handler, stage });
    cpu.set(Reg::Eflags, eflags & !stub::IF);
    Some(Flow::Jump(to))
}

/// Address of a vector's handler, by the IDT; from now on it calls us.
fn handler_of(cpu: &Cpu, vector: u8) -> Option<u64> {
    let idt = host().insn.cpu(cpu).idt;
    let mut gate = [0; 16];
    if idt == 0 || !cpu.read_virt(idt + u64::from(vector) * 16, &mut gate) {
        return None;
    }
    let gate = u128::from_le_bytes(gate);
    let handler =
        (gate as u64 & 0xffff) | (gate >> 32) as u64 & 0xffff_0000 | ((gate >> 64) as u64) << 32;
    host().insn.heat(cpu, handler);
    Some(handler)
}

/// The vCPU is at the first instruction of a handler: if it is ours, the injection goes on.
pub fn arrived(cpu: &Cpu, pc: u64) -> Option<Flow> {
    let pending = host().insn.cpu(cpu).pending?;
    if pending.handler != pc {
        return None;
    }
    let rsp = cpu.get(Reg::Rsp);
    match pending.stage {
        Stage::Software(stub) if word(cpu, rsp) == stub + 2 => finish(cpu, &pending, rsp, None),
        Stage::Fetch { cr2 } if word(cpu, rsp + 8) == NOWHERE => {
            cpu.set(Reg::Cr2, cr2);
            let stub = stub::find(cpu, pc, &[0xcd, pending.vector])?;
            let handler = handler_of(cpu, pending.vector)?;
            let stage = Stage::Second { stub, fault_rsp: rsp };
            host().insn.cpu(cpu).pending = Some(Pending { handler, stage, ..pending });
            Some(Flow::Jump(stub))
        }
        Stage::Second { stub, fault_rsp } if word(cpu, rsp) == stub + 2 => {
            finish(cpu, &pending, rsp, Some(fault_rsp))
        }
        _ => None,
    }
}

fn word(cpu: &Cpu, at: u64) -> u64 {
    let mut bytes = [0; 8];
    cpu.read_virt(at, &mut bytes);
    u64::from_le_bytes(bytes)
}

/// Makes the frame at `rsp` that of the instruction. `fault` is the stack pointer in the page fault's handler: the five
/// words behind its error code are the frame of ring 3.
fn finish(cpu: &Cpu, pending: &Pending, rsp: u64, fault: Option<u64>) -> Option<Flow> {
    let mut frame = [0; 40];
    let mut at = rsp;
    match fault {
        None => cpu.read_virt(rsp, &mut frame),
        Some(fault) => {
            // Without an IST stack, the handler would have found its frame where the page fault's is.
            if rsp == (fault & !15) - 40 {
                at = fault + 8;
            }
            cpu.read_virt(fault + 8, &mut frame)
        }
    };
    let pushed = u64::from_le_bytes(frame[16..24].try_into().unwrap_or_default());
    let flags = (pushed & (ARITHMETIC | DIRECTION)) | (pending.eflags & !(ARITHMETIC | DIRECTION));
    frame[..8].copy_from_slice(&pending.pc.to_le_bytes());
    frame[16..24].copy_from_slice(&(flags | RESUME | 2).to_le_bytes());
    cpu.write_virt(at, &frame);
    if let Some(error) = pending.error {
        at -= 8;
        cpu.write_virt(at, &u64::from(error).to_le_bytes());
    }
    cpu.set(Reg::Rsp, at);
    host().insn.cpu(cpu).pending = None;
    Some(Flow::Continue)
}
