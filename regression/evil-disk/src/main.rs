// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Boots the kernel with a disk that lies, once for each lie, and checks what comes of it.
//!
//! A lie about the protocol must end in `EIO`, a line in the log that names it, and a kernel that goes on. A lie about the
//! content (replay, swap, tear) cannot be seen below a layer that authenticates it: the reader gets what the disk says,
//! and the kernel goes on. That is shown as it is.

#![forbid(unsafe_code)]

mod backend;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Parser, ValueEnum};
use osdk::guest::{Console, Ending, Guest};
use osdk::kernel::{Build, Profile, Verbosity};
use osdk::machine::Machine;
use osdk::workspace::Workspace;
use osdk::{initramfs, percent};
use vhost::vhost_user::Listener;
use vhost_user_backend::VhostUserDaemon;
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

use backend::{EvilDisk, Lie};

/// Boots the kernel with a disk that lies, once for each lie.
#[derive(Parser)]
struct Cli {
    /// Only these lies
    #[arg(long, value_enum, value_name = "LIE")]
    only: Vec<Lie>,
    /// Boot this kernel instead of building one
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Show what the guest printed
    #[arg(long, short)]
    verbose: bool,
}

/// What the guest does: it reads, writes, reads again behind it, and says what came.
const SCRIPT: &str = "dd if=/dev/vda of=/tmp/a bs=4k count=4 2>/dev/null; echo first $?
echo changed | dd of=/dev/vda bs=512 conv=notrunc,sync 2>/dev/null; echo write $?
dd if=/dev/vda of=/tmp/b bs=4k count=4 2>/dev/null; echo second $?
head -c 7 /tmp/b; echo
dmesg | grep 'the host lies'
dd if=/dev/vda of=/dev/null bs=512 count=1 2>/dev/null; echo third $?
echo alive";

/// Honest requests before the lies: the partition table and the first read.
const HONEST: u32 = 5;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("evil-disk: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> Result<usize> {
    let kernel = match &cli.kernel {
        Some(kernel) => kernel.clone(),
        None => {
            let build = Build {
                profile: Profile::Release,
                features: Vec::new(),
                verbosity: Verbosity::Quiet,
            };
            build.run(&Workspace::find()?)?
        }
    };
    let lies = if cli.only.is_empty() { Lie::value_variants() } else { &cli.only };
    let mut failed = 0;
    for lie in lies {
        let name = lie.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned());
        let (shown, ending) = boot(&kernel, *lie)?;
        let verdict = judge(*lie, &shown, &ending);
        if cli.verbose || verdict.is_err() {
            print!("{shown}");
        }
        match verdict {
            Ok(what) => println!("disk {name} ... ok ({what})"),
            Err(why) => {
                failed += 1;
                println!("disk {name} ... FAILED: {why} ({ending:?})");
                println!("    repeat with: cargo run -p evil-disk -- --verbose --only {name}");
            }
        }
    }
    println!("\n{} passed, {failed} failed", lies.len() - failed);
    Ok(failed)
}

/// Boots once; gives the console's text and the ending.
fn boot(kernel: &Path, lie: Lie) -> Result<(String, Ending)> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("disk");
    let mut listener = Listener::new(&socket, true).context("no socket for the disk")?;
    let disk = Arc::new(RwLock::new(EvilDisk::new(lie, HONEST)));
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    let mut daemon = VhostUserDaemon::new("evil".into(), disk, memory)
        .map_err(|error| anyhow!("the disk does not start: {error}"))?;
    std::thread::spawn(move || {
        // QEMU connects again when it did not like an answer.
        while daemon.start(&mut listener).is_ok() {
            let _ = daemon.wait();
        }
    });

    let (file, console) = (folder.path().join("initramfs"), folder.path().join("console"));
    std::fs::write(&file, initramfs::base()?.finish()?)?;
    let mut machine = Machine::new(kernel)?;
    machine.initramfs = Some(file);
    machine.console = format!("file,path={}", console.display());
    machine.mem = "128M".to_owned();
    machine
        .append(&format!("nacre.io_timeout=3 nacre.exec={}", percent::encode(SCRIPT.as_bytes())));
    let backend = format!("socket,id=evil,path={}", socket.display());
    machine.extra = [
        "-object",
        "memory-backend-memfd,id=shared,size=128M,share=on",
        "-machine",
        "memory-backend=shared",
        "-chardev",
        &backend,
        "-device",
        "vhost-user-blk-pci,chardev=evil,num-queues=1,disable-legacy=on",
    ]
    .map(Into::into)
    .to_vec();
    let guest = Guest::start(&machine, Console::Elsewhere)?;
    let ending = guest.wait(Some(Duration::from_secs(25)), |_| {})?;
    Ok((std::fs::read_to_string(console).unwrap_or_default(), ending))
}

/// Is it what must come of `lie`?
fn judge(lie: Lie, shown: &str, ending: &Ending) -> Result<&'static str, &'static str> {
    let has = |text: &str| shown.lines().any(|line| line.trim() == text);
    if !has("alive") || *ending != Ending::Exit(0) {
        return Err("the kernel did not go on");
    }
    if !has("first 0") {
        return Err("the honest part failed");
    }
    let is_named = shown.contains("the host lies");
    match lie {
        Lie::None if has("second 0") && has("changed") && !is_named => Ok("reads and writes"),
        Lie::None => Err("an honest disk does not work"),
        Lie::Replay | Lie::Swap | Lie::Tear => {
            let goes_on = has("write 0") && has("second 0") && has("third 0") && !is_named;
            if goes_on {
                Ok("content is the disk's word: only a layer that authenticates it can tell")
            } else {
                Err("content alone is no lie that can be seen here")
            }
        }
        _ if !is_named => Err("no line in the log names the lie"),
        _ if has("third 0") => Err("the disk is still in use"),
        _ => Ok("shut off, EIO, the kernel goes on"),
    }
}
