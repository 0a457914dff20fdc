// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree of mounts.
//!
//! A [`Mount`] shows a file system (or a part of it) at a place of its parent
//! mount. A parent owns its children; a child knows its place.
//!
//! Locks: `CHANGES` (outermost, held for every change of the tree), then the
//! leaves `place` and `children`.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::mount::MountFlags;
use abi::{Result, err};
use framework::sync::{Mutex, SpinLock};

use crate::{Dentry, Inode, Path, SuperBlock, Timestamp, dcache};

/// A file system shown somewhere.
pub struct Mount {
    id: u64,
    sb: Arc<dyn SuperBlock>,
    root: Arc<Dentry>,
    source: Vec<u8>,
    flags: AtomicU32,
    place: SpinLock<Option<Place>>,
    children: SpinLock<Vec<Child>>,
    is_internal: bool,
}

struct Place {
    parent: Weak<Mount>,
    dentry: Arc<Dentry>,
}

struct Child {
    dentry: Arc<Dentry>,
    mount: Arc<Mount>,
}

static CHANGES: Mutex<()> = Mutex::new(());
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

const DAY: i64 = 86_400;

impl Mount {
    /// A mount that is nowhere yet.
    pub fn new(root: Arc<dyn Inode>, source: &[u8], flags: MountFlags) -> Arc<Self> {
        let sb = root.base().sb().clone();
        Self::of(sb, Dentry::new_root(root), source, flags, false)
    }

    /// The mount of anonymous files (pipes); nobody can walk into it.
    pub fn internal(sb: Arc<dyn SuperBlock>) -> Arc<Self> {
        let flags = MountFlags::NOATIME | MountFlags::NODEV | MountFlags::NOEXEC;
        Self::of(sb, Dentry::new_unreachable_root(), b"none", flags, true)
    }

    fn of(
        sb: Arc<dyn SuperBlock>,
        root: Arc<Dentry>,
        source: &[u8],
        flags: MountFlags,
        is_internal: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            sb,
            root,
            source: source.to_vec(),
            flags: AtomicU32::new(flags.bits()),
            place: SpinLock::new(None),
            children: SpinLock::new(Vec::new()),
            is_internal,
        })
    }

    /// Its number in /proc/PID/mountinfo.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The file system.
    pub fn sb(&self) -> &Arc<dyn SuperBlock> {
        &self.sb
    }

    /// What of the file system shows at the place.
    pub fn root(&self) -> &Arc<Dentry> {
        &self.root
    }

    /// Its options.
    #[inline]
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    /// Whether it is the place of anonymous files.
    pub fn is_internal(&self) -> bool {
        self.is_internal
    }

    /// Whether anything may change through this mount.
    ///
    /// # Errors
    /// `EROFS` if it is read-only.
    #[inline]
    pub fn check_writable(&self) -> Result<()> {
        if self.flags().contains(MountFlags::RDONLY) {
            return err!(EROFS, "read-only mount");
        }
        Ok(())
    }

    /// Where it is mounted; `None` for the root of all or one that was detached.
    pub fn place(&self) -> Option<Path> {
        let place = self.place.lock();
        let Place { parent, dentry } = place.as_ref()?;
        Some(Path::new(parent.upgrade()?, dentry.clone()))
    }

    /// What is mounted on `dentry` of this mount.
    pub(crate) fn child_at(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        let children = self.children.lock();
        let is_there = |child: &&Child| Arc::ptr_eq(&child.dentry, dentry);
        children.iter().rev().find(is_there).map(|child| child.mount.clone())
    }

    /// Sets the access time of an inode by this mount's rule.
    pub fn touch_accessed(&self, inode: &Arc<dyn Inode>) {
        let flags = self.flags();
        if flags.intersects(MountFlags::NOATIME | MountFlags::RDONLY) {
            return;
        }
        let base = inode.base();
        if flags.contains(MountFlags::NODIRATIME) && base.is_dir() {
            return;
        }
        let now = Timestamp::now();
        base.update(|attr| {
            let is_due = flags.contains(MountFlags::STRICTATIME)
                || attr.atime <= attr.mtime
                || attr.atime <= attr.ctime
                || now.sec - attr.atime.sec >= DAY;
            if is_due {
                attr.atime = now;
            }
        });
    }

    /// The mounts on this one.
    pub fn children(&self) -> Vec<Arc<Mount>> {
        self.children.lock().iter().map(|child| child.mount.clone()).collect()
    }

    fn attach(self: &Arc<Self>, at: &Path) -> Result<()> {
        if at.dentry().is_unlinked() {
            return err!(ENOENT, "the mount point was removed");
        }
        at.dentry().mounts.fetch_add(1, Ordering::AcqRel);
        let dentry = at.dentry().clone();
        *self.place.lock() =
            Some(Place { parent: Arc::downgrade(at.mount()), dentry: dentry.clone() });
        at.mount().children.lock().push(Child { dentry, mount: self.clone() });
        Ok(())
    }

    fn detach(self: &Arc<Self>) {
        let Some(place) = self.place.lock().take() else { return };
        place.dentry.mounts.fetch_sub(1, Ordering::AcqRel);
        if let Some(parent) = place.parent.upgrade() {
            let mut children = parent.children.lock();
            let found = children.iter().position(|child| Arc::ptr_eq(&child.mount, self));
            let removed = found.map(|index| children.remove(index));
            drop(children);
            drop(removed);
        }
    }
}

/// Mounts a file system on the directory `at`, where something else may be mounted.
///
/// # Errors
/// `ENOENT` if `at` has no inode or was removed, `ENOTDIR` if only one of `at` and `root`
/// is a directory.
pub fn mount(at: &Path, root: Arc<dyn Inode>, source: &[u8], flags: MountFlags) -> Result<Path> {
    let _changes = CHANGES.lock();
    if root.base().is_dir() != at.inode()?.base().is_dir() {
        return err!(ENOTDIR, "a mount point is a directory");
    }
    let mount = Mount::new(root, source, flags);
    mount.attach(at)?;
    Ok(Path::new(mount.clone(), mount.root.clone()))
}

/// Shows what is at `from` also at `at` (MS_BIND).
///
/// # Errors
/// `ENOENT` if a place has no inode or `at` was removed; `ENOTDIR` if only one of the two
/// is a directory, or for an anonymous file.
pub fn bind(from: &Path, at: &Path) -> Result<Path> {
    let _changes = CHANGES.lock();
    let old = from.mount();
    if old.is_internal || from.inode()?.base().is_dir() != at.inode()?.base().is_dir() {
        return err!(ENOTDIR, "bind of unlike things");
    }
    let root = from.dentry().clone();
    let mount = Mount::of(old.sb.clone(), root.clone(), &old.source, old.flags(), false);
    mount.attach(at)?;
    Ok(Path::new(mount, root))
}

/// Changes the options of the mount at `at` (MS_REMOUNT).
///
/// # Errors
/// `EINVAL` if `at` is not the root of a mount.
pub fn remount(at: &Path, flags: MountFlags) -> Result<()> {
    let _changes = CHANGES.lock();
    if !Arc::ptr_eq(at.dentry(), &at.mount().root) {
        return err!(EINVAL, "not a mount point");
    }
    at.mount().flags.store(flags.bits(), Ordering::Relaxed);
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
    if !Arc::ptr_eq(from.dentry(), &mount.root) || mount.place().is_none() {
        return err!(EINVAL, "not a mount that can move");
    }
    if mount.root.inode().is_some_and(|inode| inode.base().is_dir()) != to.inode()?.base().is_dir()
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
    /// Detached at once, with everything on it; freed when the last user is gone (MNT_DETACH).
    Detach,
}

/// Unmounts the mount whose root is `at`.
///
/// # Errors
/// `EINVAL` if `at` is not the root of a mount, or of the tree; `EBUSY` with
/// [`Unmount::IfUnused`] while other mounts are on it or a file or directory of it is in
/// use.
pub fn umount(at: Path, how: Unmount) -> Result<()> {
    let _changes = CHANGES.lock();
    let mount = at.mount().clone();
    if !Arc::ptr_eq(at.dentry(), &mount.root) || mount.place().is_none() {
        return err!(EINVAL, "not a mount point");
    }
    drop(at);
    if how == Unmount::IfUnused {
        // Ours and the parent's.
        if !mount.children.lock().is_empty() || Arc::strong_count(&mount) > 2 {
            return err!(EBUSY, "the mount is in use");
        }
    }
    let mut queue = alloc::vec![mount];
    while let Some(next) = queue.pop() {
        queue.extend(next.children());
        next.detach();
        dcache::purge(&next.sb);
    }
    Ok(())
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
        &self.mount.source
    }

    /// All options joined by commas: the mount's and the file system's.
    pub fn options(&self) -> Vec<u8> {
        let flags = self.mount.flags();
        let words: [(MountFlags, &[u8]); 6] = [
            (MountFlags::NOSUID, b",nosuid"),
            (MountFlags::NODEV, b",nodev"),
            (MountFlags::NOEXEC, b",noexec"),
            (MountFlags::NOATIME, b",noatime"),
            (MountFlags::NODIRATIME, b",nodiratime"),
            (MountFlags::RELATIME, b",relatime"),
        ];
        let is_read_only = flags.contains(MountFlags::RDONLY);
        let mut out = if is_read_only { b"ro".to_vec() } else { b"rw".to_vec() };
        for (flag, word) in words {
            if flags.contains(flag) {
                out.extend_from_slice(word);
            }
        }
        self.mount.sb.show_options(&mut out);
        out
    }
}

/// Every mount that can be reached from `root`, parents first.
pub fn list(root: &Path) -> Vec<MountInfo> {
    let mut out = Vec::new();
    let mut queue = alloc::vec![root.mount().clone()];
    while let Some(mount) = queue.pop() {
        let top = Path::new(mount.clone(), mount.root.clone());
        let parent_id = mount.place().map_or(mount.id, |place| place.mount().id);
        let text = if Arc::ptr_eq(&mount, root.mount()) {
            Some(b"/".to_vec())
        } else {
            crate::path::visible(&top, root)
        };
        let mut children = mount.children();
        children.reverse();
        queue.extend(children);
        if let Some(mount_point) = text {
            out.push(MountInfo { mount, parent_id, mount_point });
        }
    }
    out
}
