// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The longest times that a kernel keeps a CPU to itself, in instructions, while a mix of operations runs.
//!
//! Two measures, both of the release kernel under `-icount` on one CPU. From inside, on both kernels: the worst delay of a real-time
//! task's wake-up. From outside, on Nacre alone: a plugin of QEMU (`regression/hostile/host`, mode `sections`) sees where
//! interrupts and preemption are turned off and on. The program is `regression/linux/latency`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use osdk::control::Frame;
use osdk::cvm;
use osdk::machine::find_qemu;
use osdk::symbols::Symbols;
use osdk::workspace::Workspace;
use serde_json::Value;

use crate::bench::{self, Counts};
use crate::kernel::{Kernel, Kind};
use crate::programs::Programs;

/// What a section may have at most, in instructions.
const LIMIT: u64 = 50_000;
/// Sections that are shown in full.
const SHOWN: usize = 12;
/// Files whose functions only pass on what their callers do.
const PASSING: [&str; 6] = [
    "framework/src/sync/",
    "framework/src/arch/x86/",
    "/rust",
    "/deps/",
    "syscalls/src/row_macro.rs",
    "syscalls/src/dispatch.rs",
];

fn is_passing(file: &str) -> bool {
    PASSING.iter().any(|start| file.starts_with(start))
}

#[derive(Args)]
pub(crate) struct LatencyArgs {
    /// Measure only this kernel.
    #[arg(long, value_enum)]
    kernel: Option<Kind>,
    /// Nacre's kernel file, instead of the built one.
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// CPUs of the guest; with more than one they run by the host's clock, and wake-ups are not measured.
    #[arg(long, default_value_t = 1)]
    smp: u32,
    /// Run only these operations; may be given more than once.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Fail if a section of an operation is longer than the limit.
    #[arg(long)]
    check: bool,
}

/// A section as the plugin tells it.
struct Section {
    during: String,
    instructions: u64,
    times: u64,
    begin: u64,
    end: u64,
    trace: Vec<u64>,
}

/// Runs the mix and prints the tables; how many operations are over the limit, if that is asked for.
pub(crate) fn run(workspace: &Workspace, args: &LatencyArgs, logs: &Path) -> Result<usize> {
    let programs = Programs::build(workspace)?;
    let sleeper = if args.smp > 1 { "\t--times" } else { "" };
    let plan = format!(
        "-/tests/latency{sleeper}{}\n",
        args.only.iter().map(|n| format!("\t{n}")).collect::<String>()
    );
    let is_wanted = |kind| args.kernel.is_none_or(|only| only == kind);
    let run = bench::Run { name: "latency", plan: &plan, smp: args.smp };
    let (mut nacre, mut linux, mut sections) = (Counts::new(), Counts::new(), vec![]);
    let mut names = String::new();
    ensure!(
        args.smp == 1 || !is_wanted(Kind::Linux),
        "Linux is measured on one CPU: add --kernel nacre"
    );
    if is_wanted(Kind::Nacre) {
        cvm::check_qemu(&find_qemu()?)?;
        let mut kernel = Kernel::get(Kind::Nacre, args.kernel_file.clone(), workspace)?;
        let events = logs.join("latency.events");
        let words = format!(
            "{},mode=sections,events={}",
            cvm::plugin(workspace)?.display(),
            events.display()
        );
        kernel.extra.extend(["-plugin", &words].map(Into::into));
        nacre = run.start(&kernel, &programs, logs)?;
        if args.smp > 1 {
            nacre.values_mut().for_each(|wake_up| *wake_up = 0.0);
        }
        sections = read(&events)?;
        ensure!(!sections.is_empty(), "the plugin saw no section");
        names = list(&Symbols::load(&kernel.image)?, &sections);
    }
    if is_wanted(Kind::Linux) {
        linux = run.start(&Kernel::get(Kind::Linux, None, workspace)?, &programs, logs)?;
    }
    print!("{}\n{names}", table(&nacre, &linux, &sections));
    if args.check {
        let verdicts = verdicts(&nacre, &args.only, &sections);
        let failed = verdicts.iter().filter(|(_, why)| why.is_some()).count();
        for (name, why) in &verdicts {
            match why {
                Some(why) => println!("FAILED latency/{name}: {why}"),
                None => println!("ok latency/{name}"),
            }
        }
        println!("{} passed, {failed} failed", verdicts.len() - failed);
        return Ok(failed);
    }
    let over = sections.iter().filter(|section| section.instructions > LIMIT).count();
    println!("{over} kinds of sections over {LIMIT} instructions");
    Ok(0)
}

/// For each operation that ran or was asked for, why it fails.
fn verdicts(
    ran: &Counts,
    asked: &[String],
    sections: &[Section],
) -> BTreeMap<String, Option<String>> {
    let mut verdicts: BTreeMap<_, _> = ran.keys().map(|name| (name.clone(), None)).collect();
    for name in asked.iter().filter(|name| !ran.contains_key(*name)) {
        verdicts.insert(name.clone(), Some("did not run".to_owned()));
    }
    // The longest come first.
    for section in sections.iter().rev().filter(|section| section.instructions > LIMIT) {
        let name = if section.during.is_empty() { "between" } else { &section.during };
        let why = format!("{} instructions, limit {LIMIT}", section.instructions);
        verdicts.insert(name.to_owned(), Some(why));
    }
    verdicts
}

fn read(events: &Path) -> Result<Vec<Section>> {
    let text = fs::read_to_string(events).with_context(|| events.display().to_string())?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let sections = lines.filter(|event| event.get("event").is_some_and(|name| name == "section"));
    let section = |event: Value| {
        let number = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or(0);
        Section {
            during: event.get("during").and_then(Value::as_str).unwrap_or("").to_owned(),
            instructions: number("instructions"),
            times: number("times"),
            begin: number("begin"),
            end: number("end"),
            trace: event
                .get("trace")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect(),
        }
    };
    Ok(sections.map(section).collect())
}

fn table(nacre: &Counts, linux: &Counts, sections: &[Section]) -> String {
    let mut longest = BTreeMap::new();
    for section in sections.iter().filter(|section| !section.during.is_empty()) {
        let entry = longest.entry(section.during.as_str()).or_insert(0);
        *entry = section.instructions.max(*entry);
    }
    let mut text = String::from(
        "| during | longest section | worst wake-up | the same on Linux 6.12 |\n|---|---:|---:|---:|\n",
    );
    let names = nacre.keys().chain(linux.keys().filter(|name| !nacre.contains_key(*name)));
    for name in names {
        let wake_up = |counts: &Counts| counts.get(name).filter(|v| **v > 0.0).copied();
        let cell = |counts: &Counts| wake_up(counts).map_or("-".to_owned(), |v| format!("{v:.0}"));
        let section = longest.get(name.as_str()).map_or("-".to_owned(), u64::to_string);
        let _ = writeln!(text, "| {name} | {section} | {} | {} |", cell(nacre), cell(linux));
    }
    text
}

/// The longest sections, each kind once, with names.
fn list(symbols: &Symbols, sections: &[Section]) -> String {
    let mut text = String::new();
    let mut seen = vec![];
    for section in sections {
        let kind = (section.begin, section.end);
        if seen.contains(&kind) || seen.len() == SHOWN {
            continue;
        }
        seen.push(kind);
        let Section { during, instructions, times, begin, end, trace } = section;
        let _ = writeln!(text, "{instructions} instructions, {times} times, during {during}");
        let _ = writeln!(text, "    from {}\n    to   {}", at(symbols, *begin), at(symbols, *end));
        let frames = trace.iter().map(|&address| Frame { address, slide: 0 });
        for place in frames.flat_map(|frame| symbols.places(frame)) {
            if let Some((file, line)) = place.line.filter(|(file, _)| !is_passing(file)) {
                let _ = writeln!(text, "         in {} ({file}:{line})", place.function);
            }
        }
    }
    text
}

/// The innermost function at an instruction that is more than a lock.
fn at(symbols: &Symbols, address: u64) -> String {
    // Places are asked for by return addresses.
    let places = symbols.places(Frame { address: address.wrapping_add(1), slide: 0 });
    let own = places.iter().find(|p| p.line.as_ref().is_some_and(|(file, _)| !is_passing(file)));
    match own.or(places.first()) {
        Some(place) => match &place.line {
            Some((file, line)) => format!("{} ({file}:{line})", place.function),
            None => place.function.clone(),
        },
        None if address >> 63 == 0 => "a program".to_owned(),
        None => format!("{address:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(during: &str, instructions: u64) -> Section {
        let during = during.to_owned();
        Section { during, instructions, times: 1, begin: 0, end: 0, trace: vec![] }
    }

    #[test]
    fn each_operation_has_one_verdict() {
        let ran = ["fork", "mremap"].map(|name| (name.to_owned(), 5.0)).into();
        let longest_first =
            [section("mremap", 70_000), section("mremap", 60_000), section("fork", LIMIT)];
        let verdicts = verdicts(&ran, &["gone".to_owned()], &longest_first);
        let why = |name: &str| verdicts[name].as_deref();
        assert_eq!(why("fork"), None);
        assert_eq!(why("mremap"), Some("70000 instructions, limit 50000"));
        assert_eq!(why("gone"), Some("did not run"));
        assert_eq!(verdicts.len(), 3);
    }
}
