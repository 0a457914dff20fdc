// SPDX-License-Identifier: GPL-2.0-or-later
//! The attacks: hooks that may change what the faithful module and the honest host answer.
//!
//! What is attacked when stands in a scenario file; [`hostile_format::Engine`] decides which rules fire, [`apply`] carries
//! them out, [`places`] knows what the scenario's names stand for, [`boot`] has the lies of the hand-over. The witness in the
//! guest tells how far the workload has come and what came of it.

mod apply;
mod boot;
mod exact;
mod places;
mod stall;
mod state;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use hostile_format::{Direction, Event, Facts, Ring};
use serde_json::json;

use crate::config::Config;
use crate::ffi::{Access, Cpu, Reg};
use crate::host;
use crate::insn::Injection;
use crate::oracle::{self, Oracles};
use crate::tdx::tdcall::leaf;
use crate::tdx::{SHARED, TdCall, pages};
use crate::vmm::VmCall;
use stall::Stalls;
use state::State;

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
    /// The same before one of 32 instructions of the kernel, chosen by this seed.
    pub kernel_sample: Option<u64>,
    /// [`Engine::on_access`] after each load and store of kernel code (slow).
    pub accesses: bool,
    /// [`Engine::on_access`] after each load and store of user code too (slow).
    pub user_accesses: bool,
    /// [`Engine::on_rdtsc`].
    pub rdtsc: bool,
    /// [`Engine::on_random`].
    pub random: bool,
}

impl Wants {
    /// Whether [`Engine::on_insn`] is called before the instruction at `vaddr`.
    pub fn has_insn(&self, vaddr: u64) -> bool {
        let is_sampled = |seed: u64| {
            let mixed = (vaddr ^ seed.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            vaddr >> 63 != 0 && mixed >> 59 == 0
        };
        self.pcs.iter().any(|range| range.contains(&vaddr))
            || self.kernel_sample.is_some_and(is_sampled)
    }
}

/// A scenario being played. Hooks run on vCPU threads, at times on two at once.
pub struct Engine {
    wants: RwLock<&'static Wants>,
    state: Mutex<State>,
    oracles: Oracles,
    is_active: bool,
    /// QEMU's monitor, until the workload begins.
    monitor: Mutex<Option<PathBuf>>,
    sees_accesses: bool,
    sees_private: AtomicBool,
    /// Whether a rule about instructions is armed.
    is_striking: AtomicBool,
    stalls: Stalls,
}

const OP_MARK: u64 = 1;
const OP_RESULT: u64 = 2;
const OP_SECRET: u64 = 3;
const OP_LOG: u64 = 4;
const MSR_LSTAR: u32 = 0xc000_0082;
/// Longest text that the witness may give.
const MAX_TEXT: u64 = 1 << 16;

impl Engine {
    /// Reads the scenario.
    ///
    /// # Errors
    /// It is not understood.
    pub fn new(config: &Config) -> Result<Self, String> {
        let state = State::new(config)?;
        let wants: &Wants = Box::leak(Box::new(state.wants()));
        let oracles = Oracles::new(wants.accesses);
        let sees_accesses = wants.accesses || wants.user_accesses;
        let sees_private = AtomicBool::new(state.watches_private());
        let is_active = config.scenario.is_some();
        let is_striking = AtomicBool::new(state.strikes_instructions());
        Ok(Self {
            wants: RwLock::new(wants),
            state: Mutex::new(state),
            oracles,
            is_active,
            monitor: Mutex::new(config.monitor.clone()),
            sees_accesses,
            sees_private,
            is_striking,
            stalls: Stalls::new(config.cpus.max(1)),
        })
    }

    /// What it wants to see.
    pub fn wants(&self) -> &'static Wants {
        *self.wants.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether [`Engine::on_access`] may do anything at this physical address: most loads and stores are to private pages
    /// that are as they should be.
    pub fn sees_access(&self, phys: u64) -> bool {
        self.sees_accesses
            && (self.sees_private.load(Ordering::Relaxed)
                || phys & SHARED != 0
                || host().module.pages.state(phys) != pages::State::Accepted)
    }

    /// From now on private pages are of interest as well: one was taken away.
    pub fn watch_private(&self) {
        self.sees_private.store(true, Ordering::Relaxed);
    }

    /// Whether [`Engine::on_insn`] may do anything by now.
    pub fn is_striking(&self) -> bool {
        self.is_striking.load(Ordering::Relaxed)
    }

    /// The oracles.
    pub fn oracles(&self) -> &Oracles {
        &self.oracles
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The firmware's hand-over, when all of it is in memory.
    pub fn on_handover(&self, cpu: &Cpu) {
        let mut state = self.state();
        if let Some((start, end)) = boot::acpi_area(cpu) {
            state.places.set_acpi(start, end);
        }
        let facts = Facts::new(Event::Handover, cpu.get(Reg::Rip), Ring::Kernel);
        for rule in state.fire(cpu, &facts) {
            for lie in state.lies(rule) {
                match boot::tell(cpu, &lie, &mut || state.random()) {
                    Ok(()) => state.report(rule, &lie),
                    Err(why) => state.complain(&format!("{lie}: {why}")),
                }
            }
        }
    }

    /// A TDCALL other than VMCALL, before the module acts.
    pub fn before_tdcall(&self, cpu: &Cpu, call: &mut TdCall) -> Honest {
        self.oracles.before_tdcall(call);
        let Some(facts) = tdcall_facts(cpu, call) else { return Honest::Run };
        let mut state = self.state();
        let mut honest = Honest::Run;
        for rule in state.fire(cpu, &facts) {
            state.report(rule, &format!("{:?} at {:#x}", facts.event, call.pc));
            if state.skips(rule) {
                honest = Honest::Skip;
                call.output[0] = 0;
            }
            state.lie_in_tdcall(rule, call);
        }
        honest
    }

    /// The same with the module's answer.
    pub fn after_tdcall(&self, cpu: &Cpu, call: &mut TdCall) {
        self.state().lie_after_tdcall(cpu, call);
        self.oracles.after_tdcall(call);
    }

    /// A TDVMCALL before the host acts.
    pub fn before_vmcall(&self, cpu: &Cpu, call: &mut VmCall) -> Honest {
        self.oracles.before_vmcall(cpu, call);
        let mut state = self.state();
        if state.note_call(cpu, call) {
            self.oracles.set_polled(state.places.polled());
        }
        let facts = vmcall_facts(cpu, call, state.device_gpa(call));
        let mut honest = Honest::Run;
        let fired = state.fire(cpu, &facts).into_iter();
        let (stalls, fired): (Vec<_>, Vec<_>) = fired.partition(|rule| state.is_stall(*rule));
        let stall = state.stall_of(&stalls);
        for rule in stalls {
            // Now: the call may be one that does not return.
            state.report(rule, &format!("CPU {} stalled at {:?}", cpu.index(), facts.event));
        }
        for rule in &fired {
            if state.skips(*rule) {
                honest = Honest::Skip;
                call.output[10] = 0;
            }
        }
        state.set_fired(cpu, fired);
        drop(state);
        self.stalls.count_call(cpu);
        if let Some(stall) = stall {
            self.stalls.stall(cpu, &stall);
        }
        honest
    }

    /// The same with the host's answer.
    pub fn after_vmcall(&self, cpu: &Cpu, call: &mut VmCall) {
        let mut state = self.state();
        if facts_are_device_write(call) {
            state.places.on_device_write(cpu, call.input[14] & !SHARED);
            self.oracles.set_polled(state.places.polled());
        }
        for rule in state.take_fired(cpu) {
            let what = format!("call {:#x} at {:#x}", call.input[11], call.pc);
            state.report(rule, &what);
            state.lie_in_vmcall(cpu, rule, call);
        }
    }

    /// Before an instruction in [`Wants::pcs`]; may inject there.
    pub fn on_insn(&self, cpu: &Cpu, pc: u64, ring: u8) -> Option<Injection> {
        let mut state = self.state();
        let facts = Facts::new(Event::Insn, pc, if ring == 3 { Ring::User } else { Ring::Kernel });
        let rule = *state.fire(cpu, &facts).first()?;
        if state.inspects(rule) {
            if self.oracles.inspect(cpu, pc) {
                state.report(rule, &format!("registers inspected at {pc:#x}"));
            }
            return None;
        }
        if let Some(stall) = state.stall_of(&[rule]) {
            state.report(rule, &format!("CPU {} stalled at {pc:#x}", cpu.index()));
            drop(state);
            self.stalls.stall(cpu, &stall);
            return None;
        }
        let injection = state.injection(cpu, rule);
        state.report(rule, &format!("{injection:x?} at {pc:#x}"));
        injection
    }

    /// After a load or store of memory, if [`Engine::sees_access`].
    pub fn on_access(&self, cpu: &Cpu, pc: u64, access: &Access, phys: u64) {
        self.oracles.on_access(cpu, pc, access, phys);
        let mut state = self.state();
        if !state.watches_memory {
            return;
        }
        let event = if access.is_store { Event::SharedWrite } else { Event::SharedRead };
        let mut facts = Facts::new(event, pc, Ring::Kernel);
        facts.gpa = Some(phys & !SHARED);
        for rule in state.fire(cpu, &facts) {
            state.report(rule, &format!("{event:?} of {phys:#x} at {pc:#x}"));
            state.lie_in_memory(cpu, rule, phys, access.size);
        }
    }

    /// What CPUID gives (`[eax, ebx, ecx, edx]`), native or by the module.
    pub fn on_cpuid(&self, cpu: &Cpu, leaf: u32, _sub: u32, out: &mut [u32; 4]) {
        if !self.is_active {
            return;
        }
        let mut facts = Facts::new(Event::Cpuid, 0, ring_of(cpu));
        facts.index = Some(leaf.into());
        let mut state = self.state();
        for rule in state.fire(cpu, &facts) {
            state.report(rule, &format!("CPUID {leaf:#x}"));
            state.lie_in_cpuid(rule, out);
        }
    }

    /// What RDTSC or RDTSCP gives.
    pub fn on_rdtsc(&self, cpu: &Cpu, value: &mut u64) {
        *value = value.wrapping_add(self.stalls.ahead());
        let mut state = self.state();
        let facts = Facts::new(Event::Rdtsc, 0, ring_of(cpu));
        for rule in state.fire(cpu, &facts) {
            let old = *value;
            *value = state.lie_in_rax(rule, old);
            state.report(rule, &format!("TSC {old:#x} becomes {value:#x}"));
        }
    }

    /// What RDRAND (6) or RDSEED (7) gives; `Some` replaces it: the value, or failure.
    pub fn on_random(&self, cpu: &Cpu, extension: u8) -> Option<Option<u64>> {
        let mut state = self.state();
        let mut facts = Facts::new(Event::Rdrand, 0, ring_of(cpu));
        facts.index = Some(extension.into());
        let rule = *state.fire(cpu, &facts).first()?;
        let answer = state.random_answer(rule);
        state.report(rule, &format!("random number {answer:x?}"));
        Some(answer)
    }

    /// The program in the guest speaks (`xchg bx, bx` in ring 3 with the magic number in RAX).
    pub fn on_witness(&self, cpu: &Cpu, op: u64, ptr: u64, len: u64) {
        let mut bytes = vec![0; len.min(MAX_TEXT) as usize];
        cpu.read_virt(ptr, &mut bytes);
        match op {
            OP_MARK => self.on_mark(cpu, &String::from_utf8_lossy(&bytes)),
            OP_RESULT => {
                let text = String::from_utf8_lossy(&bytes);
                let status = cpu.get(Reg::Rcx);
                self.oracles.on_result(cpu);
                oracle::emit(&json!({"event": "result", "status": status, "text": text}));
            }
            OP_LOG => self.oracles.on_log(&bytes),
            OP_SECRET => self.oracles.add_secret(&bytes),
            _ => {}
        }
    }

    fn on_mark(&self, cpu: &Cpu, name: &str) {
        self.stalls.on_mark(name);
        let mut event = json!({"event": "mark", "name": name, "counts": host().events.so_far()});
        if host().config.instructions {
            event["instructions"] = json!(crate::ffi::instructions());
        }
        oracle::emit(&event);
        let monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(why)) = monitor.map(|monitor| exact::switch_on(&monitor)) {
            self.state().complain(&format!("QEMU's monitor: {why}"));
        }
        let mut state = self.state();
        state.on_mark(name);
        self.is_striking.store(state.strikes_instructions(), Ordering::Relaxed);
        let mut facts = Facts::new(Event::Mark, 0, Ring::User);
        facts.mark = Some(name);
        for rule in state.fire(cpu, &facts) {
            let done = state.strike(cpu, rule);
            state.report(rule, &done);
        }
    }

    /// WRMSR of an MSR, native.
    pub fn on_wrmsr(&self, _cpu: &Cpu, msr: u32, value: u64) {
        if msr == MSR_LSTAR && self.is_active {
            let mut state = self.state();
            state.set_lstar(value);
            // Leaked: it happens once for each CPU.
            let wants = Box::leak(Box::new(state.wants()));
            *self.wants.write().unwrap_or_else(PoisonError::into_inner) = wants;
        }
    }

    /// QEMU ends.
    pub fn on_exit(&self) {
        self.oracles.on_exit();
        self.state().finish();
    }
}

fn ring_of(cpu: &Cpu) -> Ring {
    if cpu.get(Reg::Cs) & 3 == 3 { Ring::User } else { Ring::Kernel }
}

fn facts_are_device_write(call: &VmCall) -> bool {
    call.input[10] == 0 && call.input[11] == 48 && call.input[13] == 1
}

/// What a host call is; with the device register that it is about.
fn vmcall_facts(cpu: &Cpu, call: &VmCall, device: Option<u64>) -> Facts<'static> {
    let input = &call.input;
    let event = match (input[10], input[11]) {
        (0, 10) => Event::CpuidCall,
        (0, 12) => Event::Hlt,
        (0, 30) if device.is_none() => Event::Io,
        (0, 31) => Event::Rdmsr,
        (0, 32) => Event::Wrmsr,
        (0, 30 | 48) => Event::Mmio,
        (0, 0x10000) => Event::CallInfo,
        (0, 0x10001) => Event::MapGpa,
        (0, 0x10002) => Event::GetQuote,
        (0, 0x10003) => Event::FatalError,
        (0, 0x10004) => Event::Notify,
        _ => Event::Vmcall,
    };
    let mut facts = Facts::new(event, call.pc, ring_of(cpu));
    if matches!(event, Event::Io | Event::Mmio) {
        facts.dir = Some(if input[13] == 0 { Direction::In } else { Direction::Out });
    }
    match event {
        Event::Io => facts.port = Some(input[14]),
        Event::Mmio => facts.gpa = device,
        Event::MapGpa | Event::GetQuote => facts.gpa = Some(input[12] & !SHARED),
        Event::Rdmsr | Event::Wrmsr | Event::CpuidCall => facts.index = Some(input[12]),
        _ => {}
    }
    facts
}

/// What a call of the TDX module is, if rules may ask for it.
fn tdcall_facts(cpu: &Cpu, call: &TdCall) -> Option<Facts<'static>> {
    let event = match call.leaf {
        leaf::EXTEND => Event::RtmrExtend,
        leaf::VEINFO => Event::VeInfo,
        leaf::REPORT => Event::Report,
        leaf::ACCEPT => Event::Accept,
        _ => return None,
    };
    let mut facts = Facts::new(event, call.pc, ring_of(cpu));
    if event == Event::Accept {
        facts.gpa = Some(call.input[1] & !0xfff);
        facts.index = Some(call.input[1] & 7);
    }
    Some(facts)
}
