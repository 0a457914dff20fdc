// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Extended attributes, which no file has and none can get.
//!
//! Spec: xattr(7).

use crate::arg::{Addr, Fd, UserPath};
use crate::calls::at::locate;
use crate::cx::Context;
use abi::fcntl::AtFlags;
use abi::fs::{XATTR_CREATE, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX};
use abi::{Errno, Result, err};
use vfs::Path;

use crate::arg::DirFd;

fn place(cx: &Context, path: UserPath, flags: AtFlags) -> Result<Path> {
    locate(cx, DirFd::CWD, path, flags)
}

fn place_of(cx: &Context, fd: Fd) -> Result<Path> {
    let file = cx.file(fd)?;
    file.not_path()?;
    Ok(file.path().clone())
}

/// Whether there could be an attribute of this name on the file.
fn check_name(cx: &Context, name: UserPath, path: &Path) -> Result<()> {
    let name = name.read_max(cx.vm(), XATTR_NAME_MAX + 1, Errno::ERANGE)?;
    if name.is_empty() {
        return err!(ERANGE, "empty name");
    }
    let is_known = [&b"user."[..], b"trusted.", b"security."]
        .iter()
        .any(|prefix| name.strip_prefix(*prefix).is_some_and(|rest| !rest.is_empty()));
    let keeps_them = matches!(path.mount().sb().type_name(), "tmpfs" | "devtmpfs" | "rootfs");
    if is_known && keeps_them { Ok(()) } else { err!(EOPNOTSUPP, "no such attributes here") }
}

fn get(cx: &Context, name: UserPath, path: &Path) -> Result<()> {
    check_name(cx, name, path)?;
    err!(ENODATA, "no file has attributes")
}

fn set(cx: &Context, name: UserPath, size: usize, flags: u32, path: &Path) -> Result<()> {
    if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
        return err!(EINVAL, "flags");
    }
    check_name(cx, name, path)?;
    if size > XATTR_SIZE_MAX {
        return err!(E2BIG, "no attribute is that long");
    }
    path.mount().check_writable()?;
    if flags & XATTR_REPLACE != 0 {
        return err!(ENODATA, "no file has attributes");
    }
    err!(EOPNOTSUPP, "no attributes are kept")
}

fn remove(cx: &Context, name: UserPath, path: &Path) -> Result<()> {
    check_name(cx, name, path)?;
    path.mount().check_writable()?;
    err!(ENODATA, "no file has attributes")
}

/// getxattr(2).
pub(crate) fn sys_getxattr(cx: &mut Context, path: UserPath, name: UserPath) -> Result<()> {
    get(cx, name, &place(cx, path, AtFlags::empty())?)
}

/// lgetxattr(2).
pub(crate) fn sys_lgetxattr(cx: &mut Context, path: UserPath, name: UserPath) -> Result<()> {
    get(cx, name, &place(cx, path, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// fgetxattr(2).
pub(crate) fn sys_fgetxattr(cx: &mut Context, fd: Fd, name: UserPath) -> Result<()> {
    get(cx, name, &place_of(cx, fd)?)
}

/// listxattr(2): there are none, so the list has length 0.
pub(crate) fn sys_listxattr(cx: &mut Context, path: UserPath) -> Result<()> {
    place(cx, path, AtFlags::empty()).map(drop)
}

/// llistxattr(2).
pub(crate) fn sys_llistxattr(cx: &mut Context, path: UserPath) -> Result<()> {
    place(cx, path, AtFlags::AT_SYMLINK_NOFOLLOW).map(drop)
}

/// flistxattr(2).
pub(crate) fn sys_flistxattr(cx: &mut Context, fd: Fd) -> Result<()> {
    place_of(cx, fd).map(drop)
}

/// setxattr(2).
pub(crate) fn sys_setxattr(
    cx: &mut Context,
    path: UserPath,
    name: UserPath,
    _value: Addr,
    size: usize,
    flags: u32,
) -> Result<()> {
    set(cx, name, size, flags, &place(cx, path, AtFlags::empty())?)
}

/// lsetxattr(2).
pub(crate) fn sys_lsetxattr(
    cx: &mut Context,
    path: UserPath,
    name: UserPath,
    _value: Addr,
    size: usize,
    flags: u32,
) -> Result<()> {
    set(cx, name, size, flags, &place(cx, path, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// fsetxattr(2).
pub(crate) fn sys_fsetxattr(
    cx: &mut Context,
    fd: Fd,
    name: UserPath,
    _value: Addr,
    size: usize,
    flags: u32,
) -> Result<()> {
    set(cx, name, size, flags, &place_of(cx, fd)?)
}

/// removexattr(2).
pub(crate) fn sys_removexattr(cx: &mut Context, path: UserPath, name: UserPath) -> Result<()> {
    remove(cx, name, &place(cx, path, AtFlags::empty())?)
}

/// lremovexattr(2).
pub(crate) fn sys_lremovexattr(cx: &mut Context, path: UserPath, name: UserPath) -> Result<()> {
    remove(cx, name, &place(cx, path, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// fremovexattr(2).
pub(crate) fn sys_fremovexattr(cx: &mut Context, fd: Fd, name: UserPath) -> Result<()> {
    remove(cx, name, &place_of(cx, fd)?)
}
