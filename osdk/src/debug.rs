// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk debug`: the kernel under gdb, stopped before its first instruction.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use clap::Args;

use crate::kernel::{Build, PROJECT_PREFIX, SOURCE_PREFIX, Verbosity};
use crate::machine::find_in_path;
use crate::percent;
use crate::run::{MachineArgs, ProfileArg};
use crate::workspace::Workspace;

/// Options of `cargo osdk debug`.
#[derive(Args, Clone, Debug)]
pub struct DebugArgs {
    #[command(flatten)]
    machine: MachineArgs,
    /// Run this command with /bin/sh -c as the first program
    #[arg(long, value_name = "CMD")]
    pub(crate) exec: Option<String>,
    /// Which build of the kernel
    #[arg(long, value_enum, default_value = "dev")]
    profile: ProfileArg,
    /// A command for gdb to begin with; may be given several times
    #[arg(long = "ex", value_name = "GDB-COMMAND")]
    commands: Vec<String>,
    /// Leave gdb after the commands
    #[arg(long)]
    batch: bool,
}

/// Starts QEMU and gdb; returns gdb's exit status.
pub fn run(workspace: &Workspace, args: &DebugArgs) -> Result<u8> {
    let gdb = find_in_path("gdb").context("gdb is not in the path; run: tools/setup.sh gdb")?;
    let build =
        Build { profile: args.profile.into(), features: Vec::new(), verbosity: Verbosity::Normal };
    let kernel = build.run(workspace)?;
    let folder = tempfile::Builder::new().prefix("nacre-").tempdir()?;
    let mut machine = args.machine.machine(workspace, &kernel, folder.path())?;
    if let Some(command) = &args.exec {
        machine.append(&format!("nacre.exec={}", percent::encode(command.as_bytes())));
    }
    machine.append(&args.machine.append);
    let log = workspace.target_dir().join("osdk/debug-console.log");
    fs::create_dir_all(workspace.target_dir().join("osdk"))?;
    machine.console = format!("file,path={}", log.display());
    let gdb_socket = folder.path().join("gdb");
    machine.extra.push("-S".into());
    machine.extra.push("-gdb".into());
    machine.extra.push(format!("unix:{},server=on,wait=off", gdb_socket.display()).into());
    // The control channel goes to a file: no verdict is wanted here.
    let control = folder.path().join("control");
    let listener = std::os::unix::net::UnixListener::bind(&control)?;
    let mut qemu = machine.command(&control).stdin(Stdio::null()).spawn()?;
    let channel = listener.accept();
    eprintln!("osdk: the guest's console goes to {}", log.display());
    let status = Command::new(gdb)
        .arg("-q")
        .args(if args.batch { &["-batch"][..] } else { &[] })
        .arg("-ex")
        .arg(substitution(SOURCE_PREFIX, &Workspace::checkout()))
        .arg("-ex")
        .arg(substitution(PROJECT_PREFIX, workspace))
        .args(["-ex", "set confirm off"])
        .arg("-ex")
        .arg(format!("target remote {}", gdb_socket.display()))
        .args(args.commands.iter().flat_map(|command| ["-ex", command.as_str()]))
        .arg(&kernel)
        .status();
    let _ = qemu.kill();
    let _ = qemu.wait();
    drop(channel);
    Ok(status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// gdb's command that finds source files again.
fn substitution(prefix: &str, workspace: &Workspace) -> String {
    format!("set substitute-path {prefix} {}/", workspace.root().display())
}
