// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Operations on descriptors: dup, pipe, ioctl, sync.

use crate::arg::{Fd, Strict, UserPtr};
use crate::calls::fcntl::can_signal;
use crate::cx::Context;
use abi::fcntl::OpenFlags;
use abi::ioctl::file::{
    FICLONE, FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, FIOQSIZE,
};
use abi::{Result, err};
use vfs::{CloseOnExec, File, FileKind, IoctlContext};

/// dup(2).
pub(crate) fn sys_dup(cx: &mut Context, fd: Fd) -> Result<usize> {
    let file = cx.file(fd)?;
    let fd = cx.files().insert(file, CloseOnExec::No, cx.max_files())?;
    Ok(fd as usize)
}

/// dup2(2).
pub(crate) fn sys_dup2(cx: &mut Context, old: Fd, new: Fd) -> Result<usize> {
    if old == new {
        cx.file(old)?;
        return Ok(new.0 as usize);
    }
    let fd = cx.files().replace(old.0, new.0, CloseOnExec::No, cx.max_files())?;
    Ok(fd as usize)
}

/// dup3(2).
pub(crate) fn sys_dup3(
    cx: &mut Context,
    old: Fd,
    new: Fd,
    flags: Strict<OpenFlags>,
) -> Result<usize> {
    if !OpenFlags::CLOEXEC.contains(flags.0) || old == new {
        return err!(EINVAL, "flags, or the same number");
    }
    let on_exec = CloseOnExec::from_flag(!flags.0.is_empty());
    let fd = cx.files().replace(old.0, new.0, on_exec, cx.max_files())?;
    Ok(fd as usize)
}

/// pipe(2).
pub(crate) fn sys_pipe(cx: &mut Context, out: UserPtr<[i32; 2]>) -> Result<()> {
    sys_pipe2(cx, out, Strict(OpenFlags::empty()))
}

/// pipe2(2).
pub(crate) fn sys_pipe2(
    cx: &mut Context,
    out: UserPtr<[i32; 2]>,
    flags: Strict<OpenFlags>,
) -> Result<()> {
    // O_EXCL asks for a pipe of notifications, which Debian's kernel leaves out as well.
    let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT | OpenFlags::EXCL;
    if !known.contains(flags.0) {
        return err!(EINVAL, "flags");
    }
    if flags.0.contains(OpenFlags::EXCL) {
        return err!(ENOPKG, "no pipes of notifications");
    }
    let on_exec = CloseOnExec::from_flag(flags.0.contains(OpenFlags::CLOEXEC));
    let files = ipc::pipe(flags.0.difference(OpenFlags::CLOEXEC), &cx.cred())?;
    let fds = cx.files().insert_pair(files, on_exec, cx.max_files())?;
    out.write(cx.vm(), &fds).inspect_err(|_| {
        for fd in fds {
            let _ = cx.files().close(fd);
        }
    })
}

/// ioctl(2): what concerns every descriptor is served here, the rest by the file.
pub(crate) fn sys_ioctl(cx: &mut Context, fd: Fd, request: u32, arg: usize) -> Result<usize> {
    let file = cx.file(fd)?;
    file.not_path()?;
    match request {
        FIOCLEX => cx.files().set_on_exec(fd.0, CloseOnExec::Yes)?,
        FIONCLEX => cx.files().set_on_exec(fd.0, CloseOnExec::No)?,
        FIONBIO => switch(cx, &file, arg, OpenFlags::NONBLOCK)?,
        FIOASYNC => {
            let wanted = UserPtr::<i32>::new(arg).read(cx.vm())? != 0;
            if wanted != file.flags().contains(OpenFlags::ASYNC) && !can_signal(&file) {
                return err!(ENOTTY, "sends no signals");
            }
            switch(cx, &file, arg, OpenFlags::ASYNC)?;
        }
        FIOQSIZE if is_stored(&file) => {
            let size = file.metadata().blocks as i64 * 512;
            UserPtr::<i64>::new(arg).write(cx.vm(), &size)?;
        }
        FIONREAD if file.kind() == FileKind::Regular => {
            let rest = file.metadata().size as i64 - file.offset() as i64;
            UserPtr::<i32>::new(arg).write(cx.vm(), &(rest as i32))?;
        }
        FIGETBSZ => {
            UserPtr::<i32>::new(arg).write(cx.vm(), &(file.metadata().blksize as i32))?;
        }
        FICLONE => return share(&file, &*cx.file(Fd(arg as i32))?),
        _ => {
            let cred = cx.cred();
            return file.ioctl(request, &IoctlContext { arg, vm: cx.vm(), cred: &cred });
        }
    }
    Ok(0)
}

fn is_stored(file: &File) -> bool {
    matches!(file.kind(), FileKind::Regular | FileKind::Directory | FileKind::Symlink)
}

/// FICLONE: no file system shares blocks between files.
fn share(to: &File, from: &File) -> Result<usize> {
    from.not_path()?;
    if !alloc::sync::Arc::ptr_eq(from.inode().base().sb(), to.inode().base().sb()) {
        return err!(EXDEV, "files of two file systems");
    }
    if [from.kind(), to.kind()].contains(&FileKind::Directory) {
        return err!(EISDIR, "blocks of a directory");
    }
    if from.kind() != FileKind::Regular || to.kind() != FileKind::Regular {
        return err!(EINVAL, "not regular files");
    }
    if !from.can_read() || !to.can_write() || to.flags().contains(OpenFlags::APPEND) {
        return err!(EBADF, "access mode");
    }
    err!(EOPNOTSUPP, "blocks are not shared")
}

/// Sets or clears a status flag by the `int` at `arg`.
fn switch(cx: &Context, file: &File, arg: usize, flag: OpenFlags) -> Result<()> {
    let mut flags = file.flags();
    flags.set(flag, UserPtr::<i32>::new(arg).read(cx.vm())? != 0);
    file.set_flags(flags)
}

/// fsync(2).
pub(crate) fn sys_fsync(cx: &mut Context, fd: Fd) -> Result<()> {
    cx.file(fd)?.fsync()
}

/// fdatasync(2).
pub(crate) fn sys_fdatasync(cx: &mut Context, fd: Fd) -> Result<()> {
    cx.file(fd)?.fsync()
}

/// sync(2).
pub(crate) fn sys_sync(cx: &mut Context) -> Result<()> {
    for info in vfs::mount_tree::list(&cx.fs().root())? {
        let _ = info.mount.sb().sync();
    }
    Ok(())
}

/// syncfs(2).
pub(crate) fn sys_syncfs(cx: &mut Context, fd: Fd) -> Result<()> {
    let file = cx.file(fd)?;
    file.not_path()?;
    file.path().mount().sb().sync()
}
