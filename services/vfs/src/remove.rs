// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Calls that remove names: unlink and rmdir.
//!
//! Locks: the superblock's tree shared, then the directory.

use abi::{Result, err};

use crate::lookup::{Last, Parent, child_locked, writable_mount};
use crate::perm::{self, Victim};
use crate::{Inode, Resolver};

/// unlink(2).
///
/// # Errors
/// Those of [`Resolver::lookup`]. `EISDIR` for a directory, `ENOTDIR` for a slash behind
/// anything else, `EROFS` on a read-only mount, `EACCES` without permission to change the
/// directory, `EPERM` in a sticky one unless `cred` owns file or directory, `EBUSY` for a
/// mount point; what the file system's [`Inode::unlink`] says.
pub fn unlink(resolver: &Resolver<'_>, path: &[u8]) -> Result<()> {
    let parent = resolver.parent(path)?;
    let Last::Name(name) = &parent.last else {
        return err!(EISDIR, "unlink of a directory");
    };
    remove(&parent, name, resolver, Victim::NotDirectory)
}

/// rmdir(2).
///
/// # Errors
/// Those of [`Resolver::lookup`]. `EINVAL` for `.`, `ENOTEMPTY` for `..`, `EBUSY` for the
/// root or a mount point, `ENOTDIR` for what is no directory, `EROFS`, `EACCES` and `EPERM`
/// as in [`unlink`]; what the file system's [`Inode::rmdir`] says, which is `ENOTEMPTY` for
/// one with entries.
pub fn rmdir(resolver: &Resolver<'_>, path: &[u8]) -> Result<()> {
    let parent = resolver.parent(path)?;
    match &parent.last {
        Last::Name(name) => remove(&parent, name, resolver, Victim::Directory),
        Last::Dot => err!(EINVAL, "rmdir of ."),
        Last::DotDot => err!(ENOTEMPTY, "rmdir of .."),
        Last::Root => err!(EBUSY, "rmdir of the root"),
    }
}

fn remove(parent: &Parent<'_>, name: &[u8], resolver: &Resolver<'_>, want: Victim) -> Result<()> {
    writable_mount(&parent.dir)?;
    let dir = parent.dir.dentry();
    let dir_inode = parent.dir.inode()?;
    let dead;
    {
        let _tree = dir_inode.base().sb().base().tree.read();
        let _dir = dir_inode.base().dir.lock();
        let child = child_locked(dir, dir_inode, name)?;
        let victim = child.positive()?;
        if parent.has_slash && want == Victim::NotDirectory {
            check_slash(victim.as_ref())?;
        }
        perm::may_delete(&parent.dir, victim, resolver.cred, want)?;
        if child.is_mountpoint() {
            return err!(EBUSY, "something is mounted there");
        }
        match want {
            Victim::Directory => dir_inode.rmdir(name, victim)?,
            Victim::NotDirectory | Victim::Any => dir_inode.unlink(name, victim)?,
        }
        dir.unhash_child(&child);
        dead = child;
    }
    // The last reference may free a whole file: outside of the locks.
    drop(dead);
    Ok(())
}

fn check_slash(victim: &dyn Inode) -> Result<()> {
    if victim.base().is_dir() {
        return err!(EISDIR, "unlink of a directory");
    }
    err!(ENOTDIR, "slash behind a name that is no directory")
}
