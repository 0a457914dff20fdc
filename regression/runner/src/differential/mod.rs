// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The differential harness: the same random programs on both kernels, and what differs.
//!
//! A program is a number (see `regression/linux/differential`). A first run on each kernel gives a hash per program; those
//! that differ run again in words, and the first call that differs names the *class* of the difference. Each class is shrunk
//! to the fewest calls that show it. Classes that are listed in `known.toml`, with a reason each, count as explained.

mod class;
mod guest;
mod known;
mod shrink;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use osdk::workspace::Workspace;

use crate::kernel::{Kernel, Kind};
use crate::programs::Programs;
use class::Difference;
use guest::{Guests, Hashes, Variant};
use known::Known;

/// Options of `differential`.
#[derive(Args)]
pub(crate) struct DifferentialArgs {
    /// Nacre's kernel file, instead of the built one.
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// How many calls to compare.
    #[arg(long, default_value_t = 2_000_000)]
    calls: u64,
    /// What the programs follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The family of calls that most calls are from; without it, all of them in turn.
    #[arg(long, default_value = "all")]
    family: String,
    /// Look for the fewest calls that show each difference.
    #[arg(long)]
    shrink: bool,
    /// Show one program in words, on both kernels.
    #[arg(long, value_name = "NUMBER")]
    program: Option<u64>,
    /// CPUs per guest.
    #[arg(long, default_value_t = 1)]
    smp: u32,
    /// Memory per guest in MiB.
    #[arg(long, default_value_t = 256)]
    mem: u32,
}

/// Programs of one guest.
const CHUNK: u64 = 8000;
/// Compared calls that a program has on average, from below.
const CALLS_PER_PROGRAM: u64 = 30;
/// Differing programs of a chunk that are looked at in words.
const MAX_WORDED: usize = 1500;

/// What has been compared, and what differed.
#[derive(Default)]
struct Totals {
    programs: u64,
    calls: u64,
    /// Programs that differed by hash but not again in words.
    unrepeated: Vec<u64>,
    unexamined: usize,
    /// Programs that ended a guest, each time.
    silencers: Vec<u64>,
    /// Differences without a reason, by class.
    open: BTreeMap<String, Vec<Difference>>,
    /// Class and call of those with one.
    explained: Vec<(String, String)>,
}

impl Totals {
    fn add(&mut self, difference: Difference, known: &Known) {
        let (class, call) = (difference.class.clone(), difference.call().to_owned());
        if known.explains(&class, &call) {
            self.explained.push((class, call));
        } else {
            self.open.entry(class).or_default().push(difference);
        }
    }

    fn show_progress(&self, start: Instant) {
        println!(
            "progress {} calls in {} programs, {} programs with known differences, {} classes of others, {} s",
            self.calls,
            self.programs,
            self.explained.len(),
            self.open.len(),
            start.elapsed().as_secs()
        );
        for (class, seen) in &self.open {
            let programs: Vec<u64> = seen.iter().map(|found| found.number).take(4).collect();
            println!("    {:4} {class} {programs:?}", seen.len());
        }
    }
}

/// Runs the comparison.
pub(crate) fn run(
    workspace: &Workspace,
    args: &DifferentialArgs,
    logs: PathBuf,
) -> Result<ExitCode> {
    let programs = Programs::build(workspace)?;
    let nacre = Kernel::get(Kind::Nacre, args.kernel_file.clone(), workspace)?;
    let linux = Kernel::get(Kind::Linux, None, workspace)?;
    let cache = workspace.target_dir().join("regression/differential");
    std::fs::create_dir_all(&cache)?;
    let guests = Guests {
        programs: &programs,
        kernels: [&linux, &nacre],
        seed: args.seed,
        family: &args.family,
        smp: args.smp,
        mem_mib: args.mem,
        logs,
        cache,
    };
    if let Some(number) = args.program {
        return show(&guests, number);
    }
    let known = Known::load(&workspace.root().join("regression/linux/differential/known.toml"))?;
    let mut totals = Totals::default();
    let start = Instant::now();
    while totals.calls < args.calls {
        let wanted = ((args.calls - totals.calls) / CALLS_PER_PROGRAM).clamp(64, CHUNK);
        chunk(&guests, wanted, &known, &mut totals)?;
        totals.show_progress(start);
    }
    report(&guests, args, &known, &totals)
}

/// Compares `count` more programs.
fn chunk(guests: &Guests<'_>, count: u64, known: &Known, totals: &mut Totals) -> Result<()> {
    let first = totals.programs;
    let [linux, nacre] = guests.hashes(first, count)?;
    ensure!(linux.hashes.len() == nacre.hashes.len(), "the kernels ran different programs");
    totals.programs += count;
    totals.calls += linux.calls.min(nacre.calls);
    let mut differing = differing(first, &linux, &nacre);
    for (number, why) in linux.silencers.into_iter().chain(nacre.silencers) {
        println!("program {number} ended a guest: {why}");
        println!("{}", guests.shortest(number)?);
        differing.retain(|differs| *differs != number);
        totals.silencers.push(number);
    }
    totals.unexamined += differing.len().saturating_sub(MAX_WORDED);
    let differing = differing.into_iter().take(MAX_WORDED).collect();
    let same = examine(guests, differing, Variant::calls, known, totals)?;
    let same = examine(guests, same, Variant::whole, known, totals)?;
    totals.unrepeated.extend(same);
    Ok(())
}

/// Runs programs in words and sorts what differs; returns those that do not.
fn examine(
    guests: &Guests<'_>,
    numbers: Vec<u64>,
    variant: fn(u64) -> Variant,
    known: &Known,
    totals: &mut Totals,
) -> Result<Vec<u64>> {
    let variants: Vec<Variant> = numbers.iter().copied().map(variant).collect();
    let mut same = Vec::new();
    for (number, difference) in numbers.into_iter().zip(guests.differences(&variants)?) {
        match difference {
            Some(difference) => totals.add(difference, known),
            None => same.push(number),
        }
    }
    Ok(same)
}

fn differing(first: u64, linux: &Hashes, nacre: &Hashes) -> Vec<u64> {
    let pairs = linux.hashes.iter().zip(&nacre.hashes);
    (first..).zip(pairs).filter(|(_, (a, b))| a != b).map(|(number, _)| number).collect()
}

fn show(guests: &Guests<'_>, number: u64) -> Result<ExitCode> {
    let difference = guests.differences(&[Variant::whole(number)])?.pop().flatten();
    match difference {
        Some(difference) => {
            println!("{}", difference.in_full());
            Ok(ExitCode::from(1))
        }
        None => {
            println!("program {number} is the same on both kernels");
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn report(
    guests: &Guests<'_>,
    args: &DifferentialArgs,
    known: &Known,
    totals: &Totals,
) -> Result<ExitCode> {
    let mut open: Vec<_> = totals.open.iter().collect();
    open.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.len()));
    let examples: Vec<&Difference> = open.iter().filter_map(|(_, seen)| seen.first()).collect();
    let shrunk = if args.shrink { shrink::shrink(guests, &examples)? } else { BTreeMap::new() };
    for (class, seen) in &open {
        let Some(example) = seen.first() else { continue };
        let example = shrunk.get(*class).unwrap_or(example);
        println!("\n{} programs: {class}\n{example}", seen.len());
    }
    let unused = if args.family == "all" && args.calls >= known::FULL_CALLS {
        known.unused(totals.explained.iter().map(|(class, call)| (class.as_str(), call.as_str())))
    } else {
        vec![]
    };
    for pattern in &unused {
        println!("known.toml lists what was not seen: {pattern}");
    }
    println!(
        "\n{} calls compared in {} programs; {} programs with known differences, {} with others ({} classes), \
         {} that differed once, {} not looked at",
        totals.calls,
        totals.programs,
        totals.explained.len(),
        open.iter().map(|(_, seen)| seen.len()).sum::<usize>(),
        open.len(),
        totals.unrepeated.len(),
        totals.unexamined,
    );
    if !totals.unrepeated.is_empty() {
        println!("that differed once: {:?}", totals.unrepeated);
    }
    if !totals.silencers.is_empty() {
        println!("that ended a guest: {:?}", totals.silencers);
    }
    let failed = open.len()
        + unused.len()
        + totals.unexamined
        + totals.unrepeated.len()
        + totals.silencers.len();
    println!("{} passed, {failed} failed", totals.programs);
    Ok(ExitCode::from(u8::from(failed > 0)))
}
