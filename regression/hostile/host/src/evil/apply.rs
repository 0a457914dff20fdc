// SPDX-License-Identifier: GPL-2.0-or-later
//! Carries out what rules do.

use hostile_format::{Span, Stall, Value};

use super::places::{read, write};
use super::state::State;
use crate::ffi::{Cpu, Reg};
use crate::host;
use crate::insn::Injection;
use crate::tdx::pages::{PAGE, State as PageState};
use crate::tdx::{SHARED, TdCall, ve};
use crate::vmm::{VmCall, status};

/// Index of R10 in a call's registers.
const R10: usize = 10;

impl State {
    /// Whether the honest part is left out.
    pub fn skips(&self, rule: usize) -> bool {
        self.action(rule).skip
    }

    /// Whether a rule only looks at registers.
    pub fn inspects(&self, rule: usize) -> bool {
        self.action(rule).inspect
    }

    /// The stall that one of the rules asks for.
    pub fn stall_of(&self, rules: &[usize]) -> Option<Stall> {
        rules.iter().find_map(|rule| self.action(*rule).stall)
    }

    /// Whether a rule is about a stall.
    pub fn is_stall(&self, rule: usize) -> bool {
        self.action(rule).stall.is_some()
    }

    /// Lies of the hand-over.
    pub fn lies(&self, rule: usize) -> Vec<String> {
        self.action(rule).boot
    }

    fn status(&mut self, name: &str, old: u64) -> u64 {
        match name {
            "ok" => status::SUCCESS,
            "retry" => status::RETRY,
            "invalid" => status::INVALID_OPERAND,
            "align" => status::ALIGN_ERROR,
            "unsupported" => status::UNSUPPORTED,
            "rand" => self.random(),
            "extreme" => self.rules.value(Value::Extreme, old),
            _ => match name.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16)) {
                Some(Ok(value)) => value,
                _ => {
                    self.complain(&format!("no status {name}"));
                    old
                }
            },
        }
    }

    /// Changes the outputs of a host call, and memory.
    pub fn lie_in_vmcall(&mut self, cpu: &Cpu, rule: usize, call: &mut VmCall) {
        let action = self.action(rule);
        if let Some(name) = &action.status {
            call.output[R10] = self.status(name, call.output[R10]);
        }
        let shift = self.offset_in_place(cpu, rule, call);
        for (register, value) in registers(&action) {
            let Some(value) = value else { continue };
            let old = if register == 11 && call.input[11] == 0x10001 {
                // What MapGPA was asked for is where its lies about the next address begin.
                call.input[12]
            } else {
                call.output[register]
            };
            let new = match value {
                Value::Set(number) => number >> shift,
                Value::Xor(mask) => old ^ (mask >> shift),
                other => self.rules.value(other, old),
            };
            call.output[register] = new;
        }
        self.poke(cpu, &action.poke);
    }

    /// A device access that begins inside a named register: bits of the register below it.
    fn offset_in_place(&self, cpu: &Cpu, rule: usize, call: &VmCall) -> u64 {
        let name = self.rules.rules().nth(rule).and_then(|rule| rule.when.place.clone());
        let Some(Span { start, end }) = name.and_then(|name| self.place(cpu, &name)) else {
            return 0;
        };
        match self.device_gpa(call) {
            Some(gpa) if end - start <= 8 && gpa > start => (gpa - start) * 8 % 64,
            _ => 0,
        }
    }

    fn poke(&mut self, cpu: &Cpu, pokes: &[(String, Value)]) {
        for (name, value) in pokes {
            let Some(span) = self.place(cpu, name) else { continue };
            let len = (span.end - span.start).min(8) as usize;
            let new = self.rules.value(*value, read(cpu, span.start, len));
            write(cpu, span.start, len, new);
        }
    }

    /// Sets the status that the TDX module gives instead of its own.
    pub fn lie_in_tdcall(&mut self, rule: usize, call: &mut TdCall) {
        let action = self.action(rule);
        if let Some(name) = &action.status {
            let lie = self.status(name, call.output[0]);
            self.set_tdcall_lie(lie);
        }
    }

    /// After the module's answer.
    pub fn lie_after_tdcall(&mut self, _cpu: &Cpu, call: &mut TdCall) {
        if let Some(lie) = self.take_tdcall_lie() {
            call.output[0] = lie;
        }
    }

    /// The exception or interrupt of a rule; sets what VEINFO.GET will say.
    pub fn injection(&mut self, cpu: &Cpu, rule: usize) -> Option<Injection> {
        let action = self.action(rule);
        let exception = |vector, error| Some(Injection::Exception { vector, error });
        match action.inject.as_deref()? {
            "nmi" => Some(Injection::Nmi),
            "db" => exception(1, None),
            "ve" => {
                if let Some(lie) = action.ve {
                    let mut value = |value| self.rules.value(value, 0);
                    let info = ve::Info {
                        reason: value(lie.reason) as u32,
                        qualification: value(lie.qualification),
                        gla: value(lie.gla),
                        gpa: value(lie.gpa),
                        len: value(lie.insn) as u32,
                    };
                    *host().module.ve_info(cpu) = Some(info);
                }
                exception(20, None)
            }
            "sweep" => Some(Injection::Interrupt(self.rules.next_vector(rule, 32..=255))),
            "sweep-low" => Some(Injection::Interrupt(self.rules.next_vector(rule, 16..=31))),
            number => {
                let digits = number.strip_prefix("0x");
                let vector = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                if vector.is_none() {
                    self.complain(&format!("no vector {number}"));
                }
                vector.map(Injection::Interrupt)
            }
        }
    }

    /// Changes the word that was read just now; the next read sees it.
    pub fn lie_in_memory(&mut self, cpu: &Cpu, rule: usize, phys: u64, size: usize) {
        let action = self.action(rule);
        if let Some(flip) = action.flip {
            let len = size.clamp(1, 8);
            let new = self.rules.value(flip, read(cpu, phys, len));
            write(cpu, phys, len, new);
        }
        self.poke(cpu, &action.poke);
    }

    /// What a CPUID leaf says.
    pub fn lie_in_cpuid(&mut self, rule: usize, out: &mut [u32; 4]) {
        let action = self.action(rule);
        let values = [action.rax, action.rbx, action.rcx, action.rdx];
        for (word, value) in out.iter_mut().zip(values) {
            if let Some(value) = value {
                *word = self.rules.value(value, u64::from(*word)) as u32;
            }
        }
    }

    /// A new value for a register that was `old`.
    pub fn lie_in_rax(&mut self, rule: usize, old: u64) -> u64 {
        match self.action(rule).rax {
            Some(value) => self.rules.value(value, old),
            None => old,
        }
    }

    /// The answer of a random number instruction.
    pub fn random_answer(&mut self, rule: usize) -> Option<u64> {
        let action = self.action(rule);
        match (action.carry, action.rax) {
            (Some(false), _) => None,
            (_, Some(value)) => Some(self.rules.value(value, 0)),
            _ => Some(self.random()),
        }
    }

    /// What a rule does at a mark; says what it did.
    pub fn strike(&mut self, cpu: &Cpu, rule: usize) -> String {
        let action = self.action(rule);
        self.poke(cpu, &action.poke);
        let Some(which) = &action.remove else { return "mark".to_owned() };
        let virt = match which.as_str() {
            // The witness names an address with its mark.
            "user" => cpu.get(Reg::Rcx),
            // What GS points to in the kernel: its data of this CPU.
            _ => cpu.get(Reg::KernelGsBase),
        };
        let Some(phys) = cpu.translate(virt) else {
            self.complain(&format!("nothing is at {virt:#x}"));
            return String::new();
        };
        let page = phys & !SHARED & !(PAGE - 1);
        host().module.pages.set(page..page + PAGE, PageState::Pending);
        host().engine.oracles().on_removal(page);
        host().engine.watch_private();
        format!("page {page:#x} of {which} (at {virt:#x}) is taken away")
    }
}

fn registers(action: &hostile_format::Action) -> [(usize, Option<Value>); 8] {
    [
        (3, action.rbx),
        (2, action.rdx),
        (10, action.r10),
        (11, action.r11),
        (12, action.r12),
        (13, action.r13),
        (14, action.r14),
        (15, action.r15),
    ]
}
