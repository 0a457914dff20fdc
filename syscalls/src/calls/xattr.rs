// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Extended attributes, which no file has and none can get.
//!
//! Spec: xattr(7).

use crate::arg::{Addr, Fd, UserPath};
use crate::calls::at::locate;
use crate::cx::Context;
use abi::capability::Caps;
use abi::fcntl::AtFlags;
use abi::fs::{XATTR_CREATE, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX};
use abi::stat::S_ISVTX;
use abi::{Errno, Result, err};
use alloc::vec::Vec;
use vfs::{FileKind, May, Path};

use crate::arg::DirFd;

fn place(cx: &Context, path: UserPath, flags: AtFlags) -> Result<Path> {
    locate(cx, DirFd::CWD, path, flags)
}

fn place_of(cx: &Context, fd: Fd) -> Result<Path> {
    let file = cx.file(fd)?;
    file.not_path()?;
    Ok(file.path().clone())
}

/// What a call wants of an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Read,
    Write,
}

/// Copies a name in, which comes before the file is looked for where Linux does so.
fn name_of(cx: &Context, name: UserPath) -> Result<Vec<u8>> {
    let name = name.read_max(cx.vm(), XATTR_NAME_MAX + 1, Errno::ERANGE)?;
    if name.is_empty() { err!(ERANGE, "empty name") } else { Ok(name) }
}

/// Whether the caller may use attributes of this name, by the rules of its class; then whether there
/// could be one on the file.
fn check(cx: &Context, name: &[u8], path: &Path, wanted: Use) -> Result<()> {
    let inode = path.inode()?;
    let cred = cx.cred();
    let refuse = || match wanted {
        Use::Read => err!(ENODATA, "attributes that this file cannot have"),
        Use::Write => err!(EPERM, "attributes that the caller may not change"),
    };
    let may = if wanted == Use::Write { May::WRITE } else { May::READ };
    if name.starts_with(b"trusted.") {
        if !cred.capable(Caps::SYS_ADMIN) {
            return refuse();
        }
    } else if name.starts_with(b"security.") {
        let needed = if name == b"security.capability" { Caps::SETFCAP } else { Caps::SYS_ADMIN };
        if wanted == Use::Write && !cred.capable(needed) {
            return refuse();
        }
    } else if name.starts_with(b"user.") {
        if !matches!(inode.base().kind(), FileKind::Regular | FileKind::Directory) {
            return refuse();
        }
        let is_sticky = inode.base().is_dir() && inode.base().owner().perm & S_ISVTX != 0;
        if is_sticky && wanted == Use::Write && !vfs::perm::is_owner(inode, &cred) {
            return refuse();
        }
        vfs::perm::check(inode, &cred, may)?;
    } else if !name.starts_with(b"system.") {
        vfs::perm::check(inode, &cred, may)?;
    }
    check_kept(name, path)
}

/// Whether the file system could keep an attribute of this name.
fn check_kept(name: &[u8], path: &Path) -> Result<()> {
    let keeps_them = matches!(path.mount().sb().type_name(), "tmpfs" | "devtmpfs" | "rootfs");
    for prefix in [&b"user."[..], b"trusted.", b"security."] {
        match name.strip_prefix(prefix) {
            Some(_) if !keeps_them => break,
            Some(b"") => return err!(EINVAL, "a class without a name"),
            Some(_) => return Ok(()),
            None => {}
        }
    }
    err!(EOPNOTSUPP, "no such attributes here")
}

fn get(cx: &Context, name: UserPath, path: &Path) -> Result<()> {
    check(cx, &name_of(cx, name)?, path, Use::Read)?;
    err!(ENODATA, "no file has attributes")
}

fn set(cx: &Context, name: UserPath, size: usize, flags: u32, path: &Path) -> Result<()> {
    if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
        return err!(EINVAL, "flags");
    }
    let name = name_of(cx, name)?;
    if size > XATTR_SIZE_MAX {
        return err!(E2BIG, "no attribute is that long");
    }
    path.mount().check_writable()?;
    check(cx, &name, path, Use::Write)?;
    if flags & XATTR_REPLACE != 0 {
        return err!(ENODATA, "no file has attributes");
    }
    err!(EOPNOTSUPP, "no attributes are kept")
}

fn remove(cx: &Context, name: &[u8], path: &Path) -> Result<()> {
    path.mount().check_writable()?;
    check(cx, name, path, Use::Write)?;
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
    let name = name_of(cx, name)?;
    remove(cx, &name, &place(cx, path, AtFlags::empty())?)
}

/// lremovexattr(2).
pub(crate) fn sys_lremovexattr(cx: &mut Context, path: UserPath, name: UserPath) -> Result<()> {
    let name = name_of(cx, name)?;
    remove(cx, &name, &place(cx, path, AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// fremovexattr(2).
pub(crate) fn sys_fremovexattr(cx: &mut Context, fd: Fd, name: UserPath) -> Result<()> {
    let path = place_of(cx, fd)?;
    remove(cx, &name_of(cx, name)?, &path)
}
