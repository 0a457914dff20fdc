// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Boots that must be refused: damaged archives, missing programs, absurd command lines.
//!
//! For Nacre only: the outcome is a `stop` line with a reason on the control channel, or an orderly end, never a hang, a
//! triple fault or silence. Linux panics on most of these, which is no expectation worth comparing with.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use osdk::machine::Clock;

use crate::kernel::{Kernel, Kind};
use crate::programs::Programs;
use crate::qemu::{Guest, Launch, Said};
use crate::report::{Outcome, Verdict};

/// What has to come of a boot.
#[derive(Clone, Copy)]
enum Expected {
    /// The kernel stops and says why.
    Stop,
    /// The first program runs.
    Runs,
    /// One of the two.
    StopOrRuns,
}

/// A boot with something wrong in it.
struct Scenario {
    name: &'static str,
    /// Damages the archive.
    damage: fn(&mut Vec<u8>),
    /// More words for the command line.
    append: fn() -> String,
    expected: Expected,
}

const SCENARIOS: [Scenario; 12] = [
    scenario("whole_archive_boots", |_| {}, String::new, Expected::Runs),
    scenario("archive_cut_in_a_header", |a| a.truncate(50), String::new, Expected::Stop),
    scenario("archive_cut_in_a_file", |a| a.truncate(a.len() / 2), String::new, Expected::Stop),
    scenario(
        "archive_without_trailer",
        |a| a.truncate(a.len() - 512),
        String::new,
        Expected::StopOrRuns,
    ),
    scenario("archive_of_zeros", |a| a.fill(0), String::new, Expected::Stop),
    scenario("archive_of_noise", noise, String::new, Expected::Stop),
    scenario("archive_bad_magic_later", |a| break_header(a, b'X'), String::new, Expected::Stop),
    scenario(
        "archive_size_not_hexadecimal",
        |a| put(a, 54, b"zzzzzzzz"),
        String::new,
        Expected::Stop,
    ),
    scenario("archive_size_huge", |a| put(a, 54, b"ffffffff"), String::new, Expected::Stop),
    scenario("archive_name_size_huge", |a| put(a, 94, b"fffffff0"), String::new, Expected::Stop),
    scenario("archive_without_programs", empty, String::new, Expected::Stop),
    scenario(
        "command_line_of_100_kilobytes",
        |_| {},
        || "word=value ".repeat(9_000),
        Expected::StopOrRuns,
    ),
];

const fn scenario(
    name: &'static str,
    damage: fn(&mut Vec<u8>),
    append: fn() -> String,
    expected: Expected,
) -> Scenario {
    Scenario { name, damage, append, expected }
}

/// Names of the scenarios.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SCENARIOS.iter().map(|scenario| scenario.name)
}

/// Runs those whose name is in `wanted`.
pub(crate) fn run(
    kernel: &Kernel,
    programs: &Programs,
    logs: &Path,
    wanted: &[String],
) -> Vec<Outcome> {
    let chosen = SCENARIOS.iter().filter(|s| wanted.iter().any(|name| name == s.name));
    let outcomes = chosen.map(|scenario| {
        let start = Instant::now();
        let verdict = match try_boot(kernel, programs, logs, scenario) {
            Ok(ending) => judge(scenario.expected, &ending),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        let (suite, test) = ("boot".to_owned(), scenario.name.to_owned());
        if let Verdict::Failed(why) = &verdict {
            eprintln!("FAILED {suite}/{test}: {why}");
        }
        Outcome { suite, test, verdict, time: start.elapsed() }
    });
    outcomes.collect()
}

/// How a boot ended.
enum Ending {
    Stop(String),
    Runs,
    Silence,
    Died(Option<i32>),
}

fn judge(expected: Expected, ending: &Ending) -> Verdict {
    match (expected, ending) {
        (Expected::Stop | Expected::StopOrRuns, Ending::Stop(reason)) if !reason.is_empty() => {
            Verdict::Passed
        }
        (Expected::Runs | Expected::StopOrRuns, Ending::Runs) => Verdict::Passed,
        (_, Ending::Stop(reason)) => Verdict::Failed(format!("the kernel stopped: \"{reason}\"")),
        (_, Ending::Runs) => Verdict::Failed("the first program runs".to_owned()),
        (_, Ending::Silence) => Verdict::Failed("the guest hangs".to_owned()),
        (_, Ending::Died(code)) => {
            Verdict::Failed(format!("the guest ended without a reason (QEMU status {code:?})"))
        }
    }
}

fn try_boot(
    kernel: &Kernel,
    programs: &Programs,
    logs: &Path,
    scenario: &Scenario,
) -> Result<Ending> {
    let log = logs.join(format!("boot-{}", scenario.name));
    let initramfs = log.with_extension("cpio");
    let mut archive = programs.initramfs("", Kind::Nacre)?;
    (scenario.damage)(&mut archive);
    std::fs::write(&initramfs, archive)?;
    let append = (scenario.append)();
    let clock = Clock::Host;
    let launch = Launch {
        kernel,
        initramfs: &initramfs,
        append: &append,
        smp: 1,
        mem_mib: 256,
        clock,
        log: &log,
    };
    let mut guest = Guest::start(&launch)?;
    let ending = loop {
        match guest.next(Duration::from_secs(30)) {
            Said::Result(line) if line.trim_end() == "boot" => break Ending::Runs,
            Said::Control(line) => {
                if let Some(reason) = line.strip_prefix("stop ") {
                    break Ending::Stop(reason.trim().to_owned());
                }
            }
            Said::Result(_) => {}
            Said::Closed => {
                let status = guest.finish(Duration::from_secs(5));
                break told_to_host(&log).map_or(Ending::Died(status), Ending::Stop);
            }
            Said::Nothing => break Ending::Silence,
        }
    };
    drop(guest);
    let _ = std::fs::remove_file(initramfs);
    Ok(ending)
}

/// What a TD told its host before it ended: where it stops early, that is its only word.
fn told_to_host(log: &Path) -> Option<String> {
    let events = std::fs::read_to_string(log.with_extension("events")).ok()?;
    let fatal = events.lines().find(|line| line.contains("\"event\":\"fatal\""))?;
    let (_, reason) = fatal.split_once("\"reason\":\"")?;
    reason.split('"').next().map(str::to_owned)
}

fn put(archive: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = archive.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Breaks the magic number of an entry well behind the first.
fn break_header(archive: &mut [u8], byte: u8) {
    let magic = b"070701";
    let places = archive.windows(magic.len()).enumerate().filter(|(_, w)| w == magic);
    if let Some(at) = places.map(|(at, _)| at).nth(20) {
        put(archive, at, &[byte]);
    }
}

/// An archive that is well-formed and has no file at all.
fn empty(archive: &mut Vec<u8>) {
    *archive = osdk::cpio::Archive::new().finish().unwrap_or_default();
}

/// Fills the archive with bytes that follow from nothing but their place.
fn noise(archive: &mut Vec<u8>) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for byte in archive {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 32) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let stop = Ending::Stop("initramfs: bad magic".into());
        assert_eq!(judge(Expected::Stop, &stop), Verdict::Passed);
        assert!(matches!(judge(Expected::Runs, &stop), Verdict::Failed(_)));
        assert!(matches!(judge(Expected::Stop, &Ending::Stop(String::new())), Verdict::Failed(_)));
        assert!(matches!(judge(Expected::StopOrRuns, &Ending::Silence), Verdict::Failed(_)));
        assert!(matches!(judge(Expected::Stop, &Ending::Died(Some(0))), Verdict::Failed(_)));
    }

    #[test]
    fn damage_stays_in_the_archive() {
        let mut archive = b"070701".repeat(30);
        break_header(&mut archive, b'X');
        assert_eq!(archive.iter().filter(|b| **b == b'X').count(), 1);
        put(&mut archive, 178, b"toolong");
        assert_eq!(archive.len(), 180);
        noise(&mut archive);
        assert!(!archive.starts_with(b"070701"));
    }
}
