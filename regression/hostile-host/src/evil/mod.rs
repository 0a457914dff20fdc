// SPDX-License-Identifier: GPL-2.0-or-later
//! The attacks: hooks that may change what the faithful module and the honest host answer.

use std::ops::Range;

use crate::config::Config;
use crate::ffi::{Access, Cpu};
use crate::insn::Injection;
use crate::tdx::{HandOver, TdCall};
use crate::vmm::VmCall;

/// Whether the honest part still runs after a `before_…` hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honest {
    /// It runs.
    Run,
    /// It does not; what the hook wrote into the call is the answer.
    Skip,
}

/// What the engine wants to see; asked once per translated block, so it may change.
#[derive(Clone, Debug, Default)]
pub struct Wants {
    /// Virtual addresses at which [`Engine::on_insn`] is called before each instruction.
    pub pcs: Vec<Range<u64>>,
    /// [`Engine::on_access`] after each load and store of kernel code (slow).
    pub accesses: bool,
    /// [`Engine::on_access`] after each load and store of user code too (slow).
    pub user_accesses: bool,
    /// [`Engine::on_rdtsc`].
    pub rdtsc: bool,
    /// [`Engine::on_random`].
    pub random: bool,
}

/// A scenario being played. Hooks run on vCPU threads, at times on two at once.
pub struct Engine {
    wants: Wants,
}

impl Engine {
    /// Reads the scenario.
    ///
    /// # Errors
    /// It is not understood.
    pub fn new(_config: &Config) -> Result<Self, String> {
        Ok(Self { wants: Wants::default() })
    }

    /// What it wants to see.
    pub fn wants(&self) -> &Wants {
        &self.wants
    }

    /// The firmware's hand-over, before it is written to memory.
    pub fn on_handover(&self, _cpu: &Cpu, _handover: &mut HandOver) {}

    /// A TDCALL other than VMCALL, before the module acts.
    pub fn before_tdcall(&self, _cpu: &Cpu, _call: &mut TdCall) -> Honest {
        Honest::Run
    }

    /// The same with the module's answer.
    pub fn after_tdcall(&self, _cpu: &Cpu, _call: &mut TdCall) {}

    /// A TDVMCALL before the host acts.
    pub fn before_vmcall(&self, _cpu: &Cpu, _call: &mut VmCall) -> Honest {
        Honest::Run
    }

    /// The same with the host's answer.
    pub fn after_vmcall(&self, _cpu: &Cpu, _call: &mut VmCall) {}

    /// Before an instruction in [`Wants::pcs`]; may inject there.
    pub fn on_insn(&self, _cpu: &Cpu, _pc: u64, _ring: u8) -> Option<Injection> {
        None
    }

    /// After a load or store, if [`Wants::accesses`].
    pub fn on_access(&self, _cpu: &Cpu, _pc: u64, _access: &Access) {}

    /// What CPUID gives (`[eax, ebx, ecx, edx]`), native or by the module.
    pub fn on_cpuid(&self, _cpu: &Cpu, _leaf: u32, _sub: u32, _out: &mut [u32; 4]) {}

    /// What RDTSC or RDTSCP gives.
    pub fn on_rdtsc(&self, _cpu: &Cpu, _value: &mut u64) {}

    /// What RDRAND or RDSEED gives; `Some` replaces it: the value, or failure.
    pub fn on_random(&self, _cpu: &Cpu) -> Option<Option<u64>> {
        None
    }

    /// The program in the guest speaks (`xchg bx, bx` in ring 3 with the magic number in RAX).
    pub fn on_witness(&self, _cpu: &Cpu, _op: u64, _ptr: u64, _len: u64) {}

    /// WRMSR of an MSR, native.
    pub fn on_wrmsr(&self, _cpu: &Cpu, _msr: u32, _value: u64) {}

    /// QEMU ends.
    pub fn on_exit(&self) {}
}
