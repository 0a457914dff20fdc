// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk ci`: runs the jobs of continuous integration and adds up what they counted.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::check::REFERENCE;
use crate::workspace::{KERNEL_TARGET, Workspace};

/// Options of `cargo osdk ci`.
#[derive(Args, Clone, Debug)]
pub struct CiArgs {
    /// Which jobs; without any, all that have to pass before a change lands
    #[arg(value_enum)]
    jobs: Vec<Job>,
}

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// What must hold of the source
    Check,
    /// Unit tests on the build machine
    Host,
    /// The framework's unsafe code under Miri
    Miri,
    /// Models of the framework's lock-free parts: all interleavings, by loom
    Loom,
    /// Unit tests in the guest
    Guest,
    /// The regression programs
    Regression,
    /// Some regression programs on two CPUs, in the build that checks lock order, sleeping and overflow
    Checked,
    /// All of them in that build
    CheckedAll,
    /// Some regression programs in a TD on the simulated host
    Tdx,
    /// All of them in a TD, on one and on two CPUs
    TdxAll,
    /// Debian's Linux in a TD on the simulated host: its own drivers get report and quote
    TdxLinux,
    /// The short set of the hostile host's scenarios
    Hostile,
    /// All of the hostile host's scenarios
    HostileAll,
    /// The same attacks on stock Linux
    HostileLinux,
    /// A disk that lies, to a TD: a lie of each kind
    Disk,
    /// All its lies, to a TD and to a plain machine
    DiskAll,
    /// Kernels with a check broken, each of which a scenario must notice
    Mutants,
    /// CPUs that the host does not run, at every instruction of some parts of the kernel
    Stalls,
    /// Two clones build the same kernel
    Reproducible,
    /// Kernel projects made by `cargo osdk new`: one runs its program and passes its tests, one breaks the rules and
    /// is stopped
    New,
    /// The regression programs on Linux
    Oracle,
    /// Mutated bytes for the parsers of host input
    Fuzz,
    /// Random system calls
    FuzzSyscalls,
    /// The longest sections without preemption, of each operation of the latency suite on one CPU
    Latency,
    /// Some regression programs while allocations fail: the kernel never stops
    FailAlloc,
    /// All of them, at three rates with three seeds
    FailAllocAll,
}

/// The jobs that have to pass, in order.
const REQUIRED: [Job; 14] = [
    Job::Check,
    Job::Host,
    Job::Fuzz,
    Job::Guest,
    Job::New,
    Job::Regression,
    Job::Checked,
    Job::Latency,
    Job::FailAlloc,
    Job::Tdx,
    Job::Hostile,
    Job::Disk,
    Job::Reproducible,
    Job::Miri,
];

/// Seeds and rates of failing allocations.
const FAIL_ALLOC: [&str; 9] =
    ["1,50", "2,50", "3,50", "1,500", "2,500", "3,500", "1,5000", "2,5000", "3,5000"];

/// The short run with failing allocations.
const SOME_FAIL: [&str; 11] = [
    "test",
    "--smp",
    "2",
    "--fail-alloc",
    "1,50",
    "--only",
    "fs/",
    "--only",
    "mm/",
    "--only",
    "pipe/",
];

/// Seconds that one command of a job may take that every change runs, and of the wide ones.
const JOB_LIMIT_SECONDS: &str = "1200";
const WIDE_LIMIT_SECONDS: &str = "3600";

/// What a job came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Runs the jobs; returns the exit status.
pub fn run(workspace: &Workspace, args: &CiArgs) -> Result<u8> {
    let jobs = if args.jobs.is_empty() { &REQUIRED[..] } else { &args.jobs };
    let mut rows = Vec::new();
    let mut total = Count::default();
    for job in jobs {
        let name = job.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        println!("\n=== {name}");
        let begin = Instant::now();
        let count = run_job(workspace, *job)?;
        total.add(count);
        rows.push((name, count, begin.elapsed()));
    }
    println!("\n{:<14} {:>7} {:>7} {:>7} {:>8}", "job", "passed", "failed", "skipped", "seconds");
    for (name, count, took) in rows {
        print_row(&name, count, took);
    }
    println!("\n{}", closing_line(total));
    Ok(u8::from(total.failed > 0 || total.passed == 0))
}

fn print_row(name: &str, count: Count, took: Duration) {
    let Count { passed, failed, skipped } = count;
    println!("{name:<14} {passed:>7} {failed:>7} {skipped:>7} {:>8.1}", took.as_secs_f64());
}

fn closing_line(total: Count) -> String {
    let mut line = format!("{} passed, {} failed", total.passed, total.failed);
    if total.skipped > 0 {
        line += &format!(", {} skipped", total.skipped);
    }
    line
}

fn run_job(workspace: &Workspace, job: Job) -> Result<Count> {
    if job == Job::Miri && !has_miri() {
        println!("skipped: there is no nightly toolchain with miri and rust-src");
        return Ok(Count { skipped: 1, ..Count::default() });
    }
    let limit = if REQUIRED.contains(&job) { JOB_LIMIT_SECONDS } else { WIDE_LIMIT_SECONDS };
    let mut count = Count::default();
    for command in commands(workspace, job)? {
        count.add(run_command(&command, limit)?);
    }
    if job == Job::Check || count != Count::default() {
        return Ok(count);
    }
    println!("error: the job counted nothing");
    Ok(Count { failed: 1, ..count })
}

fn commands(workspace: &Workspace, job: Job) -> Result<Vec<Command>> {
    let osdk = |args: &[&str]| -> Result<Command> {
        let mut command = Command::new(own_program()?);
        command.args(args).current_dir(workspace.root());
        Ok(command)
    };
    let cargo = |args: &[&str]| {
        let mut command = workspace.cargo();
        command.args(args);
        command
    };
    let regression = |args: &[&str]| {
        cargo(&[&["run", "--quiet", "--package", "regression", "--"], args].concat())
    };
    let hostile =
        |args: &[&str]| cargo(&[&["run", "--quiet", "--package", "hostile", "--"], args].concat());
    let disk = |args: &[&str]| {
        cargo(&[&["run", "--quiet", "--package", "evil-disk", "--"], args].concat())
    };
    let fuzz = |seed| regression(&["fuzz", "--calls", "2000000", "--seed", seed, "--smp", "2"]);
    Ok(match job {
        Job::Check => vec![osdk(&["check"])?],
        Job::Host => {
            // Built beside the rest: its lock file is its own.
            let folder = workspace.target_dir().join("reference");
            let mut reference = cargo(&["test", "--quiet", "--manifest-path", REFERENCE]);
            reference.arg("--target-dir").arg(folder);
            vec![cargo(&["test", "--workspace", "--quiet", "--no-fail-fast"]), reference]
        }
        Job::Hostile => vec![hostile(&["--short"])],
        Job::HostileAll => vec![hostile(&[])],
        Job::HostileLinux => vec![hostile(&["--guest", "linux"])],
        Job::Disk => vec![disk(&["--cvm", "tdx", "--short"])],
        Job::DiskAll => vec![disk(&["--cvm", "tdx"]), disk(&[])],
        Job::Mutants => vec![hostile(&["mutants"])],
        Job::Stalls => vec![hostile(&["stalls"])],
        Job::Guest => vec![osdk(&["test"])?, osdk(&["test", "--smp", "2"])?],
        Job::Regression => {
            let on_two_cpus = [
                "test", "--smp", "2", "--only", "process/", "--only", "signal/", "--only", "mm/",
                "--only", "pipe/",
            ];
            vec![regression(&["test"]), regression(&on_two_cpus)]
        }
        Job::Latency => vec![regression(&["latency", "--kernel", "nacre", "--check"])],
        Job::FailAlloc => vec![regression(&SOME_FAIL)],
        Job::FailAllocAll => FAIL_ALLOC.map(|at| regression(&fail_alloc(at))).into(),
        Job::Checked => checked(workspace, &["--only", "mm/", "--only", "signal/"])?,
        Job::CheckedAll => checked(workspace, &[])?,
        Job::Tdx => {
            let some = ["--only", "attest/", "--only", "process/", "--only", "signal/"];
            vec![regression(&[&["test", "--cvm", "tdx", "--smp", "2"], &some[..]].concat())]
        }
        Job::TdxAll => vec![
            regression(&["test", "--cvm", "tdx"]),
            regression(&["test", "--cvm", "tdx", "--smp", "2"]),
        ],
        Job::TdxLinux => {
            let kernel = ["test", "--kernel", "linux", "--cvm", "tdx", "--mem", "512"];
            vec![regression(&[&kernel[..], &["--only", "attest/"]].concat())]
        }
        Job::Oracle => vec![regression(&["test", "--kernel", "linux"])],
        Job::Fuzz => {
            vec![cargo(&["run", "--quiet", "--package", "fuzz", "--", "run", "--seconds", "3"])]
        }
        Job::FuzzSyscalls => vec![fuzz("1"), fuzz("2"), fuzz("3")],
        Job::Reproducible => vec![osdk(&["reproducible"])?],
        Job::New => {
            let test =
                ["test", "--quiet", "--package", "osdk", "--test", "new", "--test", "misuse"];
            vec![cargo(&[&test[..], &["--", "--ignored"]].concat())]
        }
        Job::Miri => vec![miri(workspace)],
        Job::Loom => {
            let mut models = cargo(&["test", "--quiet", "--package", "nacre-framework", "--lib"]);
            models.arg("loom").env("RUSTFLAGS", "--cfg loom");
            models.env("CARGO_TARGET_DIR", workspace.target_dir().join("loom"));
            vec![models]
        }
    })
}

/// Builds the kernel with its checks, and runs these suites of regression programs on it.
fn checked(workspace: &Workspace, suites: &[&str]) -> Result<Vec<Command>> {
    let mut build = Command::new(own_program()?);
    build.args(["build", "--profile", "dev"]).current_dir(workspace.root());
    let mut test = workspace.cargo();
    test.args(["run", "--quiet", "--package", "regression", "--", "test", "--smp", "2"]);
    test.arg("--kernel-file").arg(workspace.target_dir().join(KERNEL_TARGET).join("debug/nacre"));
    test.args(suites);
    Ok(vec![build, test])
}

/// The run at a seed and a rate.
fn fail_alloc(at: &str) -> [&str; 5] {
    ["test", "--smp", "2", "--fail-alloc", at]
}

/// Where this program lies. The job of the host tests may have put a new build in its
/// place, and then Linux marks the path.
fn own_program() -> Result<PathBuf> {
    let path = env::current_exe()?;
    let name = path.to_string_lossy();
    Ok(name.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// A command of the nightly toolchain, without what Cargo of the pinned one has set.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(args);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}

fn has_miri() -> bool {
    let quiet = |mut command: Command| {
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    quiet(nightly(&["cargo", "miri", "--version"])) && quiet(nightly(&["cargo", "miri", "setup"]))
}

fn miri(workspace: &Workspace) -> Command {
    // The modules with unsafe code that can run off the machine.
    let modules = ["mm::", "sync::", "host::", "task::", "user::"];
    let test = ["cargo", "miri", "test", "--quiet", "--package", "nacre-framework", "--lib", "--"];
    let mut command = nightly(&[&test[..], &modules].concat());
    command.current_dir(workspace.root());
    // Miri has no weak memory for atomics that change their size when their memory is used anew.
    let flags = "-Zmiri-disable-isolation -Zmiri-permissive-provenance \
                 -Zmiri-disable-weak-memory-emulation";
    command.env("MIRIFLAGS", flags);
    command.env("CARGO_TARGET_DIR", workspace.target_dir().join("miri"));
    command
}

/// The same command, ended after `seconds`.
fn limited(command: &Command, seconds: &str) -> Command {
    let mut limited = Command::new("timeout");
    limited.args(["--kill-after=10", seconds]).arg(command.get_program());
    limited.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

/// Runs a command, shows what it prints, and adds up its closing lines.
fn run_command(command: &Command, limit: &str) -> Result<Count> {
    let mut child = limited(command, limit)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            std::io::stdout().lock().write_all(&line)?;
            if let Some(found) = parse_line(String::from_utf8_lossy(&line).trim()) {
                count.add(found);
            }
            line.clear();
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        println!("error: the command ended with {status}");
        count.failed = 1;
    }
    Ok(count)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …` and `3 passed, 0 failed, 1 skipped`.
fn parse_line(line: &str) -> Option<Count> {
    let (list, separator) = match line.strip_prefix("test result: ") {
        Some(rest) => (rest.split_once(". ")?.1, ';'),
        None => (line, ','),
    };
    let mut numbers = list.split(separator).map(|part| part.trim().split_once(' '));
    let mut next = |wanted: &[&str]| {
        let (number, word) = numbers.next()??;
        if !wanted.contains(&word) {
            return None;
        }
        number.parse::<u64>().ok()
    };
    let passed = next(&["passed"])?;
    let failed = next(&["failed"])?;
    let skipped = next(&["skipped", "ignored"]).unwrap_or(0);
    Some(Count { passed, failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let count = |passed, failed, skipped| Some(Count { passed, failed, skipped });
        let cargo = "test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; \
                     finished in 0.01s";
        assert_eq!(parse_line(cargo), count(12, 1, 2));
        let guest = "test result: ok. 5 passed; 0 failed; finished in 1.00s";
        assert_eq!(parse_line(guest), count(5, 0, 0));
        assert_eq!(parse_line("3 passed, 0 failed"), count(3, 0, 0));
        assert_eq!(parse_line("3 passed, 0 failed, 4 skipped"), count(3, 0, 4));
        for line in ["3 passed", "x passed, 0 failed", "test result: ok.", "", "1 failed, 2 passed"]
        {
            assert_eq!(parse_line(line), None);
        }
    }

    #[test]
    fn the_closing_line_says_what_was_skipped() {
        let mut total = Count { passed: 3, failed: 0, skipped: 0 };
        assert_eq!(closing_line(total), "3 passed, 0 failed");
        total.skipped = 1;
        assert_eq!(closing_line(total), "3 passed, 0 failed, 1 skipped");
    }
}
