// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Calls that add names: mkdir, mknod, symlink, link.
//!
//! Locks: the superblock's tree shared, then the directory.

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::limits::PATH_MAX;
use abi::stat::{S_IALLUGO, S_IFMT, S_IRWXUGO, S_ISVTX};
use abi::{Result, err};

use crate::lookup::{Last, Parent, child_locked};
use crate::{DeviceId, FileKind, Inode, NewKind, Path, Resolver, perm, protection};

/// mkdir(2).
///
/// # Errors
/// Those of [`Resolver::lookup`] on the way to the parent. `EEXIST` if the name exists;
/// `EROFS` on a read-only mount, `ENOENT` in a directory that was removed, `EACCES` without
/// permission to write and search there; what the file system's [`Inode::create`] says.
pub fn mkdir(resolver: &Resolver<'_>, path: &[u8], mode: u32) -> Result<Path> {
    make(resolver, path, NewKind::Directory, mode & (S_IRWXUGO | S_ISVTX))
}

/// mknod(2); `mode` carries the type, none meaning a regular file.
///
/// # Errors
/// Those of [`mkdir`]. Also `EPERM` for a directory, and for a device without CAP_MKNOD,
/// `EINVAL` for any other unknown type, `ENOENT` for a name with a slash behind it.
pub fn mknod(resolver: &Resolver<'_>, path: &[u8], mode: u32, dev: DeviceId) -> Result<Path> {
    let kind = match FileKind::from_mode(mode) {
        None if mode & S_IFMT == 0 => NewKind::Regular,
        Some(FileKind::Regular) => NewKind::Regular,
        Some(FileKind::CharDevice) => NewKind::CharDevice(dev),
        Some(FileKind::BlockDevice) => NewKind::BlockDevice(dev),
        Some(FileKind::Fifo) => NewKind::Fifo,
        Some(FileKind::Socket) => NewKind::Socket,
        Some(FileKind::Directory) => return err!(EPERM, "directories are made by mkdir"),
        Some(FileKind::Symlink | FileKind::Anonymous) | None => {
            return err!(EINVAL, "unknown file type");
        }
    };
    make(resolver, path, kind, mode & S_IALLUGO)
}

/// symlink(2).
///
/// # Errors
/// Those of [`mkdir`]. Also `ENOENT` for an empty target or a slash behind the new name,
/// `ENAMETOOLONG` for a target of [`PATH_MAX`] bytes or more.
pub fn symlink(resolver: &Resolver<'_>, target: &[u8], path: &[u8]) -> Result<Path> {
    if target.is_empty() {
        return err!(ENOENT, "empty link target");
    }
    if target.len() >= PATH_MAX {
        return err!(ENAMETOOLONG, "link target too long");
    }
    make(resolver, path, NewKind::Symlink(target), S_IRWXUGO)
}

fn make(resolver: &Resolver<'_>, path: &[u8], kind: NewKind<'_>, perm: u32) -> Result<Path> {
    let parent = resolver.parent(path)?;
    let umask = if matches!(kind, NewKind::Symlink(_)) { 0 } else { resolver.umask };
    add(
        &parent,
        kind == NewKind::Directory,
        resolver,
        || Ok(()),
        |dir, name| {
            let is_device = match kind {
                // Device 0 is nobody's: overlays mark removed names with it.
                NewKind::CharDevice(dev) => dev != DeviceId::default(),
                NewKind::BlockDevice(_) => true,
                _ => false,
            };
            if is_device && !resolver.cred.capable(Caps::MKNOD) {
                return err!(EPERM, "device nodes need CAP_MKNOD");
            }
            dir.create(name, &perm::new_inode(dir, kind, (perm, umask), resolver.cred))
        },
    )
}

/// Adds the last component of `parent` by `create`, after all checks, under the locks;
/// `allow` is asked before the permissions of the directory.
fn add(
    parent: &Parent<'_>,
    is_dir: bool,
    resolver: &Resolver<'_>,
    allow: impl FnOnce() -> Result<()>,
    create: impl FnOnce(&Arc<dyn Inode>, &[u8]) -> Result<Arc<dyn Inode>>,
) -> Result<Path> {
    let Last::Name(name) = &parent.last else {
        return err!(EEXIST, "dots and slashes always exist");
    };
    let dir = parent.dir.dentry();
    let dir_inode = parent.dir.inode()?;
    let _tree = dir_inode.base().sb().base().tree.read();
    let _dir = dir_inode.base().dir.lock();
    if child_locked(dir, dir_inode, name)?.inode().is_some() {
        return err!(EEXIST, "the name exists");
    }
    if parent.has_slash && !is_dir {
        return err!(ENOENT, "slash behind a new name that is no directory");
    }
    parent.dir.mount().check_writable()?;
    allow()?;
    perm::may_create(&parent.dir, resolver.cred)?;
    let inode = create(dir_inode, name)?;
    let dentry = dir.add_child(name, Some(inode));
    Ok(Path::new(parent.dir.mount().clone(), dentry))
}

/// link(2): a new name at `path` for what is at `old`.
///
/// # Errors
/// Those of [`mkdir`]. Also `EXDEV` across mounts or file systems, `EPERM` for a directory,
/// `ENOENT` for a file without a name unless O_TMPFILE allowed it one, or a slash behind
/// the new name; what the file system's [`Inode::link`] says.
pub fn link(old: &Path, resolver: &Resolver<'_>, path: &[u8]) -> Result<()> {
    let target = old.inode()?;
    let parent = resolver.parent(path)?;
    let allow = || {
        if !Arc::ptr_eq(old.mount(), parent.dir.mount()) {
            return err!(EXDEV, "link across mounts");
        }
        protection::check_hard_link(target, resolver.cred)
    };
    add(&parent, false, resolver, allow, |dir, name| {
        if !Arc::ptr_eq(target.base().sb(), dir.base().sb()) {
            return err!(EXDEV, "link across file systems");
        }
        if target.base().is_dir() {
            return err!(EPERM, "link to a directory");
        }
        if target.base().attr().nlink == 0 && !target.base().is_linkable() {
            return err!(ENOENT, "the file has no name any more");
        }
        dir.link(name, target)?;
        Ok(target.clone())
    })?;
    Ok(())
}
