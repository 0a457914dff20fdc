// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs the regression programs on Nacre and on Linux and compares.
//!
//! `test` runs the suites, `fuzz` the system-call fuzzer, `differential` compares the kernels call by call, `bench` the microbenchmarks, `latency` finds long sections, `hogs` takes all memory of machines of
//! several sizes and `list` names the tests. Verdicts
//! come over a channel of their own (see [`protocol`]); the last line of `test` is `N passed, N failed`.

#![forbid(unsafe_code)]

mod bench;
mod boot;
mod differential;
mod disk;
mod hogs;
mod kernel;
mod latency;
mod programs;
mod protocol;
mod qemu;
mod report;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use osdk::workspace::Workspace;

use kernel::{Kernel, Kind};
use programs::{Programs, Suite};
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
    /// Make random system calls and see that the machine lives.
    Fuzz(FuzzArgs),
    /// Make the same random system calls on Nacre and on Linux and compare what they give.
    Differential(differential::DifferentialArgs),
    /// Count instructions of common operations on Nacre and on Linux.
    Bench(BenchArgs),
    /// Find the longest times for which the kernel keeps a CPU to itself.
    Latency(latency::LatencyArgs),
    /// Take all there is of something on machines of several sizes; print a table.
    Hogs(hogs::HogsArgs),
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
    /// Run as an ordinary VM, or as a TD under a simulated TDX module and host.
    #[arg(long, value_enum, default_value = "plain")]
    cvm: osdk::cvm::Kind,
    /// CPUs per guest.
    #[arg(long, default_value_t = 1)]
    smp: u32,
    /// Memory per guest in MiB.
    #[arg(long, default_value_t = 256)]
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
    /// Let allocations fail, one in RATE; a test may fail then, but the kernel must not stop.
    #[arg(long, value_name = "SEED,RATE")]
    fail_alloc: Option<String>,
    /// Print tests that passed, too.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Args)]
struct FuzzArgs {
    #[command(flatten)]
    guest: GuestArgs,
    /// How many calls to make.
    #[arg(long, default_value_t = 2_000_000)]
    calls: u64,
    /// What the calls follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Processes that make calls.
    #[arg(long, default_value_t = 4)]
    workers: u32,
}

#[derive(Args)]
struct BenchArgs {
    /// Measure only this kernel.
    #[arg(long, value_enum)]
    kernel: Option<Kind>,
    /// Nacre's kernel file, instead of the built one.
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Fail if Nacre is over one of its limits.
    #[arg(long)]
    check: bool,
    /// Measure a disk instead, on a plain machine and in a TD.
    #[arg(long, conflicts_with_all = ["kernel", "json", "check"])]
    disk: bool,
    /// With --disk: how often throughput is measured.
    #[arg(long, default_value_t = 7, requires = "disk")]
    runs: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Workspace::find().and_then(|workspace| match cli.command {
        Task::Test(args) => test(&workspace, &args),
        Task::Fuzz(args) => fuzz(&workspace, &args),
        Task::Differential(args) => differential::run(&workspace, &args, logs(&workspace)?),
        Task::Bench(args) => bench(&workspace, &args),
        Task::Latency(args) => latency::run(&workspace, &args, &logs(&workspace)?)
            .map(|over| ExitCode::from(u8::from(over > 0))),
        Task::Hogs(args) => hogs::run(&workspace, &args, logs(&workspace)?)
            .map(|failed| ExitCode::from(u8::from(failed > 0))),
        Task::List => list(&workspace),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("regression: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn logs(workspace: &Workspace) -> Result<PathBuf> {
    let logs = workspace.target_dir().join("regression/logs");
    std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    Ok(logs)
}

fn list(workspace: &Workspace) -> Result<ExitCode> {
    for suite in Programs::build(workspace)?.suites {
        for test in suite.tests {
            println!("{}/{test}", suite.name);
        }
    }
    for name in boot::names() {
        println!("boot/{name}");
    }
    Ok(ExitCode::SUCCESS)
}

fn test(workspace: &Workspace, args: &TestArgs) -> Result<ExitCode> {
    let programs = Programs::build(workspace)?;
    let features = args.fail_alloc.iter().map(|_| "fail-alloc".to_owned()).collect();
    let file = args.guest.kernel_file.clone();
    let kernel = Kernel::with_features(args.guest.kernel, file, features, workspace)?
        .under(args.guest.cvm, workspace)?;
    let append = args.fail_alloc.iter().map(|at| format!("nacre.fail_alloc={at}")).collect();
    let append: String = append;
    let context = Context {
        kernel: &kernel,
        programs: &programs,
        smp: args.guest.smp,
        mem_mib: args.guest.mem,
        logs: logs(workspace)?,
        patience: Duration::from_secs(args.patience),
        append: &append,
    };
    let shards = share_out(select(&programs, args), args.jobs.max(1));
    let mut outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let context = &context;
        let running: Vec<_> = shards
            .into_iter()
            .enumerate()
            .map(|(number, queue)| scope.spawn(move || context.run(number, queue)))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    if args.fail_alloc.is_some() {
        outcomes.iter_mut().for_each(Outcome::excuse_failure);
    } else {
        outcomes.extend(boot::run(&kernel, &programs, &context.logs, &boots(args)));
    }
    report::print_plain(kernel.kind, &outcomes, args.verbose);
    if let Some(file) = &args.junit {
        let xml = report::junit(kernel.kind, &outcomes);
        std::fs::write(file, xml).with_context(|| file.display().to_string())?;
    }
    let totals = report::totals(&outcomes);
    Ok(ExitCode::from(u8::from(totals.failed > 0 || totals.passed == 0)))
}

/// Runs the fuzzer in one guest, and then a command that shows that the shell still works.
fn fuzz(workspace: &Workspace, args: &FuzzArgs) -> Result<ExitCode> {
    let programs = Programs::build(workspace)?;
    let kernel = Kernel::get(args.guest.kernel, args.guest.kernel_file.clone(), workspace)?
        .under(args.guest.cvm, workspace)?;
    let context = Context {
        kernel: &kernel,
        programs: &programs,
        smp: args.guest.smp,
        mem_mib: args.guest.mem,
        logs: logs(workspace)?,
        patience: Duration::from_secs(120),
        // Shown, so that the console's log tells what the kernel complained of.
        append: "loglevel=5",
    };
    let (seed, calls, workers) = (args.seed, args.calls, args.workers);
    let words =
        ["/tests/fuzz".to_owned(), seed.to_string(), calls.to_string(), workers.to_string()];
    let suites = [
        Suite::of_one_test("fuzz", &words, "survives"),
        Suite::of_one_test("after", &["/bin/sh", "-c", AFTER].map(str::to_owned), "shell_works"),
    ];
    let queue = suites.iter().map(|suite| Work { suite, tests: suite.tests.clone() }).collect();
    let outcomes = context.run(0, queue);
    report::print_outcomes(&outcomes);
    let totals = report::totals(&outcomes);
    if totals.failed > 0 {
        let kernel = kernel.kind.name();
        println!(
            "repeat with: cargo run -p regression -- fuzz --kernel {kernel} --calls {calls} --seed {seed} \
             --smp {} --workers {workers}",
            args.guest.smp
        );
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    Ok(ExitCode::from(u8::from(totals.failed > 0)))
}

fn bench(workspace: &Workspace, args: &BenchArgs) -> Result<ExitCode> {
    if args.disk {
        let kernel = Kernel::get(Kind::Nacre, args.kernel_file.clone(), workspace)?;
        print!("{}", disk::run(workspace, kernel.image, args.runs)?);
        return Ok(ExitCode::SUCCESS);
    }
    let programs = Programs::build(workspace)?;
    let measure = |kind: Kind, file: Option<PathBuf>| {
        if args.kernel.is_some_and(|only| only != kind) {
            return Ok(bench::Counts::new());
        }
        bench::run(&Kernel::get(kind, file, workspace)?, &programs, &logs(workspace)?)
    };
    let nacre = measure(Kind::Nacre, args.kernel_file.clone())?;
    let linux = measure(Kind::Linux, None)?;
    let text = if args.json { bench::json(&nacre, &linux) } else { bench::table(&nacre, &linux) };
    print!("{text}");
    let over = if args.check { bench::over_limit(&nacre) } else { vec![] };
    for line in &over {
        eprintln!("over its limit: {line}");
    }
    Ok(ExitCode::from(u8::from(!over.is_empty())))
}

/// Shell commands after the fuzzer's work: processes, pipes and files.
const AFTER: &str = "echo begin after >&100; echo start shell_works >&100; mkdir -p /tmp/after && cd /tmp/after && \
    seq 1 1000 | sort -rn | head -n 1 >f && [ $(cat f) = 1000 ] && ls -l / >l && grep -q tests l && \
    [ $(echo $((6*7)) | tr 4 5) = 52 ] && echo ok shell_works >&100; echo end after >&100";

/// Whether a `suite/test` is asked for.
fn wanted(args: &TestArgs, name: &str) -> bool {
    (args.only.is_empty() || args.only.iter().any(|text| name.contains(text.as_str())))
        && !args.skip.iter().any(|text| name.contains(text.as_str()))
}

/// The boot scenarios that are asked for; none on Linux.
fn boots(args: &TestArgs) -> Vec<String> {
    let names = boot::names().filter(|name| wanted(args, &format!("boot/{name}")));
    names.filter(|_| args.guest.kernel == Kind::Nacre).map(str::to_owned).collect()
}

fn select<'a>(programs: &'a Programs, args: &TestArgs) -> Vec<Work<'a>> {
    let wanted = |name: &str| wanted(args, name);
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
