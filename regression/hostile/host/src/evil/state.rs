// SPDX-License-Identifier: GPL-2.0-or-later
//! What a scenario remembers while it is played.

use std::ops::Range;
use std::time::Instant;

use hostile_format::{Action, Engine as Rules, Event, Facts, Ring, Scenario, Span, Symbols};
use serde_json::json;

use super::Wants;
use super::places::{ECAM, Places};
use crate::config::{Config, Guest};
use crate::ffi::Cpu;
use crate::oracle::emit;
use crate::tdx::SHARED;
use crate::vmm::VmCall;

/// Instructions of programs.
const USER: Range<u64> = 0x1000..0x8000_0000_0000;

/// PCI's configuration mechanism 1.
const CONFIG_ADDRESS: u64 = 0xcf8;
const CONFIG_DATA: u64 = 0xcfc;

/// Where the memory-mapped space has the register that `address` names in mechanism 1.
fn config_gpa(address: u64) -> Option<u64> {
    (address >> 31 & 1 == 1).then_some(ECAM | (address >> 8 & 0xffff) << 12 | address & 0xfc)
}

/// The state.
pub struct State {
    pub(super) rules: Rules,
    pub(super) places: Places,
    /// Whether rules wait for reads or writes of shared memory.
    pub watches_memory: bool,
    seed: u64,
    is_watched: bool,
    begin: Option<Instant>,
    symbols: Symbols,
    lstar: Option<u64>,
    /// Rules that fired before the honest part of a call, by vCPU.
    fired: Vec<Vec<usize>>,
    /// How often each rule's firing has been told.
    told: Vec<(u64, u64)>,
    /// What the guest wrote to port 0xcf8: the register of configuration space that port 0xcfc stands for.
    config_address: u64,
    /// The status that the module is to give instead of its own.
    tdcall_lie: Option<u64>,
}

impl State {
    /// Reads the scenario of `config`, if there is one.
    pub fn new(config: &Config) -> Result<Self, String> {
        let scenario = match &config.scenario {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                Some(Scenario::parse(&text).map_err(|why| format!("{}: {why}", path.display()))?)
            }
            None => None,
        };
        let is_watched = scenario.as_ref().is_some_and(|scenario| scenario.watch);
        let mut list = scenario.map(|scenario| scenario.rules).unwrap_or_default();
        if config.guest == Guest::Linux {
            for rule in &mut list {
                if rule.when.pc_linux.is_some() {
                    rule.when.pc.clone_from(&rule.when.pc_linux);
                }
            }
        }
        let argument = |name: &str| config.all.iter().find(|(other, _)| other == name);
        let run = argument("run").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let image = config.kernel.as_ref().and_then(|path| std::fs::read(path).ok());
        let rules = Rules::new(&list, config.seed, run);
        let watches_memory = rules.wants(Event::SharedRead) || rules.wants(Event::SharedWrite);
        let cpus = config.cpus.max(1);
        let mut state = Self {
            watches_memory,
            seed: config.seed,
            is_watched,
            begin: None,
            symbols: image.map(|image| Symbols::read(&image)).unwrap_or_default(),
            lstar: None,
            fired: vec![Vec::new(); cpus],
            told: vec![(0, 0); list.len()],
            config_address: 0,
            tdcall_lie: None,
            places: Places::default(),
            rules,
        };
        state.resolve();
        Ok(state)
    }

    fn resolve(&mut self) {
        let (symbols, lstar) = (&self.symbols, self.lstar);
        self.rules.resolve(&|name| match name {
            "lstar" => lstar,
            _ => symbols.address(name),
        });
    }

    /// The guest says where system calls enter.
    pub fn set_lstar(&mut self, lstar: u64) {
        self.lstar = Some(lstar);
        self.resolve();
    }

    /// Whether a rule about instructions is armed.
    pub fn strikes_instructions(&self) -> bool {
        self.rules.strikes_instructions()
    }

    /// Whether private memory is of interest even where its pages are as they should be.
    pub fn watches_private(&self) -> bool {
        self.rules.rules().any(|rule| rule.when.place.as_deref() == Some("acpi"))
    }

    /// What has to be watched.
    pub fn wants(&self) -> Wants {
        let mut pcs = Vec::new();
        let mut samples_kernel = false;
        for addresses in self.rules.addresses() {
            match addresses {
                Ok(spans) => pcs.extend(spans.iter().map(|span| span.start..span.end)),
                Err(ring) => {
                    if ring != Some(Ring::Kernel) {
                        pcs.push(USER);
                    }
                    samples_kernel |= ring != Some(Ring::User);
                }
            }
        }
        let removes = self.rules.rules().any(|rule| rule.then.remove.is_some());
        Wants {
            pcs,
            kernel_sample: samples_kernel.then_some(self.seed),
            accesses: self.watches_memory || self.is_watched || removes,
            user_accesses: removes,
            rdtsc: self.rules.wants(Event::Rdtsc) || self.sets_clock_forward(),
            random: self.rules.wants(Event::Rdrand),
        }
    }

    fn sets_clock_forward(&self) -> bool {
        let mut stalls = self.rules.rules().filter_map(|rule| rule.then.stall.as_ref());
        stalls.any(|stall| stall.guest_ms > 0)
    }

    /// Numbers of the rules that fire.
    pub fn fire(&mut self, cpu: &Cpu, facts: &Facts<'_>) -> Vec<usize> {
        let mut facts = *facts;
        facts.cpu = cpu.index() as u32;
        facts.ms = self.begin.map_or(0, |begin| begin.elapsed().as_millis() as u64);
        let places = &self.places;
        self.rules.fire(&facts, &|name| places.find(cpu, name))
    }

    /// A random number.
    pub fn random(&mut self) -> u64 {
        self.rules.random()
    }

    pub(super) fn action(&self, rule: usize) -> Action {
        self.rules.action(rule).cloned().unwrap_or_default()
    }

    /// Where `name` is.
    pub(super) fn place(&self, cpu: &Cpu, name: &str) -> Option<Span> {
        self.places.find(cpu, name)
    }

    /// The workload reached a mark.
    pub fn on_mark(&mut self, name: &str) {
        self.begin.get_or_insert_with(Instant::now);
        self.rules.arm(name);
    }

    /// What a host call tells about places; says whether it was a new one.
    pub fn note_call(&mut self, cpu: &Cpu, call: &VmCall) -> bool {
        if call.input[10] != 0 {
            return false;
        }
        if call.input[11..=14] == [30, 4, 1, CONFIG_ADDRESS] {
            self.config_address = call.input[15];
        }
        match call.input[11] {
            30 | 48 if self.device_gpa(call).is_none() => false,
            30 | 48
                if self.is_watched || self.rules.rules().any(|rule| rule.when.place.is_some()) =>
            {
                // Addresses of windows change while the guest sets the devices up.
                self.places.find_devices(cpu);
                false
            }
            0x10002 => {
                self.places.set_quote(call.input[12] & !SHARED, call.input[13]);
                true
            }
            _ => false,
        }
    }

    /// The device register that a call is about. Linux reaches configuration space by ports: the same register as in memory.
    pub fn device_gpa(&self, call: &VmCall) -> Option<u64> {
        let at = call.input[14];
        match call.input[11] {
            48 => Some(at & !SHARED),
            30 if (CONFIG_DATA..CONFIG_DATA + 4).contains(&at) => {
                config_gpa(self.config_address).map(|gpa| gpa + (at - CONFIG_DATA))
            }
            _ => None,
        }
    }

    /// Keeps the rules that fired for the time behind the honest part.
    pub fn set_fired(&mut self, cpu: &Cpu, rules: Vec<usize>) {
        if let Some(fired) = self.fired.get_mut(cpu.index()) {
            *fired = rules;
        }
    }

    /// Takes them.
    pub fn take_fired(&mut self, cpu: &Cpu) -> Vec<usize> {
        self.fired.get_mut(cpu.index()).map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn set_tdcall_lie(&mut self, status: u64) {
        self.tdcall_lie = Some(status);
    }

    pub(super) fn take_tdcall_lie(&mut self) -> Option<u64> {
        self.tdcall_lie.take()
    }

    /// Tells that a rule fired: each of the first times, then at powers of two.
    pub fn report(&mut self, rule: usize, what: &str) {
        let Some((count, told)) = self.told.get_mut(rule) else { return };
        *count += 1;
        if *count > 8 && !count.is_power_of_two() {
            return;
        }
        let times = *count - *told;
        *told = *count;
        self.tell(rule, what, times);
    }

    /// Writes down that a rule fired, or that what it forbids happened.
    fn tell(&self, rule: usize, what: &str, times: u64) {
        let rule_number = rule + 1;
        emit(&if self.action(rule).forbid {
            json!({"event": "oracle", "kind": "forbidden", "rule": rule_number, "what": what, "times": times})
        } else {
            json!({"event": "fire", "rule": rule_number, "what": what, "times": times})
        });
    }

    /// A rule cannot be carried out: the run tells nothing.
    pub fn complain(&self, what: &str) {
        emit(&json!({"event": "error", "what": what}));
    }

    /// The run ends: tells what was not told yet.
    pub fn finish(&mut self) {
        for rule in 0..self.told.len() {
            let Some((count, told)) = self.told.get_mut(rule) else { continue };
            let times = *count - *told;
            *told = *count;
            if times > 0 {
                self.tell(rule, "more of the same", times);
            }
        }
        let distinct = self.rules.distinct();
        if distinct.iter().any(|count| *count > 0) {
            emit(&json!({"event": "swept", "addresses": distinct}));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mechanism_1_names_the_same_registers() {
        assert_eq!(config_gpa(0x8000_0810), Some(ECAM + (1 << 15) + 0x10));
        assert_eq!(config_gpa(0x8003_0004), Some(ECAM + (3 << 20) + 4));
        assert_eq!(config_gpa(0x810), None);
    }
}
