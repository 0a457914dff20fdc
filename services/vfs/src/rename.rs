// SPDX-License-Identifier: Apache-2.0 OR MIT
//! rename(2) and its flags.
//!
//! Locks: the superblock's tree exclusively: nothing else reads or changes a directory
//! of this file system meanwhile. Another superblock is ruled out before (`EXDEV`), so
//! two are never locked, and the ancestors of both places are all below this lock.

use alloc::sync::Arc;

use abi::fs::RenameFlags;
use abi::{Result, err};
use cred::Cred;

use crate::lookup::{Last, Parent, child_locked, writable_mount};
use crate::perm::{self, Victim};
use crate::{Dentry, Inode, May, Rename, RenameMode, Resolver};

/// Whether the folder of a path can be reached.
///
/// # Errors
/// Those of [`Resolver::lookup`] for all but the last name.
pub fn check_parent(resolver: &Resolver<'_>, path: &[u8]) -> Result<()> {
    resolver.parent(path).map(|_| ())
}

/// renameat2(2).
///
/// # Errors
/// Those of [`Resolver::lookup`] for both paths, and:
///
/// - `EINVAL` for WHITEOUT or contradicting flags, or to move a directory below itself;
/// - `EXDEV` across mounts, `EROFS` on a read-only one, `EBUSY` for a mount point, `.`,
///   `..` or the root;
/// - `EEXIST` if the new name exists and NOREPLACE forbids it;
/// - `ENOTDIR` if a directory would replace a file, or a slash stands behind the name of
///   one, `EISDIR` if a file would replace a directory, `ENOTEMPTY` onto an ancestor;
/// - `EACCES` without permission to change both directories, or a moved directory's `..`,
///   `EPERM` in a sticky one unless `cred` owns file or directory;
/// - what the file system's [`Inode::rename`] says.
pub fn rename(
    old_resolver: &Resolver<'_>,
    old_path: &[u8],
    new_resolver: &Resolver<'_>,
    new_path: &[u8],
    flags: RenameFlags,
) -> Result<()> {
    let is_exchange = flags.contains(RenameFlags::EXCHANGE);
    if flags.contains(RenameFlags::WHITEOUT)
        || (is_exchange && flags.contains(RenameFlags::NOREPLACE))
    {
        return err!(EINVAL, "rename flags");
    }
    let old = old_resolver.parent(old_path)?;
    let new = new_resolver.parent(new_path)?;
    if !Arc::ptr_eq(old.dir.mount(), new.dir.mount()) {
        return err!(EXDEV, "rename across mounts");
    }
    let Last::Name(old_name) = &old.last else {
        return err!(EBUSY, "rename of dots or the root");
    };
    let Last::Name(new_name) = &new.last else {
        if flags.contains(RenameFlags::NOREPLACE) {
            return err!(EEXIST, "dots and slashes always exist");
        }
        return err!(EBUSY, "rename to dots or the root");
    };
    writable_mount(&old.dir)?;
    let job = Job { old: &old, old_name, new: &new, new_name, flags, cred: old_resolver.cred };
    let replaced = {
        let _tree = old.dir.mount().sb().base().tree.write();
        job.run()?
    };
    drop(replaced);
    Ok(())
}

struct Job<'a> {
    old: &'a Parent<'a>,
    old_name: &'a [u8],
    new: &'a Parent<'a>,
    new_name: &'a [u8],
    flags: RenameFlags,
    cred: &'a Cred,
}

impl Job<'_> {
    /// Renames; returns a dentry that lost its name, to drop outside of the lock.
    fn run(&self) -> Result<Option<Arc<Dentry>>> {
        let (old_dir, new_dir) = (self.old.dir.dentry(), self.new.dir.dentry());
        let (old_inode, new_inode) = (self.old.dir.inode()?, self.new.dir.inode()?);
        let source = child_locked(old_dir, old_inode, self.old_name)?;
        source.positive()?;
        if new_dir.is_unlinked() {
            return err!(ENOENT, "the new directory was removed");
        }
        let target = child_locked(new_dir, new_inode, self.new_name)?;
        self.check_shape(&source, &target)?;
        let moved = source.positive()?;
        if target.inode().is_some_and(|target| Arc::ptr_eq(target, moved)) {
            return Ok(None);
        }
        self.check_permission(moved, target.inode())?;
        if source.is_mountpoint() || target.is_mountpoint() {
            return err!(EBUSY, "a mount point cannot be renamed");
        }
        let is_exchange = self.flags.contains(RenameFlags::EXCHANGE);
        old_inode.rename(&Rename {
            old_name: self.old_name,
            old: moved,
            new_dir: new_inode,
            new_name: self.new_name,
            replaced: target.inode(),
            mode: if is_exchange { RenameMode::Exchange } else { RenameMode::Replace },
        })?;
        if is_exchange {
            old_dir.move_child(&source, new_dir, self.new_name);
            new_dir.move_child(&target, old_dir, self.old_name);
            return Ok(None);
        }
        new_dir.unhash_child(&target);
        old_dir.move_child(&source, new_dir, self.new_name);
        Ok(Some(target))
    }

    /// Existence, slashes and ancestry.
    fn check_shape(&self, source: &Arc<Dentry>, target: &Arc<Dentry>) -> Result<()> {
        let is_exchange = self.flags.contains(RenameFlags::EXCHANGE);
        let is_dir = |dentry: &Dentry| dentry.inode().is_some_and(|inode| inode.base().is_dir());
        if self.flags.contains(RenameFlags::NOREPLACE) && target.inode().is_some() {
            return err!(EEXIST, "the new name exists");
        }
        if is_exchange {
            target.positive()?;
            if !is_dir(target) && self.new.has_slash {
                return err!(ENOTDIR, "slash behind a name that is no directory");
            }
        }
        if !is_dir(source) && (self.old.has_slash || (!is_exchange && self.new.has_slash)) {
            return err!(ENOTDIR, "slash behind a name that is no directory");
        }
        if source.is_ancestor_of(self.new.dir.dentry()) {
            return err!(EINVAL, "rename below itself");
        }
        if target.inode().is_some() && target.is_ancestor_of(self.old.dir.dentry()) {
            return if is_exchange {
                err!(EINVAL, "exchange with an ancestor")
            } else {
                err!(ENOTEMPTY, "rename onto an ancestor")
            };
        }
        Ok(())
    }

    fn check_permission(
        &self,
        moved: &Arc<dyn Inode>,
        target: Option<&Arc<dyn Inode>>,
    ) -> Result<()> {
        let is_exchange = self.flags.contains(RenameFlags::EXCHANGE);
        let moves_dir = moved.base().is_dir();
        perm::may_delete(&self.old.dir, moved, self.cred, Victim::Any)?;
        match target {
            None => perm::may_create(&self.new.dir, self.cred)?,
            Some(target) => {
                let want = match (is_exchange, moves_dir) {
                    (true, _) => Victim::Any,
                    (false, true) => Victim::Directory,
                    (false, false) => Victim::NotDirectory,
                };
                perm::may_delete(&self.new.dir, target, self.cred, want)?;
            }
        }
        if !Arc::ptr_eq(self.old.dir.dentry(), self.new.dir.dentry()) {
            if moves_dir {
                perm::check(moved, self.cred, May::WRITE)?;
            }
            if let Some(target) = target.filter(|target| is_exchange && target.base().is_dir()) {
                perm::check(target, self.cred, May::WRITE)?;
            }
        }
        Ok(())
    }
}
