// SPDX-License-Identifier: GPL-2.0-or-later
//! The oracles: rules that a guest must keep whatever the host does, watched while it runs.
//!
//! A violation is an event `oracle` with its kind:
//! `double_accept` (a page accepted that was), `private_not_accepted` and `shared_to_private` (an access to a page that is not
//! what the guest takes it for), `shared_fetch` (code run from shared memory), `double_fetch` (a shared byte read twice before
//! control was given away), `leak` (a secret in shared memory or in a register that the host sees), `register_exposed` (a
//! register shown that the call does not need), `register_kept` (what the host put into a register is still there behind the
//! call), `went_on` (anything but the last word after the last word), `log_replay` (the log does not lead to the registers),
//! `forbidden` (what a rule of the scenario forbids).
//! The runner is the oracle of liveness. Each kind is shown to fire by a mutation in `regression/hostile/mutations`.

mod measure;
mod memory;
mod registers;

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::ffi::{Access, Cpu};
use crate::host;
use crate::insn::forget_page;
use crate::tdx::tdcall::{leaf, level_size};
use crate::tdx::{SHARED, TdCall};
use crate::vmm::{VmCall, function};
use memory::Memory;

/// Writes an event.
pub fn emit(event: &Value) {
    host().events.write(event);
}

/// All kinds of violations.
pub const KINDS: [&str; 11] = [
    "double_accept",
    "private_not_accepted",
    "shared_to_private",
    "shared_fetch",
    "double_fetch",
    "leak",
    "register_exposed",
    "register_kept",
    "went_on",
    "log_replay",
    "forbidden",
];

/// Violations of one kind that are told one by one.
const MAX_TOLD: u64 = 8;

/// All oracles.
pub struct Oracles {
    memory: Mutex<Memory>,
    told: Mutex<std::collections::BTreeMap<&'static str, u64>>,
}

impl Oracles {
    /// Oracles that see loads and stores only where `watches` is set.
    pub fn new(watches: bool) -> Self {
        Self { memory: Mutex::new(Memory::new(watches)), told: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn violation(&self, kind: &'static str, pc: u64, gpa: u64, what: &str) {
        debug_assert!(KINDS.contains(&kind), "{kind}");
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let count = told.entry(kind).or_default();
        *count += 1;
        if *count <= MAX_TOLD {
            emit(
                &json!({"event": "oracle", "kind": kind, "pc": format!("{pc:#x}"), "gpa": format!("{gpa:#x}"), "what": what}),
            );
        }
    }

    /// A page was taken away by the host: it may never be used again.
    pub fn on_removal(&self, page: u64) {
        self.memory().remove(page);
    }

    /// These words are read over and over by design.
    pub fn set_polled(&self, polled: Vec<u64>) {
        self.memory().set_polled(polled);
    }

    /// A secret of the workload.
    pub fn add_secret(&self, bytes: &[u8]) {
        self.memory().add_secret(bytes);
    }

    /// A call of the TDX module, before it acts.
    pub fn before_tdcall(&self, call: &TdCall) {
        if call.leaf != leaf::ACCEPT || !host().module.pages.are_known() {
            return;
        }
        let gpa = call.input[1] & !0xfff;
        let len = level_size(call.input[1] & 7).unwrap_or(0x1000);
        let before = self.memory().accepted_before(gpa, len);
        if let Some(page) = before {
            self.violation("double_accept", call.pc, page, "the guest accepted it before");
        }
    }

    /// A call of the TDX module with its answer.
    pub fn after_tdcall(&self, call: &TdCall) {
        if call.leaf == leaf::ACCEPT && call.output[0] == 0 {
            let len = level_size(call.input[1] & 7).unwrap_or(0x1000);
            self.memory().accept(call.input[1] & !0xfff, len);
        }
    }

    /// A host call, before the host acts.
    pub fn before_vmcall(&self, _cpu: &Cpu, call: &VmCall) {
        let mut memory = self.memory();
        memory.new_epoch();
        if memory.has_secret(&call.input) {
            self.violation("leak", call.pc, 0, "a secret in a register that the host sees");
        }
        if call.is_standard() && call.function() == function::MAP_GPA {
            memory.convert(call.input[12] & !SHARED & !0xfff, call.input[13]);
        }
        let went_on = memory.is_after_the_end(call);
        drop(memory);
        if went_on {
            let what = format!("call {:#x} after the last word", call.input[11]);
            self.violation("went_on", call.pc, 0, &what);
        }
        if let Some(number) = registers::needless(call) {
            let what = format!(
                "register {number} of call {:#x} shows {:#x}",
                call.input[11], call.input[number]
            );
            self.violation("register_exposed", call.pc, 0, &what);
        }
    }

    /// Code is about to be fetched for the first time from `phys`.
    pub fn on_fetch(&self, pc: u64, phys: u64) {
        let pages = &host().module.pages;
        let state = pages.are_known().then(|| pages.state(phys & !SHARED));
        let found = self.memory().on_fetch(phys, state);
        if let Some(kind) = found {
            self.violation(kind, pc, phys & !SHARED, "code is fetched");
        }
    }

    /// Pages become shared or private: their code counts as never fetched.
    pub fn on_conversion(&self, cpu: &Cpu, range: Range<u64>) {
        let pages = self.memory().take_code(range);
        for page in pages {
            forget_page(cpu, page);
        }
    }

    /// A load or store of memory.
    pub fn on_access(&self, cpu: &Cpu, pc: u64, access: &Access, phys: u64) {
        let found = self.memory().on_access(pc, phys, access);
        match found {
            Some("removed") => {
                // On the hardware this access never ends: the module stops the TD.
                let reason = "TDX module: access to a private page that the host took away";
                emit(
                    &json!({"event": "fatal", "code": 0, "reason": reason, "by": "module", "pc": pc}),
                );
                host().events.counts();
                std::process::exit(3);
            }
            Some(kind) => {
                let ring = crate::insn::ring(cpu);
                let word = if access.is_store { "store" } else { "load" };
                self.violation(
                    kind,
                    pc,
                    phys & !SHARED,
                    &format!("{word} of {} bytes in ring {ring}", access.size),
                );
            }
            None => {}
        }
    }

    /// Behind a call of the host or module: at its return, no register may hold what they put there. Says whether `pc` is one.
    pub fn inspect(&self, cpu: &Cpu, pc: u64) -> bool {
        const RET: u8 = 0xc3;
        let mut byte = [0];
        if !cpu.read_virt(pc, &mut byte) || byte != [RET] {
            return false;
        }
        let kept = registers::CLEARED.into_iter().find(|reg| cpu.get(*reg) != 0);
        if let Some(reg) = kept {
            let what = format!("{reg:?} is {:#x} behind a call", cpu.get(reg));
            self.violation("register_kept", pc, 0, &what);
        }
        true
    }

    /// The workload gives the measurement log.
    pub fn on_log(&self, log: &[u8]) {
        let registers = host().module.measurements().rtmr;
        match measure::replay(log) {
            Ok(replayed) if replayed == registers => {
                emit(
                    &json!({"event": "log", "what": "the log leads to the registers", "len": log.len()}),
                );
            }
            Ok(_) => self.violation(
                "log_replay",
                0,
                0,
                "the log leads to other values than the registers have",
            ),
            Err(why) => self.violation("log_replay", 0, 0, why),
        }
    }

    /// The workload has ended: shared memory is searched for secrets.
    pub fn on_result(&self, cpu: &Cpu) {
        if let Some(gpa) = self.memory().search(cpu) {
            self.violation("leak", 0, gpa, "a secret in shared memory");
        }
    }

    /// QEMU ends.
    pub fn on_exit(&self) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in told.iter().filter(|(_, count)| **count > MAX_TOLD) {
            emit(
                &json!({"event": "oracle", "kind": kind, "times": count - MAX_TOLD, "what": "more of the same"}),
            );
        }
    }
}
