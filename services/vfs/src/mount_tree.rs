// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree of mounts: its changes, and the list of what is in it.
//!
//! Locks: `CHANGES` (sleeping, held for every change of the tree), outermost.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::mount::MountFlags;
use abi::{Result, err, error};
use framework::sync::Mutex;

use crate::mount::check_place;
use crate::{Inode, Mount, Path, dentry};

static CHANGES: Mutex<()> = Mutex::new(());

/// Mounts a file system on the directory `at`, where something else may be mounted.
///
/// # Errors
/// `ENOENT` if `at` has no inode, was removed or never had a name, `ENOTDIR` if only one of `at` and `root`
/// is a directory.
pub fn mount(at: &Path, root: Arc<dyn Inode>, source: &[u8], flags: MountFlags) -> Result<Path> {
    let _changes = CHANGES.lock();
    check_place(at)?;
    if root.base().is_dir() != at.inode()?.base().is_dir() {
        return err!(ENOTDIR, "a mount point is a directory");
    }
    let mount = Mount::new(root, source, flags);
    mount.attach(at)?;
    Ok(Path::new(mount.clone(), mount.root().clone()))
}

/// Shows what is at `from` also at `at` (MS_BIND).
///
/// # Errors
/// `ENOENT` if a place has no inode or `at` was removed or never had a name; `EINVAL` if
/// `from` never had one; `ENOTDIR` if only one of the two is a directory.
pub fn bind(from: &Path, at: &Path) -> Result<Path> {
    let _changes = CHANGES.lock();
    check_place(at)?;
    let old = from.mount();
    if old.is_internal() {
        return err!(EINVAL, "bind of what has no name");
    }
    if from.inode()?.base().is_dir() != at.inode()?.base().is_dir() {
        return err!(ENOTDIR, "bind of unlike things");
    }
    let root = from.dentry().clone();
    let mount = Mount::of(old.sb().clone(), root.clone(), old.source(), old.flags(), false);
    mount.attach(at)?;
    Ok(Path::new(mount, root))
}

/// What a remount changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remount<'a> {
    /// The one mount only (MS_BIND).
    Mount,
    /// The file system too, by these options.
    FileSystem(&'a [u8]),
}

/// Changes the options of the mount at `at` (MS_REMOUNT).
///
/// # Errors
/// `EINVAL` if `at` is not the root of a mount; `EBUSY` for read-only while files are open
/// for writing; what the file system's [`reconfigure`](crate::SuperBlock::reconfigure) says.
pub fn remount(at: &Path, flags: MountFlags, what: Remount<'_>) -> Result<()> {
    let _changes = CHANGES.lock();
    let mount = at.mount();
    if !Arc::ptr_eq(at.dentry(), mount.root()) {
        return err!(EINVAL, "not a mount point");
    }
    let before = mount.flags();
    mount.change_flags(flags, what != Remount::Mount)?;
    if let Remount::FileSystem(options) = what {
        mount.sb().reconfigure(options).inspect_err(|_| mount.set_flags(before))?;
    }
    Ok(())
}

/// Moves the mount at `from` to `to` (MS_MOVE).
///
/// # Errors
/// `EINVAL` if `from` is not the root of a mount or the mount is nowhere, `ENOTDIR` if only
/// one of the two is a directory, `ELOOP` if `to` is below the mount, `ENOENT` if `to` was
/// removed.
pub fn move_mount(from: &Path, to: &Path) -> Result<()> {
    let _changes = CHANGES.lock();
    let mount = from.mount();
    if !Arc::ptr_eq(from.dentry(), mount.root()) || mount.place().is_none() {
        return err!(EINVAL, "not a mount that can move");
    }
    if mount.root().inode().is_some_and(|inode| inode.base().is_dir())
        != to.inode()?.base().is_dir()
    {
        return err!(ENOTDIR, "move onto an unlike thing");
    }
    let mut above = Some(to.mount().clone());
    while let Some(ancestor) = above {
        if Arc::ptr_eq(&ancestor, mount) {
            return err!(ELOOP, "move below itself");
        }
        above = ancestor.place().map(|place| place.mount().clone());
    }
    mount.detach();
    mount.attach(to)
}

/// Whether umount(2) insists that nobody uses the mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmount {
    /// `EBUSY` while it is in use.
    IfUnused,
    /// The same, and only if it was asked for before and the mount not used since; `EAGAIN`
    /// the first time (MNT_EXPIRE).
    IfExpired,
    /// Detached at once, with everything on it; freed when the last user is gone (MNT_DETACH).
    Detach,
}

/// Unmounts the mount whose root is `at`.
///
/// # Errors
/// `EINVAL` if `at` is not the root of a mount, or of the tree; `EAGAIN` for a mount that has
/// not expired yet; `EBUSY` without [`Unmount::Detach`] while other mounts are on it or a file or directory of it is in
/// use.
pub fn umount(at: Path, how: Unmount) -> Result<()> {
    let _changes = CHANGES.lock();
    let mount = at.mount().clone();
    if !Arc::ptr_eq(at.dentry(), mount.root()) || mount.place().is_none() {
        return err!(EINVAL, "not a mount point");
    }
    drop(at);
    // Ours and the parent's.
    let is_used = || mount.has_children() || Arc::strong_count(&mount) > 2;
    if how != Unmount::Detach && is_used() {
        return err!(EBUSY, "the mount is in use");
    }
    if how == Unmount::IfExpired && !mount.expire() {
        return err!(EAGAIN, "the mount may be used again");
    }
    loop {
        let mut leaf = mount.clone();
        while let Some(child) = leaf.first_child() {
            leaf = child;
        }
        leaf.detach();
        dentry::purge(leaf.sb());
        if Arc::ptr_eq(&leaf, &mount) {
            return Ok(());
        }
    }
}

/// One mount as /proc/mounts and /proc/PID/mountinfo describe it.
pub struct MountInfo {
    /// The mount.
    pub mount: Arc<Mount>,
    /// The id of the mount it is on; its own for the root.
    pub parent_id: u64,
    /// Where, seen from the asking process's root.
    pub mount_point: Vec<u8>,
}

impl MountInfo {
    /// What was mounted.
    pub fn source(&self) -> &[u8] {
        self.mount.source()
    }

    /// All options joined by commas: the mount's and the file system's.
    pub fn options(&self) -> Vec<u8> {
        let flags = self.mount.flags();
        let words: [(MountFlags, &[u8]); 7] = [
            (MountFlags::NOSUID, b",nosuid"),
            (MountFlags::NODEV, b",nodev"),
            (MountFlags::NOEXEC, b",noexec"),
            (MountFlags::NOATIME, b",noatime"),
            (MountFlags::NODIRATIME, b",nodiratime"),
            (MountFlags::RELATIME, b",relatime"),
            (MountFlags::NOSYMFOLLOW, b",nosymfollow"),
        ];
        let is_read_only = flags.contains(MountFlags::RDONLY);
        let mut out = if is_read_only { b"ro".to_vec() } else { b"rw".to_vec() };
        for (flag, word) in words {
            if flags.contains(flag) {
                out.extend_from_slice(word);
            }
        }
        self.mount.sb().show_options(&mut out);
        out
    }
}

/// Every mount that can be reached from `root`, parents first.
///
/// # Errors
/// `ENOMEM`: there may be many mounts, in long places.
pub fn list(root: &Path) -> Result<Vec<MountInfo>> {
    let no_memory = |_| error!(ENOMEM, "many mounts");
    let mut out = Vec::new();
    let mut queue = alloc::vec![root.mount().clone()];
    while let Some(mount) = queue.pop() {
        let top = Path::new(mount.clone(), mount.root().clone());
        let parent_id = mount.place().map_or(mount.id(), |place| place.mount().id());
        let text = if Arc::ptr_eq(&mount, root.mount()) {
            Some(b"/".to_vec())
        } else {
            crate::path::visible(&top, root)?
        };
        mount.children(&mut queue)?;
        if let Some(mount_point) = text {
            out.try_reserve(1).map_err(no_memory)?;
            out.push(MountInfo { mount, parent_id, mount_point });
        }
    }
    Ok(out)
}
