// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk run`: boots the kernel with a shell or a command, and ends as the program ended.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::accel::Accel;
use crate::console::Newlines;
use crate::control::Event;
use crate::cvm::CvmArgs;
use crate::guest::{Console, Ending, Guest, StopReport};
use crate::initramfs::{self, Addition};
use crate::kernel::{Build, Profile, Verbosity};
use crate::machine::{Clock, ConsolePort, Machine};
use crate::percent;
use crate::symbols::Symbols;
use crate::workspace::Workspace;

/// Exit status after a kernel stop.
pub const STATUS_STOP: u8 = 70;
/// Exit status after the time ran out.
pub const STATUS_TIMEOUT: u8 = 124;
/// Exit status for wrong usage.
pub const STATUS_USAGE: u8 = 2;
/// Exit status when osdk itself failed.
pub const STATUS_OSDK: u8 = 125;

/// Which build of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// Optimised; what is shipped.
    Release,
    /// With debug assertions and lock-order checks.
    Dev,
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Release => Self::Release,
            ProfileArg::Dev => Self::Dev,
        }
    }
}

/// The machine's part of the options, shared by run, test and debug.
#[derive(Args, Clone, Debug)]
pub struct MachineArgs {
    /// Number of CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub smp: u32,
    /// Memory of the guest, in QEMU's notation
    #[arg(long, value_name = "SIZE", default_value = "512M")]
    pub mem: String,
    /// Boot with this initramfs (cpio, plain or gzip) instead of the packed busybox
    #[arg(long, value_name = "FILE")]
    pub initramfs: Option<PathBuf>,
    /// Add a file or folder of the host to the packed initramfs; may be given several times
    #[arg(long = "add", value_name = "HOST[:GUEST]", conflicts_with = "initramfs")]
    pub additions: Vec<Addition>,
    /// Add the interpreter and the libraries of added dynamic programs too
    #[arg(long, requires = "additions")]
    pub add_libs: bool,
    /// Attach this raw image as a virtio disk (/dev/vda, …); may be given several times
    #[arg(long = "disk", value_name = "FILE")]
    pub disks: Vec<PathBuf>,
    /// Where the console is
    #[arg(long, value_enum, value_name = "PORT")]
    pub console: Option<ConsolePort>,
    /// Words to add to the kernel command line
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    pub append: String,
    /// Seconds after which the guest is ended (exit status 124)
    #[arg(long, value_name = "SECS")]
    pub timeout: Option<f64>,
    /// Count guest instructions instead of time: one clock tick each, bit-exact from run to run
    #[arg(long)]
    pub icount: bool,
    /// How guest code runs; the default is KVM where it truly works, else TCG
    #[arg(long, value_enum)]
    pub accel: Option<Accel>,
    /// Further arguments for QEMU, split at spaces
    #[arg(long, value_name = "ARGS", default_value = "", allow_hyphen_values = true)]
    pub qemu_args: String,
    /// What a confidential VM wants
    #[command(flatten)]
    pub cvm: CvmArgs,
}

impl MachineArgs {
    /// The machine for `kernel`; what it needs as files goes into `folder`.
    pub fn machine(&self, workspace: &Workspace, kernel: &Path, folder: &Path) -> Result<Machine> {
        let mut machine = Machine::new(kernel)?;
        let accel = if self.icount { Some(Accel::Tcg) } else { self.accel };
        machine.accel = Accel::choose(accel, &machine.qemu)?;
        machine.clock = if self.icount { Clock::InstructionCount } else { Clock::Host };
        machine.smp = self.smp;
        machine.mem.clone_from(&self.mem);
        for disk in &self.disks {
            ensure!(disk.is_file(), "there is no disk image {}", disk.display());
        }
        machine.disks.clone_from(&self.disks);
        machine.extra = self.qemu_args.split_whitespace().map(Into::into).collect();
        self.cvm.apply(&mut machine)?;
        if let Some(port) = self.console {
            machine.use_console(port);
        }
        machine.initramfs = Some(match &self.initramfs {
            Some(file) => {
                ensure!(file.is_file(), "there is no initramfs {}", file.display());
                file.clone()
            }
            None => {
                let file = folder.join("initramfs.cpio");
                let mut archive = initramfs::of(workspace)?;
                for addition in &self.additions {
                    initramfs::add(&mut archive, addition)?;
                }
                initramfs::add_libraries(&mut archive, &self.additions, self.add_libs)?;
                fs::write(&file, archive.finish()?).context("cannot write the initramfs")?;
                file
            }
        });
        Ok(machine)
    }

    /// The time limit.
    pub fn timeout(&self) -> Result<Option<Duration>> {
        self.timeout
            .map(|secs| Duration::try_from_secs_f64(secs).context("--timeout is no span of time"))
            .transpose()
    }
}

/// Options of `cargo osdk run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    machine: MachineArgs,
    /// Run this command with /bin/sh -c as the first program, instead of a shell
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Leave exactly the program's output on stdout
    #[arg(long, short)]
    quiet: bool,
    /// Print system calls on stderr, in the form of strace
    #[arg(long)]
    trace_syscalls: bool,
    /// Which build of the kernel
    #[arg(long, value_enum, default_value = "release")]
    profile: ProfileArg,
    /// Run this kernel file instead of building one
    #[arg(long, value_name = "FILE")]
    pub(crate) kernel: Option<PathBuf>,
}

/// Runs; returns the exit status.
pub fn run(workspace: &Workspace, args: &RunArgs) -> Result<u8> {
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    let kernel = match &args.kernel {
        Some(kernel) => kernel.clone(),
        None => Build { profile: args.profile.into(), features: Vec::new(), verbosity }
            .run(workspace)?,
    };
    let folder = tempfile::Builder::new().prefix("nacre-").tempdir()?;
    let mut machine = args.machine.machine(workspace, &kernel, folder.path())?;
    if args.quiet {
        machine.append("quiet");
    }
    if args.trace_syscalls {
        machine.append("nacre.trace=1");
    }
    match &args.exec {
        Some(command) => {
            machine.append(&format!("nacre.exec={}", percent::encode(command.as_bytes())));
        }
        None => {
            machine.append(&terminal_words());
        }
    }
    machine.append(&args.machine.append);
    let newlines = if args.quiet || !is_terminal() { Newlines::Plain } else { Newlines::Raw };
    let guest = Guest::start(&machine, Console::Attached(newlines))?;
    let ending = guest.wait(args.machine.timeout()?, |event| {
        if let Event::Trace(line) = event {
            eprint!("{line}\r\n");
        }
    })?;
    Ok(report(&ending, &kernel))
}

fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Kind and size of the host's terminal, for the environment of the guest's shell.
fn terminal_words() -> String {
    let mut words = Vec::new();
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_row > 0
        && size.ws_col > 0
    {
        words.push(format!("LINES={} COLUMNS={}", size.ws_row, size.ws_col));
        let term = std::env::var("TERM").unwrap_or_default();
        let is_word = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
        if !term.is_empty() && term.chars().all(is_word) {
            words.push(format!("TERM={term}"));
        }
    }
    words.join(" ")
}

/// Says on stderr what is worth saying about an ending; returns the exit status for it.
pub fn report(ending: &Ending, kernel: &Path) -> u8 {
    match ending {
        Ending::Exit(status) => *status,
        Ending::PowerOff => 0,
        Ending::Stop(stop) => {
            eprint!("{}", stop_text(stop, kernel));
            STATUS_STOP
        }
        Ending::TripleFault => {
            eprintln!("osdk: the guest ended without a word: a triple fault of the kernel");
            STATUS_STOP
        }
        Ending::TimedOut => {
            eprintln!("osdk: the time is up; the guest was ended");
            STATUS_TIMEOUT
        }
        Ending::Interrupted(signal) => 128u8.saturating_add(u8::try_from(*signal).unwrap_or(0)),
        Ending::QemuFailed(text) => {
            eprintln!("osdk: QEMU failed:\n{}", text.trim_end());
            STATUS_OSDK
        }
    }
}

/// A stop with its backtrace.
pub fn stop_text(stop: &StopReport, kernel: &Path) -> String {
    let mut text = format!("kernel stop: {}\n", stop.message);
    if stop.frames.is_empty() {
        return text;
    }
    text += "backtrace:\n";
    match Symbols::load(kernel) {
        Ok(symbols) => text += &symbols.backtrace(&stop.frames),
        Err(error) => {
            text += &format!("  ({error:#})\n");
            for frame in &stop.frames {
                text += &format!("  {:#018x}\n", frame.address);
            }
        }
    }
    text
}
