// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The verdict on a run.
//!
//! Safe is: the correct result, a stop with the right reason, or an error that the workload saw and said. A violation that an
//! oracle saw outranks them all, as does an attack that never happened: that proves nothing.

use hostile_format::{Exits, Expect, Guest, Outcome, Scenario};
use osdk::guest::{Ending, NO_REASON};

use crate::evidence::{Evidence, HostExits};

/// A verdict.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// Whether it is as it must be.
    pub(crate) is_safe: bool,
    /// What came of it, in a word or two.
    pub(crate) kind: &'static str,
    /// The same with its particulars.
    pub(crate) text: String,
}

impl Verdict {
    fn safe(kind: &'static str, text: impl Into<String>) -> Self {
        Self { is_safe: true, kind, text: text.into() }
    }

    fn unsafe_(kind: &'static str, text: impl Into<String>) -> Self {
        Self { is_safe: false, kind, text: text.into() }
    }

    /// A run that tells nothing.
    pub(crate) fn broken(text: String) -> Self {
        Self::unsafe_("no verdict", text)
    }

    /// Whether the run tells nothing.
    pub(crate) fn is_broken(&self) -> bool {
        self.kind == "no verdict"
    }
}

/// What Nacre says when a power-off did not end the machine.
const POWERED_OFF: &str = "powered off";

/// What happened, before it is compared with what may happen.
enum Happened {
    Correct,
    Stop(String),
    Error(String),
    Wrong(String),
    Crash(String),
    Hang(String),
    TripleFault,
    Broken(String),
}

/// Judges a run of `scenario`.
pub(crate) fn judge(scenario: &Scenario, guest: Guest, evidence: &Evidence) -> Verdict {
    if let Some(why) = evidence.broken.first() {
        return Verdict::broken(why.clone());
    }
    if evidence.is_td == scenario.plain {
        if scenario.plain {
            return Verdict::broken("the guest became a TD".to_owned());
        }
        return Verdict::broken("the guest never became a TD".to_owned());
    }
    let hits = evidence.violations.iter().filter(|(kind, _)| !scenario.tolerated.contains(kind));
    let hits: Vec<_> = hits.map(|(kind, times)| format!("{kind} ({times})")).collect();
    if !hits.is_empty() {
        let detail = evidence.details.first().cloned().unwrap_or_default();
        return Verdict::unsafe_("violation", format!("{}: {detail}", hits.join(", ")));
    }
    let expect = scenario.expect(guest);
    let happened = happened(scenario, expect, guest, evidence);
    let verdict = compare(expect, guest, happened);
    if !verdict.is_safe {
        let is_early = !scenario.rules.is_empty() && evidence.fired == 0 && expect.fired > 0;
        if guest == Guest::Linux && is_early && verdict.kind != "went on" {
            // The fault of the simulation, or of the build machine's load.
            return Verdict::broken(format!("it failed before the attack: {}", verdict.text));
        }
        return verdict;
    }
    if let (Guest::Nacre, Some(wanted)) = (guest, &expect.log)
        && !evidence.has_line(wanted)
    {
        let text = format!("the log does not say {wanted:?}; {}", verdict.text);
        return Verdict::unsafe_("wrong reason", text);
    }
    if let Some(what) = too_many(expect.exits, evidence.exits()) {
        return Verdict::unsafe_("too many exits", format!("{what}; {}", verdict.text));
    }
    weigh(scenario, expect, guest, evidence.fired, verdict)
}

/// Which limit of host exits was passed.
fn too_many(limits: Exits, exits: Option<HostExits>) -> Option<String> {
    if limits == Exits::default() {
        return None;
    }
    let Some(exits) = exits else { return Some("host exits were not counted".to_owned()) };
    let all = [
        ("before the first program", exits.boot, limits.boot),
        ("from the first program on", exits.work, limits.work),
        ("to share memory after boot", exits.map_gpa, limits.map_gpa),
    ];
    let is_over =
        |(_, times, most): &(&str, u64, Option<u64>)| most.is_some_and(|most| *times > most);
    let (when, times, most) = all.into_iter().find(is_over)?;
    Some(format!("{times} host exits {when}, at most {} allowed", most.unwrap_or_default()))
}

/// What a safe outcome says, seen how often the attack struck.
fn weigh(
    scenario: &Scenario,
    expect: &Expect,
    guest: Guest,
    fired: u64,
    verdict: Verdict,
) -> Verdict {
    let text = &verdict.text;
    if scenario.rules.is_empty() {
        let what = if scenario.td.is_empty() { "; watched only" } else { "" };
        return Verdict { text: format!("{text}{what}"), ..verdict };
    }
    match fired {
        0 if expect.fired == 0 => {
            let text = format!("{text}; the attack found no opening (the kernel never asks)");
            Verdict::safe(if verdict.kind == "correct" { "no opening" } else { verdict.kind }, text)
        }
        // Of Linux this is not known to be its merit.
        0 if guest == Guest::Linux => {
            Verdict::unsafe_("no attack", format!("the attack did not occur; {text}"))
        }
        _ if fired >= expect.fired => verdict,
        _ if guest == Guest::Linux => {
            Verdict { text: format!("{text}; struck {fired} times"), ..verdict }
        }
        _ => {
            let text = format!("the rules fired {fired} of {} times; {text}", expect.fired);
            Verdict::unsafe_("no attack", text)
        }
    }
}

fn happened(scenario: &Scenario, expect: &Expect, guest: Guest, evidence: &Evidence) -> Happened {
    // The last word of a power-off that the host did not carry out.
    let is_off = evidence.result.is_some() && evidence.fatal.as_deref() == Some(POWERED_OFF);
    // The report on the control channel says more than the last word to the host, where it came.
    if let Ending::Stop(stop) = &evidence.ending
        && !is_off
        && (stop.message != NO_REASON || evidence.fatal.is_none())
    {
        return Happened::Stop(stop.message.clone());
    }
    if let Some(reason) = &evidence.fatal
        && !is_off
    {
        return Happened::Stop(reason.clone());
    }
    if guest == Guest::Linux {
        match (evidence.oops(), evidence.panic()) {
            // Its handler of #VE refuses what it does not know in this way; any other exception was not meant to be.
            (Some(oops), _) if oops.contains("VE fault") => return Happened::Stop(oops),
            (Some(oops), _) => return Happened::Crash(oops),
            (None, Some(reason)) => return Happened::Stop(reason.to_owned()),
            (None, None) => {}
        }
    }
    if let Some((status, text)) = &evidence.result {
        // Nacre says how it ends; Linux's power-off cannot be told from a reset by QEMU's status.
        if guest == Guest::Nacre && evidence.ending == Ending::TripleFault {
            return Happened::TripleFault;
        }
        if *status == 0 && matches(&scenario.output, text) {
            return Happened::Correct;
        }
        let clean = expect.errors.iter().any(|error| text.contains(error.as_str()));
        let text = format!("status {status}, output {:?}", clip(text));
        return if clean { Happened::Error(text) } else { Happened::Wrong(text) };
    }
    match &evidence.ending {
        Ending::TimedOut => Happened::Hang(evidence.stuck.join(", ")),
        Ending::TripleFault => Happened::TripleFault,
        Ending::QemuFailed(text) => Happened::Broken(format!("QEMU failed: {}", clip(text))),
        other => Happened::Broken(format!("it ended without a result: {other:?}")),
    }
}

fn compare(expect: &Expect, guest: Guest, happened: Happened) -> Verdict {
    let may = |outcome| expect.any.contains(&outcome);
    match happened {
        Happened::Correct if may(Outcome::Correct) => Verdict::safe("correct", "correct result"),
        Happened::Correct => Verdict::unsafe_("went on", "it went on as if nothing had happened"),
        Happened::Stop(reason) => {
            // Linux has its own words for a stop that it meant.
            let right = guest == Guest::Linux
                || may(Outcome::Stop) && expect.reasons.iter().any(|part| reason.contains(part));
            let text = format!("stop: {}", clip(&reason));
            if right { Verdict::safe("stop", text) } else { Verdict::unsafe_("wrong stop", text) }
        }
        Happened::Error(text) if may(Outcome::Error) || guest == Guest::Linux => {
            Verdict::safe("error", format!("clean error: {text}"))
        }
        Happened::Error(text) | Happened::Wrong(text) => Verdict::unsafe_("wrong result", text),
        Happened::Crash(text) => Verdict::unsafe_("crash", format!("kernel oops: {}", clip(&text))),
        Happened::Hang(at) if at.is_empty() => {
            Verdict::unsafe_("hang", "no result in the time given")
        }
        Happened::Hang(at) => {
            Verdict::unsafe_("hang", format!("no result in the time given, still in {at}"))
        }
        Happened::TripleFault => Verdict::unsafe_("triple fault", "triple fault or silent reset"),
        Happened::Broken(text) => Verdict::broken(text),
    }
}

fn matches(wanted: &str, text: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == wanted,
    }
}

fn clip(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(160) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use osdk::guest::StopReport;

    use super::*;

    fn scenario(any: &str) -> Scenario {
        let text = format!(
            "title = \"t\"\nrow = 1\nhost = \"h\"\n[expect]\nany = [{any}]\nreasons = [\"TSC\"]\n\
             errors = [\"I/O error\"]\n[[rule]]\nwhen = {{ on = \"vmcall\" }}\nthen = {{ r11 = \"rand\" }}\n"
        );
        Scenario::parse(&text).unwrap()
    }

    fn verdict(any: &str, events: &str, ending: Ending) -> Verdict {
        let events = format!("{{\"event\":\"td\"}}\n{{\"event\":\"fire\"}}\n{events}");
        let evidence = Evidence::read(&events, String::new(), ending, Duration::ZERO);
        judge(&scenario(any), Guest::Nacre, &evidence)
    }

    const GOOD: &str = r#"{"event":"result","status":0,"text":"42\n"}"#;

    #[test]
    fn outcomes() {
        assert!(verdict("\"correct\"", GOOD, Ending::PowerOff).is_safe);
        assert_eq!(verdict("\"stop\"", GOOD, Ending::PowerOff).kind, "went on");
        assert_eq!(verdict("\"correct\"", GOOD, Ending::TripleFault).kind, "triple fault");
        assert_eq!(verdict("\"correct\"", "", Ending::TimedOut).kind, "hang");
        let stop = |reason: &str| format!(r#"{{"event":"fatal","reason":"{reason}"}}"#);
        assert!(verdict("\"stop\"", &stop("no TSC frequency"), Ending::TimedOut).is_safe);
        assert!(!verdict("\"stop\"", &stop("page fault"), Ending::TimedOut).is_safe);
        assert!(!verdict("\"correct\"", &stop("no TSC"), Ending::TimedOut).is_safe);
        let message = "bad TSC".to_owned();
        let report = Ending::Stop(StopReport { message, frames: Vec::new() });
        assert!(verdict("\"stop\"", "", report).is_safe);
        let report = StopReport { message: "no TSC".to_owned(), frames: Vec::new() };
        assert!(verdict("\"stop\"", &stop("panic"), Ending::Stop(report)).is_safe);
        let none = StopReport { message: NO_REASON.to_owned(), frames: Vec::new() };
        assert!(verdict("\"stop\"", &stop("no TSC"), Ending::Stop(none)).is_safe);
        let error = r#"{"event":"result","status":1,"text":"dd: I/O error\n"}"#;
        assert!(verdict("\"error\"", error, Ending::PowerOff).is_safe);
        assert!(!verdict("\"correct\"", error, Ending::PowerOff).is_safe);
        let wrong = r#"{"event":"result","status":0,"text":"43\n"}"#;
        assert_eq!(verdict("\"correct\", \"error\"", wrong, Ending::PowerOff).kind, "wrong result");
    }

    #[test]
    fn the_log_must_name_the_check() {
        let mut scenario = scenario("\"correct\"");
        scenario.expect.log = Some("a used id".to_owned());
        let events = format!("{{\"event\":\"td\"}}\n{{\"event\":\"fire\"}}\n{GOOD}");
        let kind = |console: &str| {
            let console = console.to_owned();
            let evidence = Evidence::read(&events, console, Ending::PowerOff, Duration::ZERO);
            judge(&scenario, Guest::Nacre, &evidence).kind
        };
        assert_eq!(kind("[ 1.0] disk: a used id out of range"), "correct");
        assert_eq!(kind("[ 1.0] disk: a used index"), "wrong reason");
    }

    #[test]
    fn a_violation_outranks_a_correct_result() {
        let events = format!("{GOOD}\n{{\"event\":\"oracle\",\"kind\":\"leak\"}}");
        assert_eq!(verdict("\"correct\"", &events, Ending::PowerOff).kind, "violation");
    }

    #[test]
    fn an_attack_that_did_not_happen_proves_nothing() {
        let events = format!("{{\"event\":\"td\"}}\n{GOOD}");
        let evidence = Evidence::read(&events, String::new(), Ending::PowerOff, Duration::ZERO);
        let mut scenario = scenario("\"correct\"");
        assert_eq!(judge(&scenario, Guest::Nacre, &evidence).kind, "no attack");
        scenario.expect.fired = 0;
        let verdict = judge(&scenario, Guest::Nacre, &evidence);
        assert_eq!((verdict.is_safe, verdict.kind), (true, "no opening"));
        assert_eq!(judge(&scenario, Guest::Linux, &evidence).kind, "no opening");
        scenario.expect.fired = 1;
        assert_eq!(judge(&scenario, Guest::Linux, &evidence).kind, "no attack");
        scenario.rules.clear();
        assert_eq!(judge(&scenario, Guest::Linux, &evidence).text, "correct result; watched only");
    }

    #[test]
    fn exits_have_limits() {
        let counts = r#"{"event":"counts","boot":{"vmcall.io":7,"vmcall.mapgpa":1,"tdcall.1":9},
            "total":{"vmcall.io":12,"vmcall.mapgpa":3,"tdcall.1":9}}"#
            .replace('\n', "");
        let events = format!("{{\"event\":\"td\"}}\n{{\"event\":\"fire\"}}\n{GOOD}\n");
        let kind = |limits: Exits, events: &str| {
            let evidence = Evidence::read(events, String::new(), Ending::PowerOff, Duration::ZERO);
            let mut scenario = scenario("\"correct\"");
            scenario.expect.exits = limits;
            judge(&scenario, Guest::Nacre, &evidence).kind
        };
        let kept = Exits { boot: Some(8), work: Some(7), map_gpa: Some(2) };
        assert_eq!(kind(kept, &events), "too many exits", "not counted");
        let events = format!("{events}{counts}");
        assert_eq!(kind(kept, &events), "correct");
        assert_eq!(kind(Exits { boot: Some(7), ..kept }, &events), "too many exits");
        assert_eq!(kind(Exits { work: Some(6), ..kept }, &events), "too many exits");
        assert_eq!(kind(Exits { map_gpa: Some(1), ..kept }, &events), "too many exits");
    }

    #[test]
    fn an_exception_of_linux_is_no_stop() {
        let on_linux = |console: &str| {
            let events = "{\"event\":\"td\"}\n{\"event\":\"fire\"}";
            let console = console.to_owned();
            let evidence = Evidence::read(events, console, Ending::TripleFault, Duration::ZERO);
            judge(&scenario("\"stop\""), Guest::Linux, &evidence)
        };
        assert!(on_linux("Kernel panic - not syncing: RDRAND is defective.\n").is_safe);
        assert!(on_linux("Oops: VE fault: 0000 [#1] SMP\n").is_safe);
        let oops = "Oops: Oops: 0000 [#1]\nKernel panic - not syncing: Fatal exception\n";
        assert_eq!(on_linux(oops).kind, "crash");
    }
}
