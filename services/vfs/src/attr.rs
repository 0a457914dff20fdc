// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Calls that change attributes: chmod, chown, utimensat, truncate; and access.

use abi::capability::Caps;
use abi::mount::MountFlags;
use abi::stat::{S_IALLUGO, S_ISGID, S_ISUID, S_IXGRP};
use abi::{Result, err};
use cred::{Cred, Gid, Uid};

use crate::{FileKind, May, Path, SetAttr, Timestamp, hooks, perm};

/// chmod(2).
///
/// # Errors
/// `EROFS` on a read-only mount, `EOPNOTSUPP` for a symbolic link, `EPERM` unless `cred`
/// owns the file or has CAP_FOWNER; what the file system's [`set_attr`](crate::Inode::set_attr) says.
pub fn chmod(path: &Path, cred: &Cred, mode: u32) -> Result<()> {
    path.mount().check_writable()?;
    let inode = path.inode()?;
    if inode.base().kind() == FileKind::Symlink {
        return err!(EOPNOTSUPP, "symbolic links have no mode");
    }
    if !perm::is_owner(inode, cred) {
        return err!(EPERM, "chmod by someone else than the owner");
    }
    let mut perm = mode & S_IALLUGO;
    if !cred.in_group(inode.base().attr().gid) && !cred.capable(Caps::FSETID) {
        perm &= !S_ISGID;
    }
    let now = Timestamp::now();
    inode.set_attr(&SetAttr { perm: Some(perm), ctime: Some(now), ..SetAttr::default() })
}

/// chown(2); `None` leaves an id.
///
/// # Errors
/// `EROFS` on a read-only mount; `EPERM` without CAP_CHOWN, unless the owner keeps
/// the file and gives it a group of his own, or if set-id bits go that are not his to clear; what the file system's [`set_attr`](crate::Inode::set_attr) says.
pub fn chown(path: &Path, cred: &Cred, uid: Option<Uid>, gid: Option<Gid>) -> Result<()> {
    path.mount().check_writable()?;
    let inode = path.inode()?;
    let attr = inode.base().attr();
    let is_chief = cred.capable(Caps::CHOWN);
    let owns = cred.fsuid == attr.uid;
    if uid.is_some_and(|uid| !(is_chief || (owns && uid == attr.uid))) {
        return err!(EPERM, "changing the owner needs CAP_CHOWN");
    }
    if gid.is_some_and(|gid| !(is_chief || (owns && (gid == attr.gid || cred.in_group(gid))))) {
        return err!(EPERM, "changing the group needs CAP_CHOWN");
    }
    let mut change = SetAttr { uid, gid, ctime: Some(Timestamp::now()), ..SetAttr::default() };
    if !inode.base().is_dir() {
        let is_member = cred.in_group(attr.gid) || cred.capable(Caps::FSETID);
        let drops_setgid = attr.perm & S_IXGRP != 0 || !is_member;
        let cleared = S_ISUID | if drops_setgid { S_ISGID } else { 0 };
        if attr.perm & cleared != 0 {
            if !perm::is_owner(inode, cred) {
                return err!(EPERM, "clearing set-id bits by someone else than the owner");
            }
            change.perm = Some(attr.perm & !cleared);
        }
    }
    inode.set_attr(&change)
}

/// One time of utimensat(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewTime {
    /// UTIME_NOW.
    Now,
    /// UTIME_OMIT.
    Omit,
    /// This one.
    Set(Timestamp),
}

/// utimensat(2): access and modification time.
///
/// # Errors
/// `EROFS` on a read-only mount, `EPERM` for any other time than now by someone who neither
/// owns the file nor has CAP_FOWNER, `EACCES` if he may not write to it either; what the
/// file system's [`set_attr`](crate::Inode::set_attr) says.
pub fn set_times(path: &Path, cred: &Cred, atime: NewTime, mtime: NewTime) -> Result<()> {
    let inode = path.inode()?;
    if (atime, mtime) == (NewTime::Omit, NewTime::Omit) {
        return Ok(());
    }
    path.mount().check_writable()?;
    if !perm::is_owner(inode, cred) {
        if (atime, mtime) != (NewTime::Now, NewTime::Now) {
            return err!(EPERM, "setting times by someone else than the owner");
        }
        perm::check(inode, cred, May::WRITE)?;
    }
    let now = Timestamp::now();
    let pick = |time| match time {
        NewTime::Now => Some(now),
        NewTime::Omit => None,
        // Beyond the ends there are no fractions.
        NewTime::Set(time) if matches!(time.sec, i64::MIN | i64::MAX) => {
            Some(Timestamp { nsec: 0, ..time })
        }
        NewTime::Set(time) => Some(time),
    };
    let (atime, mtime) = (pick(atime), pick(mtime));
    inode.set_attr(&SetAttr { atime, mtime, ctime: Some(now), ..SetAttr::default() })
}

/// truncate(2).
///
/// # Errors
/// `EINVAL` for a negative length or a special file, `EISDIR` for a directory, `EROFS` on a
/// read-only mount, `EACCES` without write permission, `EFBIG` (and SIGXFSZ) beyond the
/// process's limit, `ETXTBSY` while the file is executed; what the file system's
/// [`truncate`](crate::Inode::truncate) says.
pub fn truncate(path: &Path, cred: &Cred, size: i64) -> Result<()> {
    let Ok(size) = u64::try_from(size) else {
        return err!(EINVAL, "negative length");
    };
    let inode = path.inode()?;
    match inode.base().kind() {
        FileKind::Regular => {}
        FileKind::Directory => return err!(EISDIR, "truncate of a directory"),
        _ => return err!(EINVAL, "truncate of a special file"),
    }
    perm::check_path(path, cred, May::WRITE)?;
    hooks::check_length(size)?;
    inode.base().get_write()?;
    if inode.base().may_be_setid() && !cred.capable(Caps::FSETID) {
        inode.base().remove_setid();
    }
    let result = inode.truncate(size);
    inode.base().put_write();
    result
}

/// access(2): `cred` are the credentials to check with (for access and faccessat
/// without AT_EACCESS, [`Cred::with_real_ids`]). An empty `may` asks for existence.
///
/// # Errors
/// `EACCES` if one of the accesses is not allowed, or for executing on a mount without
/// programs; `EROFS` for writing on a read-only mount.
pub fn access(path: &Path, cred: &Cred, may: May) -> Result<()> {
    let inode = path.inode()?;
    if may.contains(May::EXEC)
        && inode.base().kind() == FileKind::Regular
        && path.mount().flags().contains(MountFlags::NOEXEC)
    {
        return err!(EACCES, "no programs on this mount");
    }
    perm::check(inode, cred, may)?;
    if may.contains(May::WRITE) {
        return perm::check_path(path, cred, may);
    }
    Ok(())
}
