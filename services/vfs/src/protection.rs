// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What users must not make others do with links and files in shared directories
//! (`fs.protected_*`), with the levels of Debian's kernels.
//!
//! Spec: Documentation/admin-guide/sysctl/fs.rst of Linux 6.12.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use abi::stat::{S_ISGID, S_ISUID, S_ISVTX, S_IWGRP, S_IWOTH, S_IXGRP};
use abi::{Result, err};
use cred::Cred;

use crate::{FileKind, Inode, May, Owner, perm};

/// How far one kind of thing is protected.
pub struct Protection(AtomicU8);

/// Links to what one could not write oneself.
pub static HARD_LINKS: Protection = Protection(AtomicU8::new(1));
/// Links that others put into a sticky directory.
pub static SYMBOLIC_LINKS: Protection = Protection(AtomicU8::new(1));
/// FIFOs that others put into a sticky directory.
pub static FIFOS: Protection = Protection(AtomicU8::new(0));
/// Files that others put into a sticky directory.
pub static REGULAR: Protection = Protection(AtomicU8::new(0));

impl Protection {
    /// 0 for not at all.
    pub fn level(&self) -> u8 {
        self.0.load(Relaxed)
    }

    /// Sets the level.
    ///
    /// # Errors
    /// None: the caller has checked the bounds.
    pub fn set_level(&self, level: u8) -> Result<()> {
        self.0.store(level, Relaxed);
        Ok(())
    }
}

/// Whether `cred` may give the file another name.
pub(crate) fn check_hard_link(target: &Arc<dyn Inode>, cred: &Cred) -> Result<()> {
    if HARD_LINKS.level() == 0 || perm::is_owner(target, cred) {
        return Ok(());
    }
    let is_regular = target.base().kind() == FileKind::Regular;
    let perm = target.base().owner().perm;
    let gives_rights = perm & S_ISUID != 0 || perm & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP;
    if is_regular && !gives_rights && perm::check(target, cred, May::READ | May::WRITE).is_ok() {
        return Ok(());
    }
    err!(EPERM, "fs.protected_hardlinks")
}

/// Whether `cred` may follow the last link of a path, which is in a directory of `dir`.
pub(crate) fn check_symbolic_link(dir: &Owner, link: &Owner, cred: &Cred) -> Result<()> {
    let is_shared = dir.perm & (S_ISVTX | S_IWOTH) == S_ISVTX | S_IWOTH;
    let is_trusted = link.uid == cred.fsuid || link.uid == dir.uid;
    if SYMBOLIC_LINKS.level() == 0 || !is_shared || is_trusted {
        return Ok(());
    }
    err!(EACCES, "fs.protected_symlinks")
}

/// Whether `cred` may open what is there already with O_CREAT, in a directory of `dir`.
pub(crate) fn check_open_creating(dir: &Owner, found: &Arc<dyn Inode>, cred: &Cred) -> Result<()> {
    let level = match found.base().kind() {
        FileKind::Regular => REGULAR.level(),
        FileKind::Fifo => FIFOS.level(),
        _ => 1,
    };
    let owner = found.base().owner().uid;
    if dir.perm & S_ISVTX == 0 || level == 0 || owner == dir.uid || owner == cred.fsuid {
        return Ok(());
    }
    if dir.perm & S_IWOTH != 0 || (dir.perm & S_IWGRP != 0 && level >= 2) {
        return err!(EACCES, "fs.protected_regular or fs.protected_fifos");
    }
    Ok(())
}
