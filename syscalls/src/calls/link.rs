// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Names: link, unlink, symlink, rename, mknod.

use crate::arg::only;
use crate::arg::{DirFd, Fd, Mode, UserPath};
use crate::calls::at::{At, locate};
use crate::cx::Context;
use abi::capability::Caps;
use abi::fcntl::AtFlags;
use abi::fs::RenameFlags;
use abi::limits::PATH_MAX;
use abi::stat::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK};
use abi::{Errno, Result, err};
use vfs::DeviceId;

/// link(2).
pub(crate) fn sys_link(cx: &mut Context, old: UserPath, new: UserPath) -> Result<()> {
    sys_linkat(cx, DirFd::CWD, old, DirFd::CWD, new, AtFlags::empty())
}

/// linkat(2).
pub(crate) fn sys_linkat(
    cx: &mut Context,
    old_dir: DirFd,
    old: UserPath,
    new_dir: DirFd,
    new: UserPath,
    flags: AtFlags,
) -> Result<()> {
    only(flags, AtFlags::AT_SYMLINK_FOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let mut how = flags & AtFlags::AT_EMPTY_PATH;
    if !flags.contains(AtFlags::AT_SYMLINK_FOLLOW) {
        how |= AtFlags::AT_SYMLINK_NOFOLLOW;
    }
    if how.contains(AtFlags::AT_EMPTY_PATH) && !cx.cred().capable(Caps::DAC_READ_SEARCH) {
        not_by_descriptor(cx, old_dir, old)?;
    }
    let source = locate(cx, old_dir, old, how)?;
    let at = At::new(cx, new_dir, new)?;
    vfs::link(&source, &at.resolver(), at.path())
}

/// Whoever may not read everything links no path that starts at a descriptor, once it may be empty.
fn not_by_descriptor(cx: &Context, dir: DirFd, path: UserPath) -> Result<()> {
    let path = path.read(cx.vm())?;
    if path.first() == Some(&b'/') || dir.is_cwd() {
        return Ok(());
    }
    cx.file(Fd(dir.0))?;
    err!(ENOENT, "link by descriptor")
}

/// unlink(2).
pub(crate) fn sys_unlink(cx: &mut Context, path: UserPath) -> Result<()> {
    let at = At::cwd(cx, path)?;
    vfs::unlink(&at.resolver(), at.path())
}

/// rmdir(2).
pub(crate) fn sys_rmdir(cx: &mut Context, path: UserPath) -> Result<()> {
    let at = At::cwd(cx, path)?;
    vfs::rmdir(&at.resolver(), at.path())
}

/// unlinkat(2).
pub(crate) fn sys_unlinkat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    flags: AtFlags,
) -> Result<()> {
    only(flags, AtFlags::AT_REMOVEDIR)?;
    let at = At::new(cx, dir, path)?;
    if flags.contains(AtFlags::AT_REMOVEDIR) {
        vfs::rmdir(&at.resolver(), at.path())
    } else {
        vfs::unlink(&at.resolver(), at.path())
    }
}

/// symlink(2).
pub(crate) fn sys_symlink(cx: &mut Context, target: UserPath, path: UserPath) -> Result<()> {
    sys_symlinkat(cx, target, DirFd::CWD, path)
}

/// symlinkat(2).
pub(crate) fn sys_symlinkat(
    cx: &mut Context,
    target: UserPath,
    dir: DirFd,
    path: UserPath,
) -> Result<()> {
    let target = target.read_max(cx.vm(), PATH_MAX, Errno::ENAMETOOLONG)?;
    if target.is_empty() {
        return err!(ENOENT, "empty target");
    }
    let at = At::new(cx, dir, path)?;
    vfs::symlink(&at.resolver(), &target, at.path()).map(|_| ())
}

/// rename(2).
pub(crate) fn sys_rename(cx: &mut Context, old: UserPath, new: UserPath) -> Result<()> {
    sys_renameat2(cx, DirFd::CWD, old, DirFd::CWD, new, RenameFlags::empty())
}

/// renameat(2).
pub(crate) fn sys_renameat(
    cx: &mut Context,
    old_dir: DirFd,
    old: UserPath,
    new_dir: DirFd,
    new: UserPath,
) -> Result<()> {
    sys_renameat2(cx, old_dir, old, new_dir, new, RenameFlags::empty())
}

/// renameat2(2).
pub(crate) fn sys_renameat2(
    cx: &mut Context,
    old_dir: DirFd,
    old: UserPath,
    new_dir: DirFd,
    new: UserPath,
    flags: RenameFlags,
) -> Result<()> {
    if flags.contains(RenameFlags::EXCHANGE | RenameFlags::NOREPLACE) {
        return err!(EINVAL, "rename flags");
    }
    let old = At::new(cx, old_dir, old)?;
    let new = match At::new(cx, new_dir, new) {
        Ok(new) => new,
        Err(error) => {
            // What is wrong with the old path comes first.
            vfs::check_parent(&old.resolver(), old.path())?;
            return Err(error);
        }
    };
    vfs::rename(&old.resolver(), old.path(), &new.resolver(), new.path(), flags)
}

/// mknod(2).
pub(crate) fn sys_mknod(cx: &mut Context, path: UserPath, mode: Mode, device: u32) -> Result<()> {
    sys_mknodat(cx, DirFd::CWD, path, mode, device)
}

/// mknodat(2).
pub(crate) fn sys_mknodat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    mode: Mode,
    device: u32,
) -> Result<()> {
    match mode.0 & S_IFMT {
        0 | S_IFREG | S_IFCHR | S_IFBLK | S_IFIFO | S_IFSOCK => {}
        S_IFDIR => return err!(EPERM, "mkdir makes directories"),
        _ => return err!(EINVAL, "kind of file"),
    }
    let at = At::new(cx, dir, path)?;
    vfs::mknod(&at.resolver(), at.path(), mode.0, DeviceId::from_raw(device)).map(|_| ())
}
