// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Process 1: which program it is, its arguments, environment and descriptors.

use crate::{forced_stop, root};
use abi::fcntl::OpenFlags;
use abi::process::{Ending, WaitStatus};
use abi::{Result, error};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use cred::Cred;
use framework::cmdline::{self, CommandLine};
use framework::fatal;
use task::Process;
use task::exec::Strings;
use vfs::{CloseOnExec, FdTable, FsContext, Path, Resolver};

/// What is tried in a root file system that nobody said more about.
const FALLBACKS: [&str; 4] = ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];
/// What is tried first in an initramfs.
const INITRAMFS_INIT: &str = "/init";
/// The environment that Linux gives to init.
const ENVIRONMENT: [&str; 2] = ["HOME=/", "TERM=linux"];
/// In exec mode nobody else sets it.
const EXEC_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Descriptors that init finds open, when there is a limit at all.
const INIT_FILES: usize = 1024;

/// Starts the first program; returns when it runs.
pub(crate) fn first_program() {
    let line = cmdline::get();
    if let Some(kind) = line.test_stop {
        forced_stop::stop(kind);
    }
    mm::init();
    task::init();
    task::set_init_exit_hook(init_ended);
    let root = match root::make() {
        Ok(root) => root,
        Err(error) => {
            log::error!("no root file system: {error:?}");
            fatal("no root file system");
        }
    };
    start_init(line, &root);
}

/// Process 1 has ended: so does the machine, with its status as a shell shows it.
fn init_ended(status: WaitStatus) {
    let status = match status.ending() {
        Ending::Exited(code) => code,
        Ending::Killed(signal) | Ending::Dumped(signal) => 128 + signal,
    };
    framework::power::off(status as u8)
}

/// A program that may become process 1.
struct Candidate {
    path: String,
    /// Its failure is final, because somebody asked for it by name.
    is_required: bool,
}

fn candidates(line: &CommandLine<'_>, root: &Path) -> Vec<Candidate> {
    let of = |path: &str, is_required| Candidate { path: path.into(), is_required };
    if line.exec.is_some() {
        return [of("/bin/sh", true)].into();
    }
    let early = line.rdinit.unwrap_or(INITRAMFS_INIT);
    let mut list = Vec::new();
    if root::exists(root, early) {
        list.push(of(early, false));
    }
    match line.init {
        Some(init) => list.push(of(init, true)),
        None => list.extend(FALLBACKS.iter().map(|path| of(path, false))),
    }
    list
}

fn start_init(line: &CommandLine<'_>, root: &Path) {
    let cred = Cred::root();
    for candidate in candidates(line, root) {
        match start(line, root, &cred, &candidate.path) {
            Ok(()) => return,
            Err(error) if candidate.is_required => {
                log::error!("requested init {} failed: {error:?}", candidate.path);
                fatal("the requested init failed");
            }
            Err(error) if error.errno() == abi::Errno::ENOENT => {}
            Err(error) => {
                log::error!("{} exists but could not start: {error:?}", candidate.path);
            }
        }
    }
    fatal("no working init found");
}

fn start(line: &CommandLine<'_>, root: &Path, cred: &Cred, program: &str) -> Result<()> {
    let files = FdTable::new();
    open_console(root, cred, &files);
    let (argv, envp) = strings(line, program)?;
    let fs = FsContext::new(root.clone());
    log::info!("run {program} as init process");
    task::start(program.as_bytes(), argv, envp, fs, files, |process| {
        prepare(line, process);
    })?;
    Ok(())
}

/// Last things before process 1 runs.
fn prepare(line: &CommandLine<'_>, process: &Arc<Process>) {
    if line.exec.is_some()
        && let Some(console) = tty::console()
        && let Err(error) = console.acquire(process)
    {
        log::warn!("no controlling terminal: {error:?}");
    }
    framework::control::init_starts();
}

fn strings(line: &CommandLine<'_>, program: &str) -> Result<(Strings, Strings)> {
    let mut argv = Strings::from_slices(&[program.as_bytes()])?;
    let mut envp = Strings::from_slices(&ENVIRONMENT.map(str::as_bytes))?;
    match line.exec {
        Some(command) => {
            argv.try_push(b"-c")?;
            argv.try_push(&command.bytes().collect::<Vec<_>>())?;
            envp.try_push(EXEC_PATH.as_bytes())?;
        }
        None => {
            for arg in line.init_args.iter() {
                argv.try_push(arg.to_string().as_bytes())?;
            }
        }
    }
    for entry in line.init_env.iter() {
        envp.try_push(entry.to_string().as_bytes())?;
    }
    Ok((argv, envp))
}

/// Opens /dev/console as descriptors 0, 1 and 2; without one, init has none open.
fn open_console(root: &Path, cred: &Cred, files: &FdTable) {
    let resolver = Resolver::kernel(root, cred);
    let flags = OpenFlags::RDWR | OpenFlags::NOCTTY | OpenFlags::LARGEFILE;
    let opened = vfs::open(&resolver, b"/dev/console", flags, 0).and_then(|console| {
        for _ in 0..3 {
            files.insert(console.clone(), CloseOnExec::No, INIT_FILES)?;
        }
        Ok(())
    });
    if let Err(error) = opened.map_err(|error| error!(EIO, error.why())) {
        log::warn!("unable to open an initial console: {error:?}");
    }
}
