// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may do what with an inode.
//!
//! Spec: path_resolution(7), capabilities(7).

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::stat::{S_IALLUGO, S_ISGID, S_ISVTX, S_IXGRP, S_IXUGO};
use abi::{Result, err};
use cred::Cred;

use crate::{FileKind, Inode, May, NewInode, NewKind, Owner, Path};

/// Whether `cred` may access the inode in all ways of `may`.
///
/// # Errors
/// `EACCES` if it may not.
#[inline]
pub fn check(inode: &Arc<dyn Inode>, cred: &Cred, may: May) -> Result<()> {
    let base = inode.base();
    let attr = base.owner();
    if granted(&attr, cred).contains(may) || overridden(base.kind(), &attr, cred, may) {
        return Ok(());
    }
    err!(EACCES, "permission denied")
}

/// As [`check`], with the mount in mind.
///
/// # Errors
/// `ENOENT` if there is no inode; `EROFS` for writing to a file, directory or link of a
/// read-only mount, devices and FIFOs excepted; `EACCES` as [`check`] says.
pub fn check_path(path: &Path, cred: &Cred, may: May) -> Result<()> {
    let inode = path.inode()?;
    if may.contains(May::WRITE) {
        match inode.base().kind() {
            FileKind::Regular | FileKind::Directory | FileKind::Symlink => {
                path.mount().check_writable()?;
            }
            _ => {}
        }
    }
    check(inode, cred, may)
}

fn granted(attr: &Owner, cred: &Cred) -> May {
    let bits = if cred.fsuid == attr.uid {
        attr.perm >> 6
    } else if cred.in_group(attr.gid) {
        attr.perm >> 3
    } else {
        attr.perm
    };
    May::from_bits_truncate(bits & 7)
}

fn overridden(kind: FileKind, attr: &Owner, cred: &Cred, may: May) -> bool {
    if kind == FileKind::Directory {
        return cred.capable(Caps::DAC_OVERRIDE)
            || (!may.contains(May::WRITE) && cred.capable(Caps::DAC_READ_SEARCH));
    }
    if may == May::READ && cred.capable(Caps::DAC_READ_SEARCH) {
        return true;
    }
    (!may.contains(May::EXEC) || attr.perm & S_IXUGO != 0) && cred.capable(Caps::DAC_OVERRIDE)
}

/// Whether `cred` owns the inode or has CAP_FOWNER.
pub fn is_owner(inode: &Arc<dyn Inode>, cred: &Cred) -> bool {
    cred.fsuid == inode.base().owner().uid || cred.capable(Caps::FOWNER)
}

/// Whether entries may be added to the directory.
pub(crate) fn may_create(dir: &Path, cred: &Cred) -> Result<()> {
    dir.mount().check_writable()?;
    if dir.dentry().is_unlinked() {
        return err!(ENOENT, "the directory was removed");
    }
    check(dir.inode()?, cred, May::WRITE | May::EXEC)
}

/// What must hold of a victim of removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Directory,
    NotDirectory,
    Any,
}

/// Whether the entry that names `victim` may be removed from the directory.
pub(crate) fn may_delete(
    dir: &Path,
    victim: &Arc<dyn Inode>,
    cred: &Cred,
    want: Victim,
) -> Result<()> {
    dir.mount().check_writable()?;
    let dir_inode = dir.inode()?;
    check(dir_inode, cred, May::WRITE | May::EXEC)?;
    let attr = dir_inode.base().owner();
    let is_free = attr.perm & S_ISVTX == 0
        || cred.fsuid == attr.uid
        || cred.fsuid == victim.base().owner().uid
        || cred.capable(Caps::FOWNER);
    if !is_free {
        return err!(EPERM, "sticky directory");
    }
    match (want, victim.base().is_dir()) {
        (Victim::Directory, false) => err!(ENOTDIR),
        (Victim::NotDirectory, true) => err!(EISDIR),
        _ => Ok(()),
    }
}

/// The owner, group and final bits of a new inode in `dir`. Whether the set-group-ID bit is
/// one is decided before the umask takes the group's right to execute away.
pub(crate) fn new_inode<'a>(
    dir: &Arc<dyn Inode>,
    kind: NewKind<'a>,
    (perm, umask): (u32, u32),
    cred: &Cred,
) -> NewInode<'a> {
    let dir_attr = dir.base().owner();
    let mut new = NewInode { kind, perm: perm & S_IALLUGO, uid: cred.fsuid, gid: cred.fsgid };
    if dir_attr.perm & S_ISGID != 0 {
        new.gid = dir_attr.gid;
        if kind == NewKind::Directory {
            new.perm |= S_ISGID;
        } else if new.perm & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP
            && !cred.in_group(new.gid)
            && !cred.capable(Caps::FSETID)
        {
            new.perm &= !S_ISGID;
        }
    }
    new.perm &= !umask;
    new
}
