// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Boots a kernel with a disk that lies, once for each lie, and checks what comes of it.
//!
//! A lie about the protocol must end in `EIO`, one line in the log that names it, and a kernel that goes on. A lie about the
//! content (replay, swap, tear) cannot be seen below a layer that authenticates it: the reader gets what the disk says,
//! and the kernel goes on. That is shown as it is. In no case may the disk come to see what the guest did not write.
//!
//! The guest is a plain machine or a trust domain on the simulated host; Linux is there for comparison and is not judged.

#![forbid(unsafe_code)]

mod backend;
mod content;
mod guest;
mod verdict;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use osdk::cvm::Kind;

use backend::Lie;
use guest::{Guest, Kit};

/// Boots a kernel with a disk that lies, once for each lie.
#[derive(Parser)]
#[command(name = "evil-disk", version)]
struct Cli {
    /// What kind of machine the guest is
    #[arg(long, value_enum, default_value = "plain")]
    cvm: Kind,
    /// Whose kernel; Linux for comparison, without a verdict
    #[arg(long, value_enum, default_value = "nacre")]
    guest: Guest,
    /// Only these lies
    #[arg(long, value_enum, value_name = "LIE")]
    only: Vec<Lie>,
    /// Only the lies of the short set
    #[arg(long, conflicts_with = "only")]
    short: bool,
    /// Guests at the same time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Boot this kernel instead of building one
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Show what the guests printed
    #[arg(long, short)]
    verbose: bool,
}

/// One of a kind: content, length, number, and one too many.
const SHORT: [Lie; 4] = [Lie::Replay, Lie::OverReport, Lie::HighId, Lie::Twice];

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("evil-disk: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<usize> {
    let folder = tempfile::Builder::new().prefix("nacre-disk-").tempdir()?;
    let kit = Kit::prepare(cli.guest, cli.cvm, cli.kernel.clone(), folder.path())?;
    let lies = match &cli.only[..] {
        [] if cli.short => &SHORT[..],
        [] => Lie::value_variants(),
        only => only,
    };
    let queue = Mutex::new(lies.iter().copied().collect::<VecDeque<_>>());
    let failed = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..cli.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(lie) = next else { break };
                    let is_good = one(&kit, cli, lie);
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    *failed += usize::from(!is_good);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if cli.guest == Guest::Linux {
        println!("\nLinux is shown, not judged.");
    }
    println!("\n{} passed, {failed} failed", lies.len() - failed);
    Ok(failed)
}

/// Runs and judges one lie; prints what came of it.
fn one(kit: &Kit, cli: &Cli, lie: Lie) -> bool {
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    let name = word(lie.to_possible_value());
    let (verdict, shown) = match kit.run(lie) {
        Ok(seen) => {
            let verdict = verdict::judge(kit.guest(), lie, &seen);
            (verdict.map_err(|why| format!("{why} ({:?})", seen.ending)), seen.shown)
        }
        Err(error) => (Err(format!("the run itself failed: {error:#}")), String::new()),
    };
    let mut text = String::new();
    if cli.verbose || verdict.is_err() {
        text += &shown;
    }
    match &verdict {
        Ok(what) => text += &format!("disk {name} ... ok ({what})"),
        Err(why) => {
            let (cvm, guest) =
                (word(cli.cvm.to_possible_value()), word(cli.guest.to_possible_value()));
            text += &format!(
                "disk {name} ... FAILED: {why}\n    repeat with: cargo run -p evil-disk -- "
            );
            text += &format!("--cvm {cvm} --guest {guest} --verbose --only {name}");
        }
    }
    println!("{text}");
    verdict.is_ok()
}
