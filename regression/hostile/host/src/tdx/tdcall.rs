// SPDX-License-Identifier: GPL-2.0-or-later
//! TDCALL: dispatch and the leaves that the module answers itself.

use std::sync::atomic::Ordering;

use super::cpuid::REDUCE_VE;
use super::pages::{PAGE, State};
use super::{SHARED, report};
use crate::config::FLEXIBLE_PENDING_VE;
use crate::config::{Guest, Mode};
use crate::evil::Honest;
use crate::ffi::{Cpu, Reg};
use crate::insn::{Injection, inject, ring};
use crate::vmm::{self, VmCall};
use crate::{Flow, host};

/// Registers by the CPU's numbers, as in TDVMCALL's mask.
pub const BY_NUMBER: [Reg; 16] = [
    Reg::Rax,
    Reg::Rcx,
    Reg::Rdx,
    Reg::Rbx,
    Reg::Rsp,
    Reg::Rbp,
    Reg::Rsi,
    Reg::Rdi,
    Reg::R8,
    Reg::R9,
    Reg::R10,
    Reg::R11,
    Reg::R12,
    Reg::R13,
    Reg::R14,
    Reg::R15,
];
/// Indices into arrays of 16 registers.
pub mod number {
    #![allow(missing_docs)]
    pub const RAX: usize = 0;
    pub const RCX: usize = 1;
    pub const RDX: usize = 2;
    pub const RBX: usize = 3;
    pub const RSI: usize = 6;
    pub const RDI: usize = 7;
    pub const R8: usize = 8;
    pub const R9: usize = 9;
    pub const R10: usize = 10;
    pub const R11: usize = 11;
    pub const R12: usize = 12;
    pub const R13: usize = 13;
    pub const R14: usize = 14;
    pub const R15: usize = 15;
}
use number::*;

/// Completion status of TDCALL.
pub mod status {
    #![allow(missing_docs)]
    pub const SUCCESS: u64 = 0;
    pub const OPERAND_INVALID: u64 = 0xc000_0100 << 32;
    pub const NO_VE_INFO: u64 = 0xc000_0704 << 32;
    pub const PAGE_ALREADY_ACCEPTED: u64 = 0x0000_0b0a << 32;
    pub const PAGE_SIZE_MISMATCH: u64 = 0xc000_0b0b << 32;
    pub const FIELD_ID_INCORRECT: u64 = 0xc000_0c00 << 32;
    pub const FIELD_NOT_WRITABLE: u64 = 0xc000_0c03 << 32;
}

/// A TDCALL of a leaf other than VMCALL.
#[derive(Clone, Debug)]
pub struct TdCall {
    /// Where it is.
    pub pc: u64,
    /// Leaf (RAX bits 15:0).
    pub leaf: u16,
    /// Version (RAX bits 23:16).
    pub version: u8,
    /// All registers before, by number.
    pub input: [u64; 16],
    /// All registers after; what differs is written. RAX is the status.
    pub output: [u64; 16],
}

/// Leaves.
pub mod leaf {
    #![allow(missing_docs)]
    pub const VMCALL: u16 = 0;
    pub const INFO: u16 = 1;
    pub const EXTEND: u16 = 2;
    pub const VEINFO: u16 = 3;
    pub const REPORT: u16 = 4;
    pub const CPUIDVE_SET: u16 = 5;
    pub const ACCEPT: u16 = 6;
    pub const VM_RD: u16 = 7;
    pub const VM_WR: u16 = 8;
    pub const VERIFY: u16 = 22;
}

/// TD-scope metadata fields.
pub mod field {
    #![allow(missing_docs)]
    pub const ATTRIBUTES: u64 = 0x1110_0003_0000_0000;
    pub const CONFIG_FLAGS: u64 = 0x1110_0003_0000_0016;
    pub const TD_CTLS: u64 = 0x1110_0003_0000_0017;
    pub const NOTIFY_ENABLES: u64 = 0x9100_0000_0000_0010;
    pub const TOPOLOGY_ENUM_CONFIGURED: u64 = 0x9100_0000_0000_0019;
}

/// Whether TDCALL is more than an invalid instruction by now. Linux is a TD from its first one on.
pub fn is_taken(cpu: &Cpu) -> bool {
    let host = host();
    host.module.is_td(cpu) || (host.config.mode == Mode::Tdx && host.config.guest == Guest::Linux)
}

/// The instruction TDCALL at `pc`.
pub fn execute(cpu: &Cpu, pc: u64) -> Flow {
    let host = host();
    if !is_taken(cpu) {
        return Flow::Continue;
    }
    host.module.begin();
    let ret = pc.wrapping_add(4);
    if ring(cpu) != 0 {
        let general = Injection::Exception { vector: 13, error: Some(0) };
        return inject::inject(cpu, pc, general).unwrap_or(Flow::Continue);
    }
    let input = BY_NUMBER.map(|reg| cpu.get(reg));
    let leaf = input[RAX] as u16;
    if leaf == leaf::VMCALL {
        return vmm::call(cpu, VmCall::new(pc, ret, &input));
    }
    host.events.count(&format!("tdcall.{leaf}"));
    let version = (input[RAX] >> 16) as u8;
    let mut call = TdCall { pc, leaf, version, input, output: input };
    call.output[RAX] = status::SUCCESS;
    if host.engine.before_tdcall(cpu, &mut call) == Honest::Run {
        answer(cpu, &mut call);
    }
    host.engine.after_tdcall(cpu, &mut call);
    for (index, reg) in BY_NUMBER.into_iter().enumerate() {
        if call.output[index] != input[index] {
            cpu.set(reg, call.output[index]);
        }
    }
    Flow::Jump(ret)
}

fn answer(cpu: &Cpu, call: &mut TdCall) {
    let module = &host().module;
    let input = &call.input;
    let out = &mut call.output;
    out[RAX] = match call.leaf {
        leaf::INFO => {
            out[RCX] = 48;
            out[RDX] = module.attributes;
            out[R8] = module.cpus as u64 | (module.cpus as u64) << 32;
            out[R9] = cpu.index() as u64;
            out[R10] = 1;
            out[R11] = 0;
            status::SUCCESS
        }
        leaf::EXTEND => extend(cpu, input[RCX], input[RDX]),
        leaf::VEINFO => match module.ve_info(cpu).take() {
            Some(info) => {
                out[RCX] = info.reason.into();
                out[RDX] = info.qualification;
                out[R8] = info.gla;
                out[R9] = info.gpa;
                out[R10] = info.len.into();
                status::SUCCESS
            }
            None => status::NO_VE_INFO,
        },
        leaf::REPORT => make_report(cpu, input[RCX], input[RDX], input[R8]),
        leaf::CPUIDVE_SET => status::SUCCESS,
        leaf::ACCEPT => accept(cpu, input[RCX]),
        leaf::VM_RD => {
            out[R8] = 0;
            match read_field(input[RDX]) {
                Some(value) => {
                    out[R8] = value;
                    status::SUCCESS
                }
                None => status::FIELD_ID_INCORRECT,
            }
        }
        leaf::VM_WR => {
            let old = read_field(input[RDX]);
            out[R8] = old.unwrap_or(0);
            write_field(input[RDX], input[R8], input[R9])
        }
        leaf::VERIFY => {
            let mut mac = [0; 256];
            if !input[RCX].is_multiple_of(256)
                || !is_private(input[RCX])
                || !cpu.read_phys(input[RCX], &mut mac)
            {
                operand(1)
            } else if report::verify(&mac) {
                status::SUCCESS
            } else {
                0xc000_0d00 << 32
            }
        }
        _ => operand(0),
    };
}

/// OPERAND_INVALID, with the operand's number.
fn operand(number: u64) -> u64 {
    status::OPERAND_INVALID | number
}

/// Whether the module may use the memory at this address for the guest.
fn is_private(gpa: u64) -> bool {
    let pages = &host().module.pages;
    gpa & SHARED == 0 && (!pages.are_known() || pages.state(gpa) == State::Accepted)
}

fn extend(cpu: &Cpu, gpa: u64, index: u64) -> u64 {
    let mut value = [0; 48];
    if !gpa.is_multiple_of(64) || !is_private(gpa) || !cpu.read_phys(gpa, &mut value) {
        return operand(1);
    }
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    if host().module.measurements().extend(index, &value) { status::SUCCESS } else { operand(2) }
}

fn make_report(cpu: &Cpu, to: u64, data_at: u64, subtype: u64) -> u64 {
    let mut data = [0; 64];
    if subtype != 0 {
        return operand(8);
    }
    if !to.is_multiple_of(1024) || !is_private(to) {
        return operand(1);
    }
    if !data_at.is_multiple_of(64) || !is_private(data_at) || !cpu.read_phys(data_at, &mut data) {
        return operand(2);
    }
    let module = &host().module;
    let report = module.measurements().report(module.attributes, &data);
    if cpu.write_phys(to, &report) { status::SUCCESS } else { operand(1) }
}

/// Size of a page at a level of TDG.MEM.PAGE.ACCEPT.
pub fn level_size(level: u64) -> Option<u64> {
    match level {
        0 => Some(PAGE),
        1 => Some(2 << 20),
        _ => None,
    }
}

fn accept(cpu: &Cpu, operand1: u64) -> u64 {
    let pages = &host().module.pages;
    let gpa = operand1 & !0xfff;
    let Some(size) = level_size(operand1 & 7) else { return operand(1) };
    if !gpa.is_multiple_of(size) || gpa & SHARED != 0 || gpa >> 52 != 0 || operand1 & 0xff8 != 0 {
        return operand(1);
    }
    let every = || (gpa..gpa + size).step_by(PAGE as usize);
    if every().all(|page| pages.state(page) == State::Accepted) {
        return status::PAGE_ALREADY_ACCEPTED;
    }
    if !every().all(|page| pages.state(page) == State::Pending) {
        // A page of this size cannot be mapped, or the host has given nothing: the latter ends a real TD.
        return if size > PAGE { status::PAGE_SIZE_MISMATCH | 1 } else { operand(1) };
    }
    for page in every().filter(|page| pages.is_used(*page)) {
        cpu.write_phys(page, &[0; PAGE as usize]);
    }
    pages.set(gpa..gpa + size, State::Accepted);
    status::SUCCESS
}

fn read_field(id: u64) -> Option<u64> {
    let module = &host().module;
    match id {
        field::ATTRIBUTES => Some(module.attributes),
        field::CONFIG_FLAGS => Some(host().config.config_flags),
        field::TD_CTLS => Some(module.td_ctls.load(Ordering::Relaxed)),
        field::NOTIFY_ENABLES => Some(module.notify_enables.load(Ordering::Relaxed)),
        field::TOPOLOGY_ENUM_CONFIGURED => Some(1),
        _ => None,
    }
}

fn write_field(id: u64, value: u64, mask: u64) -> u64 {
    const PENDING_VE_DISABLE: u64 = 1;
    const ENUM_TOPOLOGY: u64 = 1 << 1;
    const VIRT_CPUID2: u64 = 1 << 2;
    let config = &host().config;
    let mut controls = ENUM_TOPOLOGY | VIRT_CPUID2;
    if config.reduce_ve {
        controls |= REDUCE_VE;
    }
    if config.config_flags & FLEXIBLE_PENDING_VE != 0 {
        controls |= PENDING_VE_DISABLE;
    }
    let module = &host().module;
    let (cell, writable) = match id {
        field::TD_CTLS => (&module.td_ctls, controls),
        field::NOTIFY_ENABLES => (&module.notify_enables, 1),
        field::ATTRIBUTES | field::CONFIG_FLAGS | field::TOPOLOGY_ENUM_CONFIGURED => {
            return status::FIELD_NOT_WRITABLE;
        }
        _ => return status::FIELD_ID_INCORRECT,
    };
    let old = cell.load(Ordering::Relaxed);
    let new = (old & !mask) | (value & mask);
    if (new ^ old) & !writable != 0 {
        return operand(8);
    }
    cell.store(new, Ordering::Relaxed);
    status::SUCCESS
}
