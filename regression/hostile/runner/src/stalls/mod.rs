// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The sweep of stalls: the host does not run a CPU for a while, at every instruction of some parts of the kernel.
//!
//! Each boot of [`plan`] must give the workload's right result and end in order. Results are kept in
//! `target/hostile/stalls.jsonl`, so that a sweep goes on where it was cut short.

mod plan;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use hostile_format::{Guest, Scenario};
use osdk::workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::guest::Kit;
use crate::suite::Attack;
use crate::{judge, run};
use plan::Boot;

/// The least stalls of a whole sweep: fewer mean that functions were renamed.
const LEAST: u64 = 5000;

#[derive(Args, Clone, Debug)]
pub(crate) struct StallsArgs {
    /// Only boots whose name has this in it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// What random numbers follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only the boots of one slice of several: `2/4`.
    #[arg(long, value_name = "N/OF", value_parser = slice)]
    slice: Option<(usize, usize)>,
    /// Only boots that have not passed with this seed.
    #[arg(long)]
    missing: bool,
    /// Guests at the same time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Nacre's kernel file, instead of the built one.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Print the guest's console and the plugin's events of each boot.
    #[arg(long, short)]
    verbose: bool,
}

fn slice(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
    parts.filter(|(n, of)| (1..=*of).contains(n)).ok_or_else(|| "such as 2/4".to_owned())
}

/// What came of a boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Outcome {
    name: String,
    number: u32,
    seed: u64,
    is_safe: bool,
    stalls: u64,
    seconds: f64,
    text: String,
}

/// Sweeps.
pub(crate) fn sweep(workspace: &Workspace, args: &StallsArgs) -> Result<ExitCode> {
    let kit = Kit::prepare(workspace, Guest::Nacre, args.kernel.clone())?;
    let folder = workspace.target_dir().join("hostile");
    let file = folder.join("stalls.jsonl");
    let before = if args.missing { passed(&file, args.seed) } else { Vec::new() };
    let known: HashSet<_> = before.iter().map(|it| (it.name.clone(), it.number)).collect();
    let boots: VecDeque<_> = chosen(&fs::read(&kit.kernel)?, args)?
        .into_iter()
        .filter(|boot| !known.contains(&(boot.name.clone(), boot.number)))
        .collect();
    let is_whole = args.only.is_empty() && args.slice.is_none();
    let (total, begin) = (boots.len(), Instant::now());
    let queue = Mutex::new(boots);
    let done = Mutex::new(before);
    let skipped = known.len();
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(boot) = next else { break };
                    let outcome = one(&kit, &folder, &boot, args);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push(outcome.clone());
                    tell(&outcome, done.len() - skipped, total, begin);
                    if let Err(error) = keep(&file, &outcome) {
                        eprintln!("hostile: {error:#}");
                    }
                }
            });
        }
    });
    finish(&done.into_inner().unwrap_or_else(PoisonError::into_inner), args, is_whole)
}

fn chosen(image: &[u8], args: &StallsArgs) -> Result<Vec<Boot>> {
    let mut boots = plan::boots(image)?;
    boots.retain(|boot| {
        args.only.is_empty() || args.only.iter().any(|text| boot.name.contains(text))
    });
    if let Some((n, of)) = args.slice {
        let mut number = 0;
        boots.retain(|_| {
            number += 1;
            number % of == n % of
        });
    }
    ensure!(!boots.is_empty(), "no boot is chosen");
    Ok(boots)
}

fn one(kit: &Kit, folder: &Path, boot: &Boot, args: &StallsArgs) -> Outcome {
    let begin = Instant::now();
    let outcome = |is_safe, stalls, text: String| Outcome {
        name: boot.name.clone(),
        number: boot.number,
        seed: args.seed,
        is_safe,
        stalls,
        seconds: begin.elapsed().as_secs_f64(),
        text,
    };
    match attack(kit, folder, boot, args) {
        Ok((is_safe, stalls, text)) => outcome(is_safe, stalls, text),
        Err(error) => outcome(false, 0, format!("the run itself failed: {error:#}")),
    }
}

/// Whether it was safe, how many stalls there were, and the verdict.
fn attack(kit: &Kit, folder: &Path, boot: &Boot, args: &StallsArgs) -> Result<(bool, u64, String)> {
    let scenarios = folder.join("stalls");
    fs::create_dir_all(&scenarios).with_context(|| scenarios.display().to_string())?;
    let file = scenarios.join(format!("{}-{}.toml", boot.name, boot.number));
    fs::write(&file, &boot.text).with_context(|| file.display().to_string())?;
    let scenario = Scenario::parse(&boot.text).map_err(anyhow::Error::msg)?;
    let attack = Attack { name: format!("stalls-{}", boot.name), file, scenario };
    let evidence = run::run(kit, &attack, boot.number, args.seed, args.verbose)?;
    let verdict = judge::judge(&attack.scenario, Guest::Nacre, &evidence);
    // A part that has fewer points than the plan tries.
    let is_empty =
        boot.name.starts_with(plan::LATE) && boot.number > 0 && verdict.kind == "no attack";
    Ok((verdict.is_safe || is_empty, evidence.fired, verdict.text))
}

fn tell(outcome: &Outcome, number: usize, total: usize, begin: Instant) {
    let word = if outcome.is_safe { "ok    " } else { "FAILED" };
    println!(
        "[{number:>3}/{total}] {word} {:<22} {:>2} {:>6} stalls {:>6.1}s  {} ({:.0} s)",
        outcome.name,
        outcome.number,
        outcome.stalls,
        outcome.seconds,
        outcome.text,
        begin.elapsed().as_secs_f64()
    );
}

fn keep(file: &Path, outcome: &Outcome) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(file, "{}", serde_json::to_string(outcome)?)?;
    Ok(())
}

/// What passed before with this seed.
fn passed(file: &Path, seed: u64) -> Vec<Outcome> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let all = text.lines().filter_map(|line| serde_json::from_str::<Outcome>(line).ok());
    all.filter(|outcome| outcome.is_safe && outcome.seed == seed).collect()
}

fn finish(done: &[Outcome], args: &StallsArgs, is_whole: bool) -> Result<ExitCode> {
    let failed: Vec<_> = done.iter().filter(|outcome| !outcome.is_safe).collect();
    if !failed.is_empty() {
        println!("\nto see one again:");
        for outcome in &failed {
            println!(
                "  cargo run -p hostile -- stalls --seed {} --only {} --verbose   # {}",
                args.seed, outcome.name, outcome.text
            );
        }
    }
    let stalls: u64 = done.iter().map(|outcome| outcome.stalls).sum();
    println!("\n{stalls} stalls in {} boots, {} violations", done.len(), failed.len());
    println!("{} passed, {} failed", done.len() - failed.len(), failed.len());
    if is_whole {
        ensure!(stalls >= LEAST, "a whole sweep has at least {LEAST} stalls");
        let mut parts = BTreeMap::new();
        for outcome in done {
            let part = outcome.name.split_once("-cpu").map_or(&*outcome.name, |(part, _)| part);
            *parts.entry(part).or_default() += outcome.stalls;
        }
        let idle = parts.iter().find(|(_, stalls): &(&&str, &u64)| **stalls == 0);
        ensure!(idle.is_none(), "no stall in {idle:?}: were its functions renamed?");
    }
    Ok(ExitCode::from(u8::from(!failed.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_names_its_number_first() {
        assert_eq!(slice("2/4"), Ok((2, 4)));
        for wrong in ["0/4", "5/4", "4", "a/b"] {
            assert!(slice(wrong).is_err(), "{wrong}");
        }
    }
}
