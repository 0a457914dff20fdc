// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mounts: file systems shown somewhere.
//!
//! A [`Mount`] shows a file system (or a part of it) at a place of its parent
//! mount. A parent owns its children, of which there may be many; a child knows its place.
//! [`mount_tree`](crate::mount_tree) changes both.
//!
//! Locks: `place` and `children` (preemption off) are leaves.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use abi::mount::MountFlags;
use abi::{Result, err, error};
use framework::sync::SpinLock;

use crate::{Dentry, Inode, Path, SuperBlock, Timestamp};

/// A file system shown somewhere.
pub struct Mount {
    id: u64,
    sb: Arc<dyn SuperBlock>,
    root: Arc<Dentry>,
    source: Vec<u8>,
    flags: AtomicU32,
    place: SpinLock<Option<Place>>,
    children: SpinLock<Children>,
    is_internal: bool,
    /// Files that were opened for writing through it.
    writers: AtomicUsize,
    /// Asked to expire, and not used since.
    is_expiring: AtomicBool,
}

struct Place {
    parent: Weak<Mount>,
    dentry: Arc<Dentry>,
    /// Which child of the parent it is.
    number: u64,
}

/// The mounts on a mount, by numbers that rise in the order they came.
struct Children {
    mounts: BTreeMap<u64, Arc<Mount>>,
    /// The same by the address of the dentry, which the place of each keeps.
    at: BTreeSet<(usize, u64)>,
    last: u64,
}

impl Children {
    const fn new() -> Self {
        Self { mounts: BTreeMap::new(), at: BTreeSet::new(), last: 0 }
    }

    fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }
}

/// Children that are copied with the lock held once.
const TURN: usize = 64;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Mounts that have a place.
static COUNT: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(100_000);

/// `fs.mount-max`: the most mounts that have a place.
pub fn mount_max() -> usize {
    MOST.load(Ordering::Relaxed)
}

/// Sets `fs.mount-max`.
///
/// # Errors
/// None: the caller has checked the bounds.
pub fn set_mount_max(most: usize) -> Result<()> {
    MOST.store(most, Ordering::Relaxed);
    Ok(())
}

/// Whether something may be mounted at a place.
///
/// # Errors
/// `ENOENT` if it was removed or never had a name.
pub(crate) fn check_place(at: &Path) -> Result<()> {
    if at.mount().is_internal() || at.dentry().is_unlinked() {
        return err!(ENOENT, "the mount point has no name");
    }
    Ok(())
}

const DAY: i64 = 86_400;

impl Mount {
    /// A mount that is nowhere yet.
    pub fn new(root: Arc<dyn Inode>, source: &[u8], flags: MountFlags) -> Arc<Self> {
        let sb = root.base().sb().clone();
        Self::of(sb, Dentry::new_root(root), source, flags, false)
    }

    /// The mount of anonymous files (pipes); nobody can walk into it.
    pub fn internal(sb: Arc<dyn SuperBlock>) -> Arc<Self> {
        let flags = MountFlags::NOATIME | MountFlags::NODEV;
        Self::of(sb, Dentry::new_unreachable_root(), b"none", flags, true)
    }

    /// A mount that shows what is below `root`.
    pub(crate) fn of(
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
            children: SpinLock::new(Children::new()),
            is_internal,
            writers: AtomicUsize::new(0),
            is_expiring: AtomicBool::new(false),
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
        MountFlags::from_bits_retain(self.flags.load(Ordering::SeqCst))
    }

    pub(crate) fn set_flags(&self, flags: MountFlags) {
        self.flags.store(flags.bits(), Ordering::SeqCst);
    }

    /// What was mounted, as /proc/mounts shows it.
    pub(crate) fn source(&self) -> &[u8] {
        &self.source
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

    /// Counts a file that is open for writing in.
    ///
    /// # Errors
    /// `EROFS` if the mount has become read-only meanwhile.
    pub(crate) fn add_writer(&self) -> Result<()> {
        self.writers.fetch_add(1, Ordering::SeqCst);
        self.sb.base().writers.fetch_add(1, Ordering::SeqCst);
        // Who makes it read-only looks at the count after that.
        self.check_writable().inspect_err(|_| self.remove_writer())
    }

    /// Takes back [`Mount::add_writer`].
    pub(crate) fn remove_writer(&self) {
        self.sb.base().writers.fetch_sub(1, Ordering::SeqCst);
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Changes the options; `of_all` looks at writers through any mount of the file system.
    ///
    /// # Errors
    /// `EBUSY` for read-only while files are open for writing.
    pub(crate) fn change_flags(&self, flags: MountFlags, of_all: bool) -> Result<()> {
        let before = self.flags();
        self.set_flags(flags);
        let count = if of_all { &self.sb.base().writers } else { &self.writers };
        let becomes_read_only = (flags - before).contains(MountFlags::RDONLY);
        if becomes_read_only && count.load(Ordering::SeqCst) > 0 {
            self.set_flags(before);
            return err!(EBUSY, "files are open for writing");
        }
        Ok(())
    }

    /// Notes a use: what was asked to expire stays.
    #[inline]
    pub(crate) fn note_use(&self) {
        if self.is_expiring.load(Ordering::Relaxed) {
            self.is_expiring.store(false, Ordering::Relaxed);
        }
    }

    /// Asks it to expire; whether it was asked before and not used since.
    pub(crate) fn expire(&self) -> bool {
        self.is_expiring.swap(true, Ordering::Relaxed)
    }

    /// Where it is mounted; `None` for the root of all or one that was detached.
    pub fn place(&self) -> Option<Path> {
        let place = self.place.lock();
        let Place { parent, dentry, .. } = place.as_ref()?;
        Some(Path::new(parent.upgrade()?, dentry.clone()))
    }

    /// What is mounted on `dentry` of this mount.
    pub(crate) fn child_at(&self, dentry: &Arc<Dentry>) -> Option<Arc<Mount>> {
        let children = self.children.lock();
        let at = Arc::as_ptr(dentry).addr();
        let (_, last) = children.at.range((at, 0)..=(at, u64::MAX)).next_back()?;
        children.mounts.get(last).cloned()
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
                || now.sec.saturating_sub(attr.atime.sec) >= DAY;
            if is_due {
                attr.atime = now;
            }
        });
    }

    /// Appends the mounts on this one, the last one first.
    pub(crate) fn children(&self, to: &mut Vec<Arc<Mount>>) -> Result<()> {
        let mut end = u64::MAX;
        loop {
            to.try_reserve(TURN).map_err(|_| error!(ENOMEM, "many mounts"))?;
            let children = self.children.lock();
            let before = to.len();
            for (number, mount) in children.mounts.range(..end).rev().take(TURN) {
                end = *number;
                to.push(mount.clone());
            }
            if to.len() == before {
                return Ok(());
            }
        }
    }

    /// A mount on this one.
    pub(crate) fn first_child(&self) -> Option<Arc<Mount>> {
        self.children.lock().mounts.values().next().cloned()
    }

    /// Whether other mounts are on it.
    pub(crate) fn has_children(&self) -> bool {
        !self.children.lock().mounts.is_empty()
    }

    /// Puts it at a place.
    pub(crate) fn attach(self: &Arc<Self>, at: &Path) -> Result<()> {
        check_place(at)?;
        framework::mm::admit()?;
        if COUNT.fetch_add(1, Ordering::Relaxed) >= mount_max() {
            COUNT.fetch_sub(1, Ordering::Relaxed);
            return err!(ENOSPC, "fs.mount-max");
        }
        at.dentry().mounts.fetch_add(1, Ordering::AcqRel);
        let (parent, dentry) = (Arc::downgrade(at.mount()), at.dentry().clone());
        let number = at.mount().children.lock().next_number();
        *self.place.lock() = Some(Place { parent, dentry, number });
        let mut children = at.mount().children.lock();
        children.at.insert((Arc::as_ptr(at.dentry()).addr(), number));
        children.mounts.insert(number, self.clone());
        Ok(())
    }

    /// Takes it from its place, if it has one.
    pub(crate) fn detach(self: &Arc<Self>) {
        let Some(place) = self.place.lock().take() else { return };
        COUNT.fetch_sub(1, Ordering::Relaxed);
        place.dentry.mounts.fetch_sub(1, Ordering::AcqRel);
        if let Some(parent) = place.parent.upgrade() {
            let mut children = parent.children.lock();
            children.at.remove(&(Arc::as_ptr(&place.dentry).addr(), place.number));
            let removed = children.mounts.remove(&place.number);
            drop(children);
            drop(removed);
        }
    }
}
