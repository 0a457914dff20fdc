// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inodes of /sys.
//!
//! Locks: one leaf lock for a directory's entries; it is not held while entries are
//! reported, because the sink may touch user memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::{Result, err, error};
use framework::sync::{Once, SpinLock};
use vfs::{
    Attr, DentryPolicy, DeviceId, DirEntry, DirSink, FileKind, FileOps, Inode, InodeBase, Metadata,
    NewInode, Opening, StatFs, SuperBlock,
};

use crate::file::{Binary, BinaryFile, Text, TextFile};

/// Magic number of sysfs, for statfs(2).
const SYSFS_MAGIC: u64 = 0x6265_6572;
/// What stat(2) says of the length of every text attribute.
const TEXT_SIZE: u64 = 4096;

/// What an inode of /sys is.
pub(crate) enum Content {
    Directory(SpinLock<Entries>),
    Text(Text),
    Binary(Arc<dyn Binary>),
    Link(Box<[u8]>),
}

/// The entries of a directory; the cookie of one is its number, in order of registration.
#[derive(Default)]
pub(crate) struct Entries {
    by_name: BTreeMap<Box<[u8]>, u64>,
    by_cookie: BTreeMap<u64, (Box<[u8]>, Arc<SysInode>)>,
    next: u64,
}

/// An inode of /sys.
pub(crate) struct SysInode {
    base: InodeBase,
    pub(crate) content: Content,
    is_removed: AtomicBool,
}

struct SysFs {
    dev: DeviceId,
}

static INSTANCE: Once<Arc<SysFs>> = Once::new();
static NEXT_INO: AtomicU64 = AtomicU64::new(1);

impl SuperBlock for SysFs {
    fn type_name(&self) -> &'static str {
        "sysfs"
    }

    fn dev(&self) -> DeviceId {
        self.dev
    }

    fn statfs(&self) -> StatFs {
        StatFs {
            magic: SYSFS_MAGIC,
            block_size: 4096,
            name_max: vfs::NAME_MAX as u64,
            ..StatFs::default()
        }
    }

    fn dentry_policy(&self) -> DentryPolicy {
        DentryPolicy::Revalidate
    }
}

impl SysInode {
    pub(crate) fn new(perm: u32, content: Content) -> Arc<Self> {
        let sb = INSTANCE.call_once(|| Arc::new(SysFs { dev: vfs::device::anonymous_dev() }));
        let kind = match &content {
            Content::Directory(_) => FileKind::Directory,
            Content::Text(_) | Content::Binary(_) => FileKind::Regular,
            Content::Link(_) => FileKind::Symlink,
        };
        let ino = NEXT_INO.fetch_add(1, Ordering::Relaxed);
        let base = InodeBase::new(sb.clone(), ino, kind, Attr::new(perm, 0, 0));
        Arc::new(Self { base, content, is_removed: AtomicBool::new(false) })
    }

    pub(crate) fn new_directory() -> Arc<Self> {
        let entries = Entries { next: 2, ..Entries::default() };
        Self::new(0o755, Content::Directory(SpinLock::new(entries)))
    }

    pub(crate) fn new_root() -> Arc<Self> {
        let root = Self::new_directory();
        root.base.update(|attr| attr.perm = 0o555);
        root
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.base.is_dir()
    }

    fn entries(&self) -> Result<&SpinLock<Entries>> {
        match &self.content {
            Content::Directory(entries) => Ok(entries),
            _ => err!(ENOTDIR, "not a directory"),
        }
    }

    pub(crate) fn child(&self, name: &[u8]) -> Option<Arc<Self>> {
        let entries = self.entries().ok()?.lock();
        let cookie = entries.by_name.get(name)?;
        entries.by_cookie.get(cookie).map(|(_, inode)| inode.clone())
    }

    /// Adds an entry, or puts it in place of one that is no directory.
    pub(crate) fn insert(&self, name: &[u8], inode: Arc<Self>) -> Result<()> {
        let mut entries = self.entries()?.lock();
        let cookie = entries.by_name.get(name).copied();
        if let Some(cookie) = cookie {
            if entries.by_cookie.get(&cookie).is_some_and(|(_, old)| old.is_directory()) {
                return err!(EEXIST, "a directory is there");
            }
            let old = entries.by_cookie.insert(cookie, (name.into(), inode));
            drop(entries);
            old.inspect(|(_, old)| old.is_removed.store(true, Ordering::Relaxed));
            return Ok(());
        }
        let cookie = entries.next;
        entries.next += 1;
        entries.by_name.insert(name.into(), cookie);
        entries.by_cookie.insert(cookie, (name.into(), inode));
        Ok(())
    }

    pub(crate) fn remove(&self, name: &[u8]) {
        let Ok(entries) = self.entries() else { return };
        let mut entries = entries.lock();
        let Some(cookie) = entries.by_name.remove(name) else { return };
        let old = entries.by_cookie.remove(&cookie);
        drop(entries);
        if let Some((_, old)) = old {
            old.mark_removed();
        }
    }

    fn mark_removed(&self) {
        self.is_removed.store(true, Ordering::Relaxed);
        let mut from = 0;
        while let Some((next, _, child)) = self.after(from) {
            child.mark_removed();
            from = next;
        }
    }

    /// The first entry with a cookie of at least `from`: where to go on, name and inode.
    fn after(&self, from: u64) -> Option<(u64, Box<[u8]>, Arc<Self>)> {
        let entries = self.entries().ok()?.lock();
        let mut range = entries.by_cookie.range((Bound::Included(from), Bound::Unbounded));
        range.next().map(|(cookie, (name, inode))| (cookie + 1, name.clone(), inode.clone()))
    }

    fn count_directories(&self) -> u32 {
        let Ok(entries) = self.entries() else { return 0 };
        entries.lock().by_cookie.values().filter(|(_, inode)| inode.is_directory()).count() as u32
    }
}

impl Inode for SysInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn size(&self) -> u64 {
        match &self.content {
            Content::Directory(_) | Content::Link(_) => 0,
            Content::Text(_) => TEXT_SIZE,
            Content::Binary(binary) => binary.size(),
        }
    }

    fn blocks(&self) -> u64 {
        0
    }

    fn metadata(&self) -> Metadata {
        let metadata = self.base.metadata(self.size(), 0);
        let nlink = if self.is_directory() { 2 + self.count_directories() } else { 1 };
        Metadata { nlink, ..metadata }
    }

    /// O_TRUNC does nothing, as on Linux.
    fn truncate(&self, _size: u64) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        self.entries()?;
        match self.child(name) {
            Some(inode) => Ok(inode),
            None => err!(ENOENT, "no such entry"),
        }
    }

    fn create(&self, _name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        match new.kind.kind() {
            FileKind::Regular => err!(EACCES, "nothing is created in sysfs"),
            _ => err!(EPERM, "nothing is created in sysfs"),
        }
    }

    fn readdir(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        self.entries()?;
        let mut from = cookie;
        while let Some((next, name, inode)) = self.after(from) {
            let entry =
                DirEntry { name: &name, ino: inode.base.ino(), kind: inode.base.kind(), next };
            if sink(&entry).is_break() {
                break;
            }
            from = next;
        }
        Ok(())
    }

    fn is_valid(&self) -> bool {
        !self.is_removed.load(Ordering::Relaxed)
    }

    fn readlink(&self) -> Result<Vec<u8>> {
        let Content::Link(text) = &self.content else {
            return err!(EINVAL, "not a symbolic link");
        };
        let mut copy = Vec::new();
        copy.try_reserve_exact(text.len()).map_err(|_| error!(ENOMEM))?;
        copy.extend_from_slice(text);
        Ok(copy)
    }

    /// Mode bits bind root too.
    fn open(self: Arc<Self>, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        let perm = self.base.owner().perm;
        let (can_show, can_store) = match &self.content {
            Content::Text(text) => (text.show.is_some(), text.store.is_some()),
            Content::Binary(_) => (true, true),
            _ => return err!(ENXIO, "cannot be opened"),
        };
        let flags = opening.flags;
        if flags.can_write() && (perm & 0o222 == 0 || !can_store) {
            return err!(EACCES, "not even root may write");
        }
        if flags.can_read() && (perm & 0o444 == 0 || !can_show) {
            return err!(EACCES, "not even root may read");
        }
        Ok(match &self.content {
            Content::Binary(binary) => Arc::new(BinaryFile(binary.clone())),
            _ => Arc::new(TextFile::default()),
        })
    }
}
