// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs the regression programs on Nacre and on Linux and compares.
//!
//! `test` runs the suites, `fuzz` the system-call fuzzer, `bench` the microbenchmarks and `list` names the tests. Verdicts
//! come over a channel of their own (see [`protocol`]); the last line of `test` is `N passed, N failed`.

mod cpio;
mod kernel;
mod programs;
mod protocol;
mod qemu;
mod report;
mod session;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use kernel::{Kernel, Kind};
use programs::Programs;
use report::Outcome;
use session::{Context, Work};

/// Runs the regression programs on Nacre or on Linux, in QEMU.
#[derive(Parser)]
#[command(name = "regression", version)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the suites and give each test a verdict.
    Test(TestArgs),
    /// Print the names of all tests.
    List,
}

#[derive(Args, Clone)]
struct GuestArgs {
    /// Whose kernel to run.
    #[arg(long, value_enum, default_value = "nacre")]
    kernel: Kind,
    /// The kernel's file, instead of the built or unpacked one.
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// CPUs per guest.
    #[arg(long, default_value_t = 1)]
    smp: u32,
    /// Memory per guest in MiB.
    #[arg(long, default_value_t = 512)]
    mem: u32,
}

#[derive(Args)]
struct TestArgs {
    #[command(flatten)]
    guest: GuestArgs,
    /// Guests at the same time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Run only tests whose `suite/test` contains this; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Leave out tests whose `suite/test` contains this; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    skip: Vec<String>,
    /// Write the verdicts as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Seconds of silence after which a guest counts as hung.
    #[arg(long, default_value_t = 100)]
    patience: u64,
    /// Print tests that passed, too.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = find_root().and_then(|root| match cli.command {
        Task::Test(args) => test(&root, &args),
        Task::List => list(&root),
    });
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("regression: {message}");
            ExitCode::from(2)
        }
    }
}

/// The checkout: the folder above the current one that has the test header.
fn find_root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|e| format!("current directory: {e}"))?;
    here.ancestors()
        .find(|dir| dir.join("regression/include/test.h").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| "run this inside the checkout".to_owned())
}

fn logs(root: &Path) -> Result<PathBuf, String> {
    let logs = root.join("target/regression/logs");
    std::fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
    Ok(logs)
}

fn list(root: &Path) -> Result<ExitCode, String> {
    for suite in Programs::build(root)?.suites {
        for test in suite.tests {
            println!("{}/{test}", suite.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(root: &Path, args: &TestArgs) -> Result<ExitCode, String> {
    let programs = Programs::build(root)?;
    let kernel = Kernel::get(args.guest.kernel, args.guest.kernel_file.clone(), root)?;
    let context = Context {
        kernel: &kernel,
        programs: &programs,
        smp: args.guest.smp,
        mem_mib: args.guest.mem,
        logs: logs(root)?,
        patience: Duration::from_secs(args.patience),
    };
    let shards = share_out(select(&programs, args), args.jobs.max(1));
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let context = &context;
        let running: Vec<_> = shards
            .into_iter()
            .enumerate()
            .map(|(number, queue)| scope.spawn(move || context.run(number, queue)))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    report::print_plain(kernel.kind, &outcomes, args.verbose);
    if let Some(file) = &args.junit {
        let xml = report::junit(kernel.kind, &outcomes);
        std::fs::write(file, xml).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let totals = report::totals(&outcomes);
    Ok(ExitCode::from(u8::from(totals.failed > 0 || totals.passed == 0)))
}

fn select<'a>(programs: &'a Programs, args: &TestArgs) -> Vec<Work<'a>> {
    let wanted = |name: &str| {
        (args.only.is_empty() || args.only.iter().any(|text| name.contains(text.as_str())))
            && !args.skip.iter().any(|text| name.contains(text.as_str()))
    };
    let suites = programs.suites.iter();
    let work = suites.map(|suite| {
        let tests = suite.tests.iter().filter(|test| wanted(&format!("{}/{test}", suite.name)));
        Work { suite, tests: tests.cloned().collect() }
    });
    work.filter(|work| !work.tests.is_empty()).collect()
}

/// Deals suites out to `jobs` queues, the largest first to the shortest queue.
fn share_out(mut work: Vec<Work<'_>>, jobs: usize) -> Vec<Vec<Work<'_>>> {
    work.sort_by_key(|work| std::cmp::Reverse(work.tests.len()));
    let mut shards: Vec<Vec<Work<'_>>> = (0..jobs).map(|_| Vec::new()).collect();
    for item in work {
        let load = |queue: &Vec<Work<'_>>| queue.iter().map(|w| w.tests.len()).sum::<usize>();
        if let Some(shortest) = shards.iter_mut().min_by_key(|queue| load(queue)) {
            shortest.push(item);
        }
    }
    shards.retain(|queue| !queue.is_empty());
    shards
}
