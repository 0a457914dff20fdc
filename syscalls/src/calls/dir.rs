// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Directories: reading, making, and where a process is.

use crate::arg::{DirFd, Fd, Mode, UserOut, UserPath};
use crate::calls::at::At;
use crate::cx::Context;
use abi::fs::Dirent;
use abi::{Result, err, error};
use alloc::vec::Vec;
use core::ops::ControlFlow;
use vfs::{DirEntry, Follow};

/// What one call returns at most; programs ask for 32 KiB.
const MAX_BATCH: usize = 64 * 1024;
/// What is reserved at first: most directories are small.
const FIRST_BATCH: usize = 2048;

/// getdents64(2).
pub(crate) fn sys_getdents64(cx: &mut Context, fd: Fd, out: UserOut) -> Result<usize> {
    read_entries(cx, fd, out, |entry, batch| {
        let len = Dirent::len64(entry.name.len());
        batch.extend_from_slice(&encode(entry).head64(len as u16));
        batch.extend_from_slice(entry.name);
        len
    })
}

/// getdents(2): the type is the last byte of a record.
pub(crate) fn sys_getdents(cx: &mut Context, fd: Fd, out: UserOut) -> Result<usize> {
    read_entries(cx, fd, out, |entry, batch| {
        let len = Dirent::len(entry.name.len());
        let start = batch.len();
        batch.extend_from_slice(&encode(entry).head(len as u16));
        batch.extend_from_slice(entry.name);
        batch.resize(start + len - 1, 0);
        batch.push(entry.kind.dirent_type());
        len
    })
}

fn encode(entry: &DirEntry<'_>) -> Dirent {
    Dirent { ino: entry.ino, next: entry.next, kind: entry.kind.dirent_type() }
}

/// Gathers records in kernel memory, so that no directory lock is held while
/// user memory faults.
fn read_entries(
    cx: &Context,
    fd: Fd,
    out: UserOut,
    put: impl Fn(&DirEntry<'_>, &mut Vec<u8>) -> usize,
) -> Result<usize> {
    let file = cx.file(fd)?;
    // An `int` to Linux: below zero there is no room for anything.
    let room = usize::try_from(out.len() as i32).unwrap_or(0).min(MAX_BATCH);
    let mut batch = Vec::new();
    batch.try_reserve_exact(room.min(FIRST_BATCH)).map_err(|_| error!(ENOMEM))?;
    let mut is_full = false;
    let start = file.offset();
    file.readdir(&mut |entry| {
        let longest = Dirent::len64(entry.name.len());
        if batch.len() + longest > room || batch.try_reserve(longest).is_err() {
            is_full = true;
            return ControlFlow::Break(());
        }
        let start = batch.len();
        let len = put(entry, &mut batch);
        batch.resize(start + len, 0);
        ControlFlow::Continue(())
    })?;
    if batch.is_empty() && is_full {
        return err!(EINVAL, "no room for one entry");
    }
    if cx.vm().write(out.addr(), &batch).is_ok() {
        return Ok(batch.len());
    }
    // What arrives whole counts; the next call starts behind it.
    let (arrived, next) = write_records(cx, out.addr(), &batch);
    file.lock_offset().set(next.unwrap_or(start));
    if arrived > 0 { Ok(arrived) } else { err!(EFAULT, "no room for one entry") }
}

/// Writes records one by one up to the first that does not fit: how many bytes, and where the entry
/// behind them is.
fn write_records(cx: &Context, to: usize, batch: &[u8]) -> (usize, Option<u64>) {
    let (mut done, mut next) = (0, None);
    while let Some((len, behind)) = batch.get(done..).and_then(Dirent::len_and_next) {
        let Some(record) = batch.get(done..done + len).filter(|record| !record.is_empty()) else {
            break;
        };
        if cx.vm().write(to.saturating_add(done), record).is_err() {
            break;
        }
        (done, next) = (done + len, Some(behind));
    }
    (done, next)
}

/// getcwd(2): returns the length with the final NUL.
pub(crate) fn sys_getcwd(cx: &mut Context, out: UserOut) -> Result<usize> {
    let fs = cx.fs();
    let mut text = vfs::getcwd(&fs.cwd(), &fs.root())?;
    text.try_reserve(1).map_err(|_| error!(ENOMEM))?;
    text.push(0);
    if text.len() > out.len() {
        return err!(ERANGE, "no room for the path");
    }
    cx.vm().write(out.addr(), &text)?;
    Ok(text.len())
}

/// chdir(2).
pub(crate) fn sys_chdir(cx: &mut Context, path: UserPath) -> Result<()> {
    let at = At::cwd(cx, path)?;
    cx.fs().chdir(at.lookup(Follow::Yes)?, at.cred())
}

/// fchdir(2).
pub(crate) fn sys_fchdir(cx: &mut Context, fd: Fd) -> Result<()> {
    let file = cx.file(fd)?;
    cx.fs().chdir(file.path().clone(), &cx.cred())
}

/// chroot(2).
pub(crate) fn sys_chroot(cx: &mut Context, path: UserPath) -> Result<()> {
    let at = At::cwd(cx, path)?;
    cx.fs().chroot(at.lookup(Follow::Yes)?, at.cred())
}

/// mkdir(2).
pub(crate) fn sys_mkdir(cx: &mut Context, path: UserPath, mode: Mode) -> Result<()> {
    sys_mkdirat(cx, DirFd::CWD, path, mode)
}

/// mkdirat(2).
pub(crate) fn sys_mkdirat(cx: &mut Context, dir: DirFd, path: UserPath, mode: Mode) -> Result<()> {
    let at = At::new(cx, dir, path)?;
    vfs::mkdir(&at.resolver(), at.path(), mode.0).map(|_| ())
}
