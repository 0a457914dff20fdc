// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Decides which rules fire: counting, chance and arming, free of any machine.
//!
//! The plugin tells what happens as [`Facts`] and carries out the actions of the rules that [`Engine::fire`] names. The same
//! facts and the same seed give the same decisions.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use crate::rule::{Action, Direction, Event, Ring, Rule, Trigger, is_call};
use crate::span::{Span, Value};

/// Something that happened in the guest.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What.
    pub event: Event,
    /// Direction of an access.
    pub dir: Option<Direction>,
    /// Port of an access.
    pub port: Option<u64>,
    /// Guest-physical address, without the shared bit.
    pub gpa: Option<u64>,
    /// Register or leaf.
    pub index: Option<u64>,
    /// Instruction.
    pub pc: u64,
    /// Its ring.
    pub ring: Ring,
    /// Number of the vCPU.
    pub cpu: u32,
    /// Name of a mark.
    pub mark: Option<&'a str>,
    /// Milliseconds since the workload began.
    pub ms: u64,
}

impl Facts<'_> {
    /// Facts about `event` at `pc`, without particulars.
    pub fn new(event: Event, pc: u64, ring: Ring) -> Self {
        let (dir, port, gpa, index, mark) = (None, None, None, None, None);
        Self { event, dir, port, gpa, index, pc, ring, cpu: 0, mark, ms: 0 }
    }
}

/// What a rule remembers.
#[derive(Debug)]
struct State {
    rule: Rule,
    is_armed: bool,
    count: u64,
    fired: u64,
    /// Where `pc` points, as far as it is known.
    places: Option<Vec<Span>>,
    by_address: HashMap<u64, u64>,
    vector: u8,
}

/// The rules of a scenario at work.
#[derive(Debug)]
pub struct Engine {
    states: Vec<State>,
    random: u64,
    run: u64,
}

impl Engine {
    /// The engine for `rules`; random numbers follow from `seed` and `run`.
    pub fn new(rules: &[Rule], seed: u64, run: u64) -> Self {
        let states = rules.iter().map(|rule| State {
            is_armed: rule.when.after.as_deref().is_none_or(|after| after == "boot"),
            rule: rule.clone(),
            count: 0,
            fired: 0,
            places: None,
            by_address: HashMap::new(),
            vector: 0,
        });
        let random =
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { states: states.collect(), random, run }
    }

    /// Whether a rule waits for `event`, so that the plugin can leave out costly callbacks.
    pub fn wants(&self, event: Event) -> bool {
        self.states.iter().any(|state| state.rule.when.on == event)
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.states.iter().map(|state| &state.rule)
    }

    /// Looks up the instruction addresses of the rules; may be called again when more is known.
    pub fn resolve(&mut self, lookup: &dyn Fn(&str) -> Option<u64>) {
        for state in &mut self.states {
            if let Some(text) = &state.rule.when.pc {
                state.places = places(text, lookup);
            }
        }
    }

    /// Addresses at which an instruction is of interest; for a rule that takes any, its ring.
    pub fn addresses(&self) -> Vec<Result<Vec<Span>, Option<Ring>>> {
        let on = |state: &&State| state.rule.when.on == Event::Insn;
        let spans = |state: &State| match state.rule.when.pc {
            Some(_) => Ok(state.places.clone().unwrap_or_default()),
            None => Err(state.rule.when.ring),
        };
        self.states.iter().filter(on).map(spans).collect()
    }

    /// Whether a rule about instructions may fire by now.
    pub fn strikes_instructions(&self) -> bool {
        self.states.iter().any(|state| state.rule.when.on == Event::Insn && state.is_armed)
    }

    /// The workload reached a mark: rules that waited for it are armed from here on.
    pub fn arm(&mut self, mark: &str) {
        for state in &mut self.states {
            state.is_armed |= state.rule.when.after.as_deref() == Some(mark);
        }
    }

    /// Numbers of the rules that fire now. `named` finds what a place's name stands for at this moment.
    pub fn fire(&mut self, facts: &Facts<'_>, named: &dyn Fn(&str) -> Option<Span>) -> Vec<usize> {
        let mut fired = Vec::new();
        for number in 0..self.states.len() {
            if self.decide(number, facts, named) {
                fired.push(number);
            }
        }
        fired
    }

    fn decide(
        &mut self,
        number: usize,
        facts: &Facts<'_>,
        named: &dyn Fn(&str) -> Option<Span>,
    ) -> bool {
        let run = self.run;
        let Some(state) = self.states.get_mut(number) else { return false };
        if !state.is_armed || !state.fits(facts, named) {
            return false;
        }
        let Some(count) = state.number(facts, run) else { return false };
        let when = &state.rule.when;
        if when.times.is_some_and(|times| state.fired >= times)
            || when.nth.is_some_and(|nth| !nth.has(count))
        {
            return false;
        }
        let offset = count - when.nth.map_or(1, |nth| nth.start);
        if when.every.is_some_and(|every| !offset.is_multiple_of(every.max(1))) {
            return false;
        }
        let chance = when.chance;
        if chance.is_some_and(|chance| self.random() % 1000 >= chance) {
            return false;
        }
        if let Some(state) = self.states.get_mut(number) {
            state.fired += 1;
        }
        true
    }

    /// What rule `number` does.
    pub fn action(&self, number: usize) -> Option<&Action> {
        self.states.get(number).map(|state| &state.rule.then)
    }

    /// The new value for `old`.
    pub fn value(&mut self, value: Value, old: u64) -> u64 {
        let (random, choice) = (self.random(), self.random());
        value.of(old, random, choice)
    }

    /// The next vector of a sweep of `range` by rule `number`.
    pub fn next_vector(&mut self, number: usize, range: RangeInclusive<u8>) -> u8 {
        let Some(state) = self.states.get_mut(number) else { return *range.start() };
        let next = state.vector.wrapping_add(1);
        state.vector = if range.contains(&next) { next } else { *range.start() };
        state.vector
    }

    /// How often each rule fired.
    pub fn fired(&self) -> Vec<u64> {
        self.states.iter().map(|state| state.fired).collect()
    }

    /// How many distinct addresses each rule has met.
    pub fn distinct(&self) -> Vec<usize> {
        self.states.iter().map(|state| state.by_address.len()).collect()
    }

    /// The next random number (SplitMix64).
    pub fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

impl State {
    fn fits(&self, facts: &Facts<'_>, named: &dyn Fn(&str) -> Option<Span>) -> bool {
        let when: &Trigger = &self.rule.when;
        let within = |span: Option<Span>, value: Option<u64>| {
            span.is_none_or(|span| value.is_some_and(|value| span.has(value)))
        };
        let is_event = when.on == facts.event || when.on == Event::Vmcall && is_call(facts.event);
        is_event
            && when.dir.is_none_or(|dir| facts.dir == Some(dir))
            && within(when.ports, facts.port)
            && within(when.gpa, facts.gpa)
            && within(when.index, facts.index)
            && when.ring.is_none_or(|ring| ring == facts.ring)
            && when.cpu.is_none_or(|cpu| cpu == facts.cpu)
            && when.mark.as_deref().is_none_or(|mark| facts.mark == Some(mark))
            && when.ms.is_none_or(|ms| facts.ms >= ms)
            && self.is_here(facts.pc)
            && when
                .place
                .as_deref()
                .is_none_or(|place| within(named(place), facts.gpa) && named(place).is_some())
    }

    fn is_here(&self, pc: u64) -> bool {
        match (&self.rule.when.pc, &self.places) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(places)) => places.iter().any(|span| span.has(pc)),
        }
    }

    /// Which occurrence this is, counted from 1; `None` if it is not one to be counted.
    fn number(&mut self, facts: &Facts<'_>, run: u64) -> Option<u64> {
        if facts.event != Event::Insn || self.rule.when.pc.is_none() {
            self.count += 1;
            return Some(self.count);
        }
        let met = self.by_address.len() as u64;
        let index = self.by_address.entry(facts.pc).or_insert(met << 32);
        *index += 1;
        let (order, count) = (*index >> 32, *index & 0xffff_ffff);
        self.rule.when.pick.is_none_or(|pick| order == run * pick).then_some(count)
    }
}

/// Ranges of a comma-separated list of `place` or `from..to`; a place is a name or number, with `+N` perhaps.
fn places(text: &str, lookup: &dyn Fn(&str) -> Option<u64>) -> Option<Vec<Span>> {
    let one = |text: &str| {
        let (name, offset) = match text.trim().split_once('+') {
            Some((name, offset)) => (name, crate::span::number(offset)?),
            None => (text.trim(), 0),
        };
        let start = if name.starts_with("0x") { crate::span::number(name)? } else { lookup(name)? };
        start.checked_add(offset)
    };
    let span = |text: &str| match text.split_once("..") {
        Some((start, end)) => Some(Span { start: one(start)?, end: one(end)? }),
        None => one(text).map(|start| Span { start, end: start + 1 }),
    };
    text.split(',').map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    fn engine(rules: &str) -> Engine {
        let text = format!("title=\"\"\nrow=1\nhost=\"\"\nexpect={{any=[\"correct\"]}}\n{rules}");
        Engine::new(&Scenario::parse(&text).unwrap().rules, 1, 2)
    }

    fn count(engine: &mut Engine, facts: Facts<'_>, times: u64) -> usize {
        (0..times).map(|_| engine.fire(&facts, &|_| None).len()).sum()
    }

    fn facts(event: Event) -> Facts<'static> {
        Facts::new(event, 0x1000, Ring::Kernel)
    }

    #[test]
    fn counting() {
        let mut engine = engine(
            "[[rule]]\nwhen = { on = \"vmcall\", nth = \"3..\", every = 2, times = 3 }\nthen = { skip = true }",
        );
        assert_eq!(count(&mut engine, facts(Event::Rdtsc), 5), 0);
        assert_eq!(count(&mut engine, facts(Event::Io), 2), 0);
        assert_eq!(count(&mut engine, facts(Event::Io), 1), 1);
        assert_eq!(count(&mut engine, facts(Event::Hlt), 1), 0);
        assert_eq!(count(&mut engine, facts(Event::Mmio), 100), 2);
        assert_eq!(engine.fired(), [3]);
    }

    #[test]
    fn arming_and_places() {
        let mut engine = engine(
            "[[rule]]\nwhen = { on = \"mmio\", after = \"work\", place = \"ecam\", dir = \"in\" }\nthen = { r11 = \"rand\" }",
        );
        let ecam = |name: &str| (name == "ecam").then_some(Span { start: 0x1000, end: 0x2000 });
        let mut read = facts(Event::Mmio);
        read.gpa = Some(0x1800);
        read.dir = Some(Direction::In);
        assert!(engine.fire(&read, &ecam).is_empty());
        engine.arm("work");
        assert_eq!(engine.fire(&read, &ecam), [0]);
        assert!(engine.fire(&read, &|_| None).is_empty());
        read.gpa = Some(0x2000);
        assert!(engine.fire(&read, &ecam).is_empty());
    }

    #[test]
    fn a_rule_may_name_a_cpu() {
        let mut engine = engine(
            "[[rule]]\nwhen = { on = \"vmcall\", cpu = 1 }\nthen = { stall = { ms = 5, guest_ms = 6000 } }",
        );
        let mut call = facts(Event::Hlt);
        assert!(engine.fire(&call, &|_| None).is_empty());
        call.cpu = 1;
        assert_eq!(engine.fire(&call, &|_| None), [0]);
        let stall = engine.action(0).and_then(|action| action.stall.clone()).unwrap();
        assert_eq!((stall.ms, stall.guest_ms, stall.calls, stall.behind), (5, 6000, None, 0));
    }

    #[test]
    fn a_sweep_strikes_each_address_once_and_a_pick_only_one() {
        let lookup = |name: &str| (name == "entry").then_some(0x1000);
        let at = |pc| Facts::new(Event::Insn, pc, Ring::Kernel);
        let sweep = |extra: &str| {
            let mut engine = engine(&format!(
                "[[rule]]\nwhen = {{ on = \"insn\", pc = \"entry..entry+0x10, 0x5000\", nth = \"2\"{extra} }}\n\
                 then = {{ inject = \"nmi\" }}"
            ));
            assert!(engine.fire(&at(0x1000), &|_| None).is_empty());
            engine.resolve(&lookup);
            let mut struck = Vec::new();
            for pc in [0x1000, 0x1004, 0x1007, 0x1010, 0x5000].repeat(4) {
                if !engine.fire(&at(pc), &|_| None).is_empty() {
                    struck.push(pc);
                }
            }
            struck
        };
        assert_eq!(sweep(""), [0x1000, 0x1004, 0x1007, 0x5000]);
        assert_eq!(sweep(", pick = 1"), [0x1007]);
    }

    #[test]
    fn chance_follows_from_the_seed() {
        let rules = "[[rule]]\nwhen = { on = \"io\", chance = 250 }\nthen = { skip = true }";
        let (mut one, mut two) = (engine(rules), engine(rules));
        let fired = count(&mut one, facts(Event::Io), 4000);
        assert_eq!(fired, count(&mut two, facts(Event::Io), 4000));
        assert!((800..1200).contains(&fired), "{fired}");
    }

    #[test]
    fn vectors_go_round() {
        let mut engine = engine("[[rule]]\nwhen = { on = \"io\" }\nthen = { inject = \"sweep\" }");
        let all: Vec<u8> = (0..225).map(|_| engine.next_vector(0, 32..=255)).collect();
        assert_eq!((all[0], all[223], all[224]), (32, 255, 32));
    }
}
