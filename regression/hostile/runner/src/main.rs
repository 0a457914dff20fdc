// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs guests under a hostile host and judges what comes of it.
//!
//! Each file of `regression/hostile/scenarios` is an attack: the plugin in QEMU carries it out, this program starts the guests, two at
//! a time, judges them by the plugin's events and the guest's own witness, never by the console's looks, and writes one
//! matrix (`target/hostile/matrix.json`, `matrix.html`) with Nacre and stock Linux side by side. The last line is
//! `N passed, N failed`.

#![forbid(unsafe_code)]

mod evidence;
mod guest;
mod judge;
mod matrix;
mod mutants;
mod page;
mod probe;
mod run;
mod stalls;
mod suite;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};

use hostile_format::Guest;
use osdk::workspace::Workspace;

use guest::Kit;
use judge::Verdict;
use matrix::{Entry, Matrix};
use suite::Attack;

/// Runs the hostile host's scenarios.
#[derive(Parser)]
#[command(name = "hostile", version)]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand)]
enum Task {
    /// Print the names of the scenarios and what they do.
    List,
    /// Break one check of the kernel at a time and see that the named scenario notices.
    Mutants(mutants::MutantsArgs),
    /// Do not run a CPU for a while, at every instruction of some parts of the kernel.
    Stalls(stalls::StallsArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GuestArg {
    Nacre,
    Linux,
}

#[derive(Args, Clone, Debug)]
struct RunArgs {
    /// Whose kernel to attack.
    #[arg(long, value_enum, default_value = "nacre")]
    guest: GuestArg,
    /// Only scenarios whose name has this in it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only the scenario of exactly this name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only this run of a scenario that has several.
    #[arg(long, value_name = "N")]
    run: Option<u32>,
    /// Another seed than the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only the short set.
    #[arg(long)]
    short: bool,
    /// Only scenarios that the matrix has no result of.
    #[arg(long)]
    missing: bool,
    /// Guests at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Nacre's kernel file, instead of the built one.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Print the guest's console and the plugin's events of each run.
    #[arg(long, short)]
    verbose: bool,
}

impl RunArgs {
    /// One scenario on Nacre, as it is, or one run of it.
    fn only(name: &str, run: Option<u32>, verbose: bool) -> Self {
        let (only, name, jobs) = (Vec::new(), Some(name.to_owned()), 1);
        let (seed, kernel, short, missing) = (None, None, false, false);
        let guest = GuestArg::Nacre;
        Self { guest, only, name, run, seed, short, missing, jobs, kernel, verbose }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Workspace::find().and_then(|workspace| match &cli.task {
        Some(Task::List) => list(&workspace),
        Some(Task::Mutants(args)) => mutants::run(&workspace, args),
        Some(Task::Stalls(args)) => stalls::sweep(&workspace, args),
        None => attack(&workspace, &cli.run),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hostile: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn list(workspace: &Workspace) -> Result<ExitCode> {
    for attack in suite::load(workspace)? {
        println!("{:<34} row {:>2}  {}", attack.name, attack.scenario.row, attack.scenario.title);
    }
    Ok(ExitCode::SUCCESS)
}

fn attack(workspace: &Workspace, args: &RunArgs) -> Result<ExitCode> {
    let guest = match args.guest {
        GuestArg::Nacre => Guest::Nacre,
        GuestArg::Linux => Guest::Linux,
    };
    let attacks = select(workspace, args, guest)?;
    ensure!(!attacks.is_empty(), "no scenario is chosen");
    let kit = Kit::prepare(workspace, guest, args.kernel.clone())?;
    let total = attacks.len();
    let queue = Mutex::new(attacks.into_iter().enumerate().collect::<VecDeque<_>>());
    let done: Mutex<Vec<(usize, Entry)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((number, attack)) = next else { break };
                    let entry = one(&kit, &attack, args);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    print_entry(done.len() + 1, total, &entry);
                    done.push((number, entry));
                    // Written each time: a run that is cut short leaves what it has found.
                    let so_far = done.iter().map(|(_, entry)| entry.clone()).collect();
                    if let Err(error) = write_matrix(workspace, guest, so_far) {
                        eprintln!("hostile: {error:#}");
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    let entries: Vec<_> = done.into_iter().map(|(_, entry)| entry).collect();
    finish(workspace, guest, entries)
}

/// Runs one scenario with all its runs; the first run that is not as it must be decides.
fn one(kit: &Kit, attack: &Attack, args: &RunArgs) -> Entry {
    let mut entry = Entry::new(attack, kit.guest());
    let runs = 0..attack.scenario.runs;
    for number in runs.filter(|number| args.run.is_none_or(|only| only == *number)) {
        let seed = args.seed.unwrap_or(attack.scenario.seed) + u64::from(number);
        let mut verdict = run_once(kit, attack, number, seed, args.verbose, &mut entry);
        // A run of Linux that tells nothing is done again.
        for _ in 0..2 {
            if kit.guest() == Guest::Linux && verdict.is_broken() {
                verdict = run_once(kit, attack, number, seed, args.verbose, &mut entry);
            }
        }
        let is_safe = verdict.is_safe;
        entry.settle(verdict, number, seed);
        if !is_safe {
            break;
        }
    }
    entry
}

fn run_once(
    kit: &Kit,
    attack: &Attack,
    number: u32,
    seed: u64,
    is_verbose: bool,
    entry: &mut Entry,
) -> Verdict {
    match run::run(kit, attack, number, seed, is_verbose) {
        Ok(evidence) => {
            let verdict = judge::judge(&attack.scenario, kit.guest(), &evidence);
            if !verdict.is_broken() {
                entry.add(&evidence);
            }
            verdict
        }
        Err(error) => Verdict::broken(format!("the run itself failed: {error:#}")),
    }
}

fn print_entry(number: usize, total: usize, entry: &Entry) {
    let word = if entry.is_safe { "ok    " } else { "FAILED" };
    println!(
        "[{number:>3}/{total}] {word} {:<34} {:>5.1}s  {}",
        entry.name, entry.seconds, entry.summary
    );
}

fn finish(workspace: &Workspace, guest: Guest, entries: Vec<Entry>) -> Result<ExitCode> {
    let failed: Vec<_> = entries.iter().filter(|entry| !entry.is_safe).collect();
    if !failed.is_empty() {
        println!("\nto see one again:");
        for entry in &failed {
            println!("  {}", entry.command);
        }
    }
    let (bad, good) = (failed.len(), entries.len() - failed.len());
    let page = write_matrix(workspace, guest, entries)?;
    println!("\nmatrix: {} and matrix.json", page.display());
    println!("{good} passed, {bad} failed");
    // Linux is the measure beside us, not what is tested here.
    Ok(ExitCode::from(u8::from(bad > 0 && guest == Guest::Nacre)))
}

/// Writes the matrix with these entries; returns the page.
fn write_matrix(workspace: &Workspace, guest: Guest, entries: Vec<Entry>) -> Result<PathBuf> {
    let folder = workspace.target_dir().join("hostile");
    let matrix = Matrix::merge(workspace, &folder, guest, entries)?;
    let page = folder.join("matrix.html");
    std::fs::write(&page, page::render(&matrix)).with_context(|| page.display().to_string())?;
    Ok(page)
}

fn select(workspace: &Workspace, args: &RunArgs, guest: Guest) -> Result<Vec<Attack>> {
    let mut attacks = suite::load(workspace)?;
    let known = if args.missing { Matrix::known(workspace, guest) } else { Vec::new() };
    attacks.retain(|attack| {
        attack.scenario.guests.contains(&guest)
            && !known.contains(&attack.name)
            && (!args.short || attack.scenario.short)
            && args.name.as_ref().is_none_or(|name| attack.name == *name)
            && (args.only.is_empty() || args.only.iter().any(|text| attack.name.contains(text)))
    });
    Ok(attacks)
}
