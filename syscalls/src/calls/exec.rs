// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Taking up a new program.

use crate::arg::only;
use crate::arg::{DirFd, UserPath, UserStrings};
use crate::calls::at::locate;
use crate::cx::Context;
use crate::row::Outcome;
use abi::Result;
use abi::fcntl::AtFlags;
use alloc::vec::Vec;
use task::exec::{self, Budget, Program, Request, Strings};

/// execve(2).
pub(crate) fn sys_execve(
    cx: &mut Context,
    path: UserPath,
    argv: UserStrings,
    envp: UserStrings,
) -> Result<Outcome> {
    let name = path.read(cx.vm())?;
    let program = exec::open(&cx.thread, &name)?;
    run(cx, program, name, argv, envp)
}

/// execveat(2): a program found by descriptor is named after it.
pub(crate) fn sys_execveat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    argv: UserStrings,
    envp: UserStrings,
    flags: AtFlags,
) -> Result<Outcome> {
    only(flags, AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let place = locate(cx, dir, path, flags)?;
    let program = Program::new(vfs::open_exec_path(place, &cx.cred())?);
    let path = path.read(cx.vm())?;
    let name =
        if dir.is_cwd() || path.first() == Some(&b'/') { path } else { by_descriptor(dir, &path) };
    run(cx, program, name, argv, envp)
}

fn by_descriptor(dir: DirFd, path: &[u8]) -> Vec<u8> {
    let mut name = alloc::format!("/dev/fd/{}", dir.0).into_bytes();
    if !path.is_empty() {
        name.push(b'/');
        name.extend_from_slice(path);
    }
    name
}

fn run(
    cx: &mut Context,
    program: Program,
    name: Vec<u8>,
    argv: UserStrings,
    envp: UserStrings,
) -> Result<Outcome> {
    let mut budget = Budget::of(cx.process());
    let argv = Strings::from_user(cx.vm(), argv.0, &mut budget)?;
    let envp = Strings::from_user(cx.vm(), envp.0, &mut budget)?;
    let request = Request { program, name, argv, envp };
    exec::execve(&cx.thread, &mut cx.user, request, budget)?;
    cx.renew();
    Ok(Outcome::Registers)
}
