// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo run -p fuzz`: throws mutated bytes at the parsers of host input.
//!
//! It runs on stable Rust, in one process, without coverage: a target tells what became of
//! an input, and an input with a new outcome is kept for further mutation. A panic, a hang or
//! a broken promise of a target is a failure, and is printed with one command that repeats it.

#![forbid(unsafe_code)]

mod corpus;
mod engine;
mod mutate;
mod targets;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};

use crate::targets::{TARGETS, Target};

#[derive(Parser)]
#[command(about = "Fuzzes every parser of host input")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fuzz all targets, or those named
    Run {
        /// Names of targets
        targets: Vec<String>,
        /// Seconds for each target
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// Where the random numbers start
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Add inputs with new outcomes to the corpus in the source tree
        #[arg(long)]
        keep: bool,
    },
    /// Run one input once
    Repro {
        /// Name of the target
        target: String,
        /// The input
        file: PathBuf,
    },
    /// Print the targets
    List,
}

fn main() -> Result<ExitCode> {
    match Cli::parse().command {
        Command::List => {
            for target in TARGETS {
                println!("{:<14} {}", target.name, target.about);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Repro { target, file } => {
            let target = find(&target)?;
            let input =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            println!("{}: {} bytes, outcome {:#x}", target.name, input.len(), (target.run)(&input));
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { targets, seconds, seed, keep } => {
            let chosen: Vec<&Target> = match targets.as_slice() {
                [] => TARGETS.iter().collect(),
                names => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
            };
            run(&chosen, &engine::Options { time: Duration::from_secs(seconds), seed, keep })
        }
    }
}

fn find(name: &str) -> Result<&'static Target> {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => Ok(target),
        None => bail!("no target {name}; `list` prints them"),
    }
}

fn run(targets: &[&'static Target], options: &engine::Options) -> Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for target in targets {
        let report = engine::fuzz(target, options)?;
        println!(
            "fuzz {:<14} ... {:<6} {:>10} executions, {:>8.0}/s, {:>4} outcomes",
            target.name,
            if report.crash.is_none() { "ok" } else { "FAILED" },
            report.executions,
            report.executions as f64 / report.seconds,
            report.outcomes,
        );
        match &report.crash {
            None => passed += 1,
            Some(crash) => {
                failed += 1;
                println!("    {}", crash.message);
                println!("    repeat: {}", corpus::repro_command(target.name, &crash.file));
            }
        }
    }
    println!("\n{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
