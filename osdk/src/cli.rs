// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The command line of `cargo osdk`.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::census::{self, CensusArgs};
use crate::check::{self, CheckArgs};
use crate::ci::{self, CiArgs};
use crate::console::RawTerminal;
use crate::debug::{self, DebugArgs};
use crate::kernel::{Build, Verbosity};
use crate::new::{self, NewArgs};
use crate::reproducible::{self, ReproducibleArgs};
use crate::run::{self, ProfileArg, RunArgs, STATUS_OSDK, STATUS_USAGE};
use crate::test::{self, TestArgs};
use crate::workspace::Workspace;

/// Builds, runs, tests, debugs and measures the Nacre kernel.
#[derive(Parser, Debug)]
#[command(name = "cargo osdk", bin_name = "cargo osdk", version, after_help = STATUSES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const STATUSES: &str = "Exit status of `run`: that of the program (128 + signal if a signal ended it), \
70 after a kernel stop, 124 when the time ran out, 125 when osdk or QEMU failed, 2 for wrong usage.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a kernel project of its own on the framework
    New(NewArgs),
    /// Build the kernel; print where it is
    Build(BuildArgs),
    /// Boot the kernel into a shell, or run one command
    ///
    /// Without --exec: an interactive busybox shell. Keys go to the guest, Ctrl-C too; `exit` powers off, and
    /// three times Ctrl-] within a second ends a guest that does not listen.
    #[command(after_help = STATUSES)]
    Run(RunArgs),
    /// Run the in-guest unit tests
    Test(TestArgs),
    /// Boot the kernel under gdb, stopped before its first instruction
    Debug(DebugArgs),
    /// Count code lines, unsafe blocks, panicking sites
    Census(CensusArgs),
    /// Check formatting, lints, crate arrows, unsafe roots, file sizes and docs
    Check(CheckArgs),
    /// Build the kernel from two clones and compare
    Reproducible(ReproducibleArgs),
    /// Run jobs of continuous integration and add up their counts
    Ci(CiArgs),
}

#[derive(Args, Debug)]
struct BuildArgs {
    /// Which build of the kernel
    #[arg(long, value_enum, default_value = "release")]
    profile: ProfileArg,
    /// Features of the root package
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    features: Vec<String>,
    /// Say nothing but errors and the path
    #[arg(long, short)]
    quiet: bool,
}

/// Entry of the program.
pub fn main() -> ExitCode {
    // `cargo osdk` through an installed cargo-osdk passes the subcommand's name first.
    let mut args: Vec<_> = std::env::args_os().collect();
    if args.get(1).is_some_and(|arg| arg == "osdk") {
        args.remove(1);
    }
    let cli = Cli::parse_from(args);
    match dispatch(&cli.command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            RawTerminal::restore();
            eprintln!("osdk: error: {error:#}");
            ExitCode::from(STATUS_OSDK)
        }
    }
}

fn dispatch(command: &Command) -> anyhow::Result<u8> {
    if let Command::New(args) = command {
        return new::run(args);
    }
    let workspace = Workspace::find()?;
    if !workspace.is_checkout()
        && let Some(why) = refusal(command)
    {
        eprintln!("osdk: error: {why}");
        return Ok(STATUS_USAGE);
    }
    match command {
        Command::Build(args) => {
            let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
            let build =
                Build { profile: args.profile.into(), features: args.features.clone(), verbosity };
            println!("{}", build.run(&workspace)?.display());
            Ok(0)
        }
        Command::Run(args) => run::run(&workspace, args),
        Command::Test(args) => test::run(&workspace, args),
        Command::Debug(args) => debug::run(&workspace, args),
        Command::Census(args) => census::run(&workspace, args),
        Command::Check(args) => check::run(&workspace, args),
        Command::Reproducible(args) => reproducible::run(&workspace, args),
        Command::Ci(args) => ci::run(&workspace, args),
        Command::New(args) => new::run(args),
    }
}

/// Why a command is no use in a kernel project other than Nacre, if it is not.
fn refusal(command: &Command) -> Option<&'static str> {
    match command {
        Command::Census(_) | Command::Check(_) | Command::Reproducible(_) | Command::Ci(_) => {
            Some("this is about the source of Nacre: run it in a checkout")
        }
        // A kernel that is given may be Nacre.
        Command::Run(RunArgs { exec: Some(_), kernel: None, .. })
        | Command::Debug(DebugArgs { exec: Some(_), .. }) => Some(NO_EXEC),
        _ => None,
    }
}

const NO_EXEC: &str = "--exec is for Nacre's init, and this kernel is another: change its programs \
(`programs` in Cargo.toml's [package.metadata.osdk]), or give it words with --append";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_issues_options_parse() {
        let line = "osdk run --smp 2 --mem 1G --append x=1 --quiet --timeout 3.5 --icount --accel tcg \
                    --trace-syscalls --exec CMD";
        assert!(Cli::try_parse_from(line.split_whitespace()).is_ok());
        assert!(Cli::try_parse_from(["osdk", "run", "--smp", "0"]).is_err());
        assert!(Cli::try_parse_from(["osdk", "census", "--json"]).is_ok());
    }

    #[test]
    fn a_project_refuses_what_is_for_nacre() {
        let is_refused = |line: &str| {
            let line = format!("osdk {line}");
            refusal(&Cli::try_parse_from(line.split(' ')).unwrap().command).is_some()
        };
        for line in ["check", "census", "ci", "reproducible", "run --exec ls", "debug --exec ls"] {
            assert!(is_refused(line), "{line}");
        }
        for line in ["run", "build", "test", "debug", "run --kernel nacre --exec ls"] {
            assert!(!is_refused(line), "{line}");
        }
    }
}
