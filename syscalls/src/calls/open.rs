// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Descriptors come and go: open and close.

use crate::arg::{DirFd, Fd, Mode, UserPath};
use crate::calls::at::At;
use crate::cx::Context;
use abi::fcntl::{CloseRangeFlags, OpenFlags};
use abi::{Result, err};
use alloc::sync::Arc;
use vfs::CloseOnExec;

/// open(2).
pub(crate) fn sys_open(
    cx: &mut Context,
    path: UserPath,
    flags: OpenFlags,
    mode: Mode,
) -> Result<usize> {
    sys_openat(cx, DirFd::CWD, path, flags, mode)
}

/// creat(2).
pub(crate) fn sys_creat(cx: &mut Context, path: UserPath, mode: Mode) -> Result<usize> {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::TRUNC;
    sys_openat(cx, DirFd::CWD, path, flags, mode)
}

/// openat(2).
pub(crate) fn sys_openat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    flags: OpenFlags,
    mode: Mode,
) -> Result<usize> {
    vfs::check_open_flags(flags)?;
    let at = At::new(cx, dir, path)?;
    let on_exec = CloseOnExec::from_flag(flags.contains(OpenFlags::CLOEXEC));
    let mut flags = flags | OpenFlags::LARGEFILE;
    if flags.contains(OpenFlags::SYNC_BIT) {
        flags |= OpenFlags::DSYNC;
    }
    let file = vfs::open(&at.resolver(), at.path(), flags, mode.0)?;
    let fd = cx.files().insert(file, on_exec, cx.max_files())?;
    Ok(fd as usize)
}

/// close(2).
pub(crate) fn sys_close(cx: &mut Context, fd: Fd) -> Result<()> {
    cx.files().close(fd.0)
}

/// close_range(2).
pub(crate) fn sys_close_range(
    cx: &mut Context,
    first: u32,
    last: u32,
    flags: CloseRangeFlags,
) -> Result<()> {
    if first > last {
        return err!(EINVAL, "range");
    }
    if flags.contains(CloseRangeFlags::CLOSE_RANGE_UNSHARE) {
        let own = Arc::new(cx.files().fork()?);
        drop(cx.thread.set_files(own));
        cx.renew();
    }
    if flags.contains(CloseRangeFlags::CLOSE_RANGE_CLOEXEC) {
        cx.files().mark_range(first, last);
    } else {
        cx.files().close_range(first, last);
    }
    Ok(())
}
