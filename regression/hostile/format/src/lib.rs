// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The form of a scenario: what the host does, and what may come of it.
//!
//! One TOML file is one [`Scenario`]. The runner reads it for the guest, the workload and the verdict; the plugin in QEMU
//! reads the same file for its [`Rule`]s. docs/scenarios.md explains how to write one. Unknown keys are errors: a
//! misspelt trigger would be an attack that never happens.

#![forbid(unsafe_code)]

mod engine;
mod rule;
mod span;
mod symbols;

pub use engine::{Engine, Facts};
pub use rule::{Action, Direction, Event, Ring, Rule, Stall, Trigger, VeInfo};
pub use span::{Count, Span, Value};
pub use symbols::Symbols;

use serde::Deserialize;

/// A kernel that a scenario can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Guest {
    /// This project's.
    Nacre,
    /// Debian's stock kernel.
    Linux,
}

/// What may come of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The workload ended as it does under an honest host, and no byte of it differs.
    Correct,
    /// The kernel stopped and told the host why.
    Stop,
    /// The workload got a clean error and said so; the kernel goes on.
    Error,
}

/// The verdict's yardstick.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Outcomes that are safe.
    pub any: Vec<Outcome>,
    /// A stop counts only if its reason has one of these in it.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// An error counts only if the workload's output has one of these in it.
    #[serde(default)]
    pub errors: Vec<String>,
    /// What Nacre's log must say, in part: the check that noticed the lie.
    #[serde(default)]
    pub log: Option<String>,
    /// Least number of times that the rules must have fired: an attack that did not happen proves nothing.
    #[serde(default = "one")]
    pub fired: u64,
    /// How often the guest may call the host.
    #[serde(default)]
    pub exits: Exits,
}

/// Limits of host exits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exits {
    /// Most of them before the first program.
    pub boot: Option<u64>,
    /// Most of them from then on.
    pub work: Option<u64>,
    /// Most changes of memory between private and shared from then on.
    pub map_gpa: Option<u64>,
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line: what is attacked.
    pub title: String,
    /// Row of the attack matrix in docs/threat-model.md.
    pub row: u8,
    /// What the host does, for the reader of the result page.
    pub host: String,
    /// What random numbers follow from.
    #[serde(default = "one")]
    pub seed: u64,
    /// Number of virtual CPUs.
    #[serde(default = "one_cpu")]
    pub cpus: u32,
    /// Whether it belongs to the short set of every change.
    #[serde(default)]
    pub short: bool,
    /// Whose kernels it makes sense for.
    #[serde(default = "both")]
    pub guests: Vec<Guest>,
    /// Why it cannot be done to Linux, where `guests` leaves it out.
    #[serde(default)]
    pub not_linux: Option<String>,
    /// The guest command, for /bin/sh.
    #[serde(default = "echo")]
    pub workload: String,
    /// What it prints under an honest host; a `*` at the end stands for any rest.
    #[serde(default = "echoed")]
    pub output: String,
    /// Seconds until the guest counts as hung.
    #[serde(default = "limit")]
    pub timeout: u64,
    /// More words for the kernel command line.
    #[serde(default)]
    pub append: String,
    /// MiB of RAM.
    #[serde(default = "memory")]
    pub memory: u32,
    /// MiB of a disk with known content; 0 for none.
    #[serde(default)]
    pub disk: u32,
    /// How the host builds the TD, as arguments of the plugin: `attributes=0x1`, `tsc_hz=0`, `reduce_ve=off`.
    #[serde(default)]
    pub td: Vec<String>,
    /// Whether the machine is an ordinary VM: then its host can stall it and look at its instructions, and no more.
    #[serde(default)]
    pub plain: bool,
    /// Whether all loads and stores of the kernel are watched, for the oracles that need it; several times slower.
    #[serde(default)]
    pub watch: bool,
    /// Whether each instruction is translated by itself, so that an interrupt at any of them finds exact flags; slower.
    #[serde(default)]
    pub exact: bool,
    /// How many runs, each with its own number (for sweeps whose every point stops the machine).
    #[serde(default = "one_cpu")]
    pub runs: u32,
    /// Oracles that are only counted here, with the reason.
    #[serde(default)]
    pub tolerated: Vec<String>,
    /// What must come of it.
    pub expect: Expect,
    /// The same for Linux where it differs for a good reason.
    #[serde(default)]
    pub expect_linux: Option<Expect>,
    /// What the host does.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.check().map(|()| scenario)
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=24).contains(&self.row) {
            return Err(format!("row {} is not in the matrix", self.row));
        }
        if self.expect.any.is_empty() || self.guests.is_empty() || self.runs == 0 {
            return Err("nothing is expected of it".to_owned());
        }
        if self.guests.contains(&Guest::Linux) == self.not_linux.is_some() {
            return Err("`not_linux` says why `guests` leaves Linux out".to_owned());
        }
        let stops = self.expect.any.contains(&Outcome::Stop);
        if stops && self.expect.reasons.is_empty() {
            return Err("a stop is expected without a reason".to_owned());
        }
        for (number, rule) in self.rules.iter().enumerate() {
            rule.check().map_err(|why| format!("rule {}: {why}", number + 1))?;
        }
        Ok(())
    }

    /// What is expected of `guest`.
    pub fn expect(&self, guest: Guest) -> &Expect {
        match (&self.expect_linux, guest) {
            (Some(expect), Guest::Linux) => expect,
            _ => &self.expect,
        }
    }
}

fn one() -> u64 {
    1
}

fn one_cpu() -> u32 {
    1
}

fn memory() -> u32 {
    256
}

fn limit() -> u64 {
    60
}

fn both() -> Vec<Guest> {
    vec![Guest::Nacre, Guest::Linux]
}

fn echo() -> String {
    "echo $((6*7))".to_owned()
}

fn echoed() -> String {
    "42\n".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        title = "A port read answers all ones"
        row = 1
        host = "answers"
        [expect]
        any = ["correct"]
        [[rule]]
        when = { on = "io", dir = "in", ports = "0x3f8..0x400", nth = "3.." }
        then = { r11 = "max" }
    "#;

    #[test]
    fn a_scenario_is_read() {
        let scenario = Scenario::parse(SMALL).unwrap();
        assert_eq!(scenario.rules.len(), 1);
        assert_eq!(scenario.output, "42\n");
        assert_eq!(scenario.expect(Guest::Linux).fired, 1);
        let rule = &scenario.rules[0];
        assert_eq!(rule.when.on, Event::Io);
        assert!(rule.when.nth.unwrap().has(4) && !rule.when.nth.unwrap().has(2));
    }

    #[test]
    fn mistakes_are_named() {
        for (from, to) in [
            ("row = 1", "row = 25"),
            ("r11", "r16"),
            ("\"io\"", "\"oi\""),
            ("[\"correct\"]", "[\"stop\"]"),
            ("then = { r11 = \"max\" }", "then = { }"),
            ("\"max\"", "\"most\""),
            ("0x3f8..0x400", "0x400..0x3f8"),
            ("then = { r11", "then = { stall = { seconds = 1 }, r11"),
        ] {
            assert!(Scenario::parse(&SMALL.replace(from, to)).is_err(), "{to}");
        }
    }
}
