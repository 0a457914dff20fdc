// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The call itself: from its arguments through scripts to the program that runs.
//!
//! Spec: execve(2).

use alloc::{sync::Arc, vec::Vec};

use abi::limits::BINPRM_BUF_SIZE;
use abi::mount::MountFlags;
use abi::process::WaitStatus;
use abi::signal::Signal;
use abi::{Result, err, error};
use cred::{ExecFile, ExecOutcome};
use framework::user::UserContext;
use mm::AddressSpace;

use super::image::{self, Image, open};
use super::load::{Elf, LoadError};
use super::program::Program;
use super::strings::{Budget, Strings};
use super::{commit, script};
use crate::{exit, process::Thread};

/// Scripts may name scripts this often.
const MAX_SCRIPTS: usize = 5;

/// What execve(2) is asked for.
pub struct Request {
    /// The program, opened by [`open`] or `vfs::open_exec_path`.
    pub program: Program,
    /// Its name, as AT_EXECFN and scripts see it.
    pub name: Vec<u8>,
    /// The arguments.
    pub argv: Strings,
    /// The environment.
    pub envp: Strings,
}

/// execve(2): `user` continues in the new program. On an error the old one goes
/// on as if nothing had happened. `budget` is what the strings have left.
///
/// # Errors
/// `ENOEXEC` for a file in no known form, `ELOOP` for scripts of scripts without end,
/// `E2BIG` for too long arguments, `ELIBBAD` or `EIO` for a broken interpreter, those of
/// [`open`] for a script's or program's interpreter, `EINVAL` for segments that cannot be,
/// `EAGAIN` if the process ends, `ENOMEM`. What is wrong later ends the process by SIGSEGV,
/// as on Linux.
pub fn execve(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    request: Request,
    mut budget: Budget,
) -> Result<()> {
    framework::mm::admit()?;
    match prepare(thread, request, &mut budget) {
        Ok(image) => commit::take_up(thread, user, image),
        Err(LoadError::Refused(why)) => Err(why),
        Err(LoadError::Fatal(_)) => {
            exit::exit_group_with(thread, WaitStatus::killed(Signal::SEGV));
            Ok(())
        }
    }
}

/// The first program: as [`execve`], for a thread that does not run yet.
pub(crate) fn load_first(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    request: Request,
) -> Result<Arc<AddressSpace>> {
    let mut budget = Budget::of(thread.process());
    match prepare(thread, request, &mut budget) {
        Ok(image) => Ok(commit::take_up_first(thread, user, image)),
        Err(LoadError::Refused(why)) => Err(why),
        Err(LoadError::Fatal(why)) => err!(ENOEXEC, why),
    }
}

/// Follows scripts to the program that runs, and builds its address space.
fn prepare(thread: &Thread, request: Request, budget: &mut Budget) -> Result<Image, LoadError> {
    let Request { mut program, name, mut argv, envp } = request;
    let comm = base_name(&name).to_vec();
    if argv.count == 0 {
        argv.try_push(b"")?;
    }
    let mut script_name = name.clone();
    let mut head = [0; BINPRM_BUF_SIZE];
    let mut is_readable = true;
    for _ in 0..=MAX_SCRIPTS {
        is_readable &= may_read(thread, &program);
        let len = program.file().read_kernel(0, &mut head)?;
        let head = head.get(..len).unwrap_or(&head);
        let Some(line) = script::parse(head)? else {
            let outcome = outcome(thread, &program, is_readable);
            let elf = Elf::read(program.file().clone(), head)?;
            return image::build(thread, &elf, program, outcome, comm, &name, &argv, &envp);
        };
        let mut first: Vec<&[u8]> = Vec::with_capacity(3);
        first.push(line.interpreter);
        first.extend(line.argument);
        first.push(&script_name);
        argv = argv.replace_first(&first, budget)?;
        script_name = line.interpreter.to_vec();
        program = open(thread, &script_name)?;
    }
    Err(error!(ELOOP, "scripts of scripts of scripts").into())
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

/// Whether the caller could read the program file too.
fn may_read(thread: &Thread, program: &Program) -> bool {
    vfs::perm::check(program.file().inode(), &thread.cred(), vfs::May::READ).is_ok()
}

/// What the program file does to the credentials.
fn outcome(thread: &Thread, program: &Program, is_readable: bool) -> ExecOutcome {
    let meta = program.file().metadata();
    let is_nosuid = program.file().path().mount().flags().contains(MountFlags::NOSUID);
    let file = ExecFile {
        uid: meta.uid,
        gid: meta.gid,
        mode: meta.mode,
        is_nosuid,
        is_readable,
        is_shared: thread.shares_fs(),
    };
    thread.cred().exec(&file)
}
