// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a TD must be like for the kernel to run in it.
//!
//! Spec: Intel TDX module ABI: TD attributes, TDCS fields.

use super::call::{self, Call, INFO, VM_READ, VM_WRITE};
use crate::cvm;

const CONFIG_FLAGS: u64 = 0x1110_0003_0000_0016;
const TD_CTLS: u64 = 0x1110_0003_0000_0017;
const NOTIFY_ENABLES: u64 = 0x9100_0000_0000_0010;

/// ATTRIBUTES.
const DEBUG: u64 = 1 << 0;
const SEPT_VE_DISABLE: u64 = 1 << 28;
/// CONFIG_FLAGS.
const FLEXIBLE_PENDING_VE: u64 = 1 << 1;
/// TD_CTLS.
const PENDING_VE_DISABLE: u64 = 1 << 0;
const REDUCE_VE: u64 = 1 << 3;

/// Why the kernel does not run here; the number is told to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub(super) enum Refusal {
    NoModule = 0x101,
    AddressWidth = 0x102,
    Notifications = 0x103,
    PendingVe = 0x104,
    Debug = 0x105,
    Memory = 0x106,
}

impl Refusal {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NoModule => "TDX policy: CPUID says TDX, but the TDX module does not answer",
            Self::AddressWidth => "TDX policy: the address width is neither 48 nor 52",
            Self::Notifications => "TDX policy: NOTIFY_ENABLES cannot be cleared",
            Self::PendingVe => "TDX policy: #VE on pending pages cannot be disabled",
            Self::Memory => "TDX policy: RAM reaches the shared half of memory",
            Self::Debug => "TDX policy: a debug TD, and no nacre.cvm_debug on the command line",
        }
    }
}

impl From<Refusal> for cvm::Refusal {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal as u64, why: refusal.why() }
    }
}

/// What the module says of this TD, after the switches were set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Td {
    pub(super) shared_bit: u64,
    pub(super) attributes: u64,
    pub(super) max_cpus: u32,
    pub(super) has_reduced_ve: bool,
}

impl Td {
    /// What can be judged only once boot has read its input.
    pub(super) fn allows(&self, debug: bool, ram_end: u64) -> Result<(), Refusal> {
        if self.attributes & DEBUG != 0 && !debug {
            Err(Refusal::Debug)
        } else if ram_end > self.shared_bit {
            Err(Refusal::Memory)
        } else {
            Ok(())
        }
    }
}

fn field(cpu: &impl Call, field: u64) -> u64 {
    call::query(cpu, VM_READ, field, [0, 0]).map_or(0, |regs| regs.r8)
}

/// Sets `bits` of TD_CTLS; whether they are set.
fn set_control(cpu: &impl Call, bits: u64) -> bool {
    // A refusal shows in what is read back.
    let _ = call::query(cpu, VM_WRITE, TD_CTLS, [bits, bits]);
    field(cpu, TD_CTLS) & bits == bits
}

/// Asks the module what this TD is, and switches #VE off as far as possible.
pub(super) fn examine(cpu: &impl Call) -> Result<Td, Refusal> {
    let info = call::query(cpu, INFO, 0, [0, 0]).map_err(|_| Refusal::NoModule)?;
    let width = info.rcx & 0x3f;
    if width != 48 && width != 52 {
        return Err(Refusal::AddressWidth);
    }
    call::query(cpu, VM_WRITE, NOTIFY_ENABLES, [0, u64::MAX])
        .map_err(|_| Refusal::Notifications)?;
    // Where the TD may choose, only its choice counts.
    let attributes = info.rdx;
    let is_quiet = if field(cpu, CONFIG_FLAGS) & FLEXIBLE_PENDING_VE != 0 {
        set_control(cpu, PENDING_VE_DISABLE)
    } else {
        attributes & SEPT_VE_DISABLE != 0
    };
    if !is_quiet {
        return Err(Refusal::PendingVe);
    }
    Ok(Td {
        shared_bit: 1 << (width - 1),
        attributes,
        max_cpus: (info.r8 >> 32) as u32,
        has_reduced_ve: set_control(cpu, REDUCE_VE),
    })
}
