// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a run left behind: the plugin's events and how QEMU ended.
//!
//! Every line of the plugin's file is one JSON object with an `event`. A line that cannot be read is evidence too: it
//! makes the run fail.

use std::collections::BTreeMap;
use std::time::Duration;

use osdk::guest::Ending;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The evidence of one run.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// How the guest ended, by its own channel and QEMU's status.
    pub(crate) ending: Ending,
    /// Whether the guest became a TD.
    pub(crate) is_td: bool,
    /// Reason of the guest's ReportFatalError, the first one.
    pub(crate) fatal: Option<String>,
    /// The witness's word: status and output of the workload.
    pub(crate) result: Option<(u64, String)>,
    /// Violations that an oracle saw, with how often.
    pub(crate) violations: BTreeMap<String, u64>,
    /// One line for the first violation of each kind.
    pub(crate) details: Vec<String>,
    /// How often the rules fired.
    pub(crate) fired: u64,
    /// One line each for the first firings.
    pub(crate) firings: Vec<String>,
    /// Counts that the plugin gave at its end.
    pub(crate) counts: Option<Value>,
    /// Lines that could not be read, and complaints of the plugin about the scenario.
    pub(crate) broken: Vec<String>,
    /// The console, for Linux's last words and for people.
    pub(crate) console: String,
    /// Where the CPUs were seen when the time was nearly over.
    pub(crate) stuck: Vec<String>,
    /// How long it took.
    pub(crate) time: Duration,
}

impl Evidence {
    /// Reads the plugin's lines.
    pub(crate) fn read(events: &str, console: String, ending: Ending, time: Duration) -> Self {
        let mut evidence = Self {
            ending,
            is_td: false,
            fatal: None,
            result: None,
            violations: BTreeMap::new(),
            details: Vec::new(),
            fired: 0,
            firings: Vec::new(),
            counts: None,
            broken: Vec::new(),
            console,
            stuck: Vec::new(),
            time,
        };
        for line in events.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(event) => evidence.take(&event),
                Err(_) => evidence.broken.push(format!("unreadable event: {line}")),
            }
        }
        evidence
    }

    fn take(&mut self, event: &Value) {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let number = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or(0);
        match event.get("event").and_then(Value::as_str) {
            Some("td" | "handover") => self.is_td = true,
            Some("fatal") if self.fatal.is_none() => self.fatal = Some(text("reason")),
            Some("result") if self.result.is_none() => {
                self.result = Some((number("status"), text("text")));
            }
            Some("oracle") => {
                let count = self.violations.entry(text("kind")).or_default();
                *count += number("times").max(1);
                if self.details.len() < 8 {
                    self.details.push(event.to_string());
                }
            }
            Some("fire") => {
                self.fired += number("times").max(1);
                if self.firings.len() < 4 {
                    self.firings.push(text("what"));
                }
            }
            Some("counts") => self.counts = Some(event.clone()),
            Some("error") => self.broken.push(text("what")),
            Some(_) => {}
            None => self.broken.push(format!("no event: {event}")),
        }
    }

    /// Host exits, if the plugin got to counting them.
    pub(crate) fn exits(&self) -> Option<HostExits> {
        let counts = self.counts.as_ref()?;
        let calls = |when: &str| {
            let all = counts.get(when).and_then(Value::as_object)?;
            let calls = all.iter().filter(|(name, _)| name.starts_with("vmcall."));
            Some(calls.filter_map(|(_, times)| times.as_u64()).sum::<u64>())
        };
        let maps = |when: &str| counts.get(when)?.get("vmcall.mapgpa")?.as_u64();
        let boot = calls("boot")?;
        let map_gpa = maps("total").unwrap_or(0) - maps("boot").unwrap_or(0);
        Some(HostExits { boot, work: calls("total")?.saturating_sub(boot), map_gpa })
    }

    /// The console's lines without their times.
    fn lines(&self) -> impl Iterator<Item = &str> {
        self.console.lines().map(|line| match line.split_once("] ") {
            Some((time, rest)) if time.trim_start().starts_with('[') => rest.trim(),
            _ => line.trim(),
        })
    }

    /// Whether a line of the console has this in it.
    pub(crate) fn has_line(&self, text: &str) -> bool {
        self.lines().any(|line| line.contains(text))
    }

    /// An exception in Linux's kernel: it names what it was about, if anything, before the trace.
    pub(crate) fn oops(&self) -> Option<String> {
        let is_oops = |line: &&str| line.contains("[#1]") || line.starts_with("kernel BUG at ");
        let oops = self.lines().find(is_oops)?;
        let bug = self.lines().find(|line| line.starts_with("BUG: ") && !line.contains("lockup"));
        Some(bug.map_or(oops.to_owned(), |bug| format!("{bug}; {oops}")))
    }

    /// What of the console is worth a look: complaints of the kernel, or else its last lines.
    pub(crate) fn said(&self) -> Vec<String> {
        const WORDS: [&str; 9] = [
            "BUG",
            "Oops",
            "WARNING",
            "panic",
            "stop:",
            "lie",
            "out of range",
            "not a head",
            "rror,",
        ];
        let lines = || self.lines().filter(|line| !line.is_empty());
        let has = |line: &&str| WORDS.iter().any(|word| line.contains(word));
        let mut said: Vec<_> = lines().filter(has).take(4).collect();
        if said.is_empty() {
            let count = lines().count();
            said = lines().skip(count.saturating_sub(2)).collect();
        }
        said.into_iter().map(|line| line.chars().take(200).collect()).collect()
    }

    /// What Linux said when it panicked.
    pub(crate) fn panic(&self) -> Option<&str> {
        let (_, rest) = self.console.split_once("Kernel panic - not syncing: ")?;
        rest.lines().next().map(str::trim_end)
    }
}

/// How often a guest called the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostExits {
    /// Before its first program.
    pub(crate) boot: u64,
    /// From then on.
    pub(crate) work: u64,
    /// Those of `work` that share memory or take it back.
    pub(crate) map_gpa: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(text: &str) -> Evidence {
        Evidence::read("", text.to_owned(), Ending::PowerOff, Duration::ZERO)
    }

    #[test]
    fn linux_says_how_it_fell() {
        let oops = console(
            "[    1.0] BUG: unable to handle page fault for address: ff\r\n[    1.1] Oops: Oops: 0002 [#1] SMP\r\n",
        );
        let text = "BUG: unable to handle page fault for address: ff; Oops: Oops: 0002 [#1] SMP";
        assert_eq!(oops.oops().as_deref(), Some(text));
        assert_eq!(oops.said().len(), 2);
        let panic = console("[ 2.0] Kernel panic - not syncing: RDRAND is defective.\r\n");
        assert_eq!((panic.panic(), panic.oops()), (Some("RDRAND is defective."), None));
        assert_eq!(console("[ 3.0] watchdog: BUG: soft lockup\n").oops(), None);
    }

    #[test]
    fn events_are_read() {
        let events = r#"{"event":"td"}
            {"event":"fire","rule":1,"what":"r11"}
            {"event":"fire","rule":1,"what":"r11","times":6}
            {"event":"oracle","kind":"double_accept","gpa":4096}
            {"event":"result","status":0,"text":"42\n"}
            {"event":"fatal","code":1,"reason":"late"}
            not json"#;
        let evidence =
            Evidence::read(events, String::new(), Ending::PowerOff, Duration::from_secs(1));
        assert!(evidence.is_td);
        assert_eq!(evidence.fired, 7);
        assert_eq!(evidence.violations.get("double_accept"), Some(&1));
        assert_eq!(evidence.result, Some((0, "42\n".to_owned())));
        assert_eq!(evidence.fatal.as_deref(), Some("late"));
        assert_eq!(evidence.broken.len(), 1);
    }
}
