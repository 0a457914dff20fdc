// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inodes of configfs: fixed directories, groups, items, attributes.
//!
//! Locks: one leaf lock for a directory's entries; it is not held while entries are
//! reported, because the sink may touch user memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::{Result, err};
use framework::sync::{Once, SpinLock};
use vfs::{
    Attr, DentryPolicy, DeviceId, DirEntry, DirSink, FileKind, FileOps, Inode, InodeBase, Metadata,
    NewInode, NewKind, Opening, StatFs, SuperBlock,
};

use crate::file::{BinaryFile, TextFile};
use crate::{Attribute, Form, Group, Item};

/// Magic number of configfs, for statfs(2).
const CONFIGFS_MAGIC: u64 = 0x6265_6570;
/// What stat(2) says of the length of a text file.
const TEXT_SIZE: u64 = 4096;

/// What an inode of configfs is.
enum Content {
    /// A directory that no program can fill: the root and the subsystems.
    Fixed(SpinLock<Entries>),
    /// A directory in which items are made.
    Group(SpinLock<Entries>, Arc<dyn Group>),
    /// An item; its entries never change.
    Item(SpinLock<Entries>),
    /// A file of an item.
    File(Arc<dyn Item>, &'static Attribute, Arc<AtomicBool>),
}

#[derive(Default)]
struct Entries {
    by_name: BTreeMap<Box<[u8]>, u64>,
    by_cookie: BTreeMap<u64, (Box<[u8]>, Arc<ConfigInode>)>,
    count: u64,
}

/// An inode of configfs.
pub(crate) struct ConfigInode {
    base: InodeBase,
    content: Content,
    /// Whether the item was removed; shared by it and its files.
    is_dead: Arc<AtomicBool>,
}

struct ConfigFs {
    dev: DeviceId,
}

static INSTANCE: Once<Arc<ConfigFs>> = Once::new();
static ROOT: Once<Arc<ConfigInode>> = Once::new();
static NEXT_INO: AtomicU64 = AtomicU64::new(1);

impl SuperBlock for ConfigFs {
    fn type_name(&self) -> &'static str {
        "configfs"
    }

    fn dev(&self) -> DeviceId {
        self.dev
    }

    fn statfs(&self) -> StatFs {
        let name_max = vfs::NAME_MAX as u64;
        StatFs { magic: CONFIGFS_MAGIC, block_size: 4096, name_max, ..StatFs::default() }
    }

    fn dentry_policy(&self) -> DentryPolicy {
        DentryPolicy::Revalidate
    }
}

fn top() -> Arc<ConfigInode> {
    ROOT.call_once(|| ConfigInode::new(0o755, Content::Fixed(SpinLock::default()))).clone()
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    top()
}

/// Makes a subsystem with one group.
pub(crate) fn register(subsystem: &str, name: &str, group: Arc<dyn Group>) -> Result<()> {
    let group = ConfigInode::new(0o755, Content::Group(SpinLock::default(), group));
    let dir = ConfigInode::new(0o755, Content::Fixed(SpinLock::default()));
    dir.insert(name.as_bytes(), group)?;
    top().insert(subsystem.as_bytes(), dir)
}

impl ConfigInode {
    fn new(perm: u32, content: Content) -> Arc<Self> {
        let sb = INSTANCE.call_once(|| Arc::new(ConfigFs { dev: vfs::device::anonymous_dev() }));
        let kind = match &content {
            Content::File(..) => FileKind::Regular,
            Content::Fixed(_) | Content::Group(..) | Content::Item(_) => FileKind::Directory,
        };
        let is_dead = match &content {
            Content::File(_, _, is_dead) => is_dead.clone(),
            _ => Arc::new(AtomicBool::new(false)),
        };
        let ino = NEXT_INO.fetch_add(1, Ordering::Relaxed);
        let base = InodeBase::new(sb.clone(), ino, kind, Attr::new(perm, 0, 0));
        Arc::new(Self { base, content, is_dead })
    }

    /// A directory with the files of an item.
    fn new_item(item: &Arc<dyn Item>) -> Result<Arc<Self>> {
        let dir = Self::new(0o755, Content::Item(SpinLock::default()));
        for attribute in item.attributes() {
            let content = Content::File(item.clone(), attribute, dir.is_dead.clone());
            dir.insert(attribute.name.as_bytes(), Self::new(attribute.perm, content))?;
        }
        Ok(dir)
    }

    fn entries(&self) -> Result<&SpinLock<Entries>> {
        match &self.content {
            Content::Fixed(entries) | Content::Group(entries, _) | Content::Item(entries) => {
                Ok(entries)
            }
            Content::File(..) => err!(ENOTDIR, "not a directory"),
        }
    }

    fn insert(&self, name: &[u8], inode: Arc<Self>) -> Result<()> {
        let mut entries = self.entries()?.lock();
        if entries.by_name.contains_key(name) {
            return err!(EEXIST, "the name exists");
        }
        let cookie = entries.count + 2;
        entries.count += 1;
        entries.by_name.insert(name.into(), cookie);
        entries.by_cookie.insert(cookie, (name.into(), inode));
        Ok(())
    }

    fn after(&self, from: u64) -> Option<(u64, Box<[u8]>, Arc<Self>)> {
        let entries = self.entries().ok()?.lock();
        let (cookie, (name, inode)) = entries.by_cookie.range(from..).next()?;
        Some((cookie + 1, name.clone(), inode.clone()))
    }

    /// The item and attribute of a file; `ENOENT` once the item was removed.
    pub(crate) fn attribute(&self) -> Result<(&Arc<dyn Item>, &'static Attribute)> {
        let Content::File(item, attribute, is_dead) = &self.content else {
            return err!(EIO, "not an attribute");
        };
        if is_dead.load(Ordering::Acquire) {
            return err!(ENOENT, "the item was removed");
        }
        Ok((item, attribute))
    }
}

impl Inode for ConfigInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn size(&self) -> u64 {
        match &self.content {
            Content::File(_, attribute, _) if attribute.form == Form::Text => TEXT_SIZE,
            _ => 0,
        }
    }

    fn blocks(&self) -> u64 {
        0
    }

    fn metadata(&self) -> Metadata {
        let metadata = self.base.metadata(self.size(), 0);
        let is_directory = |inode: &Arc<Self>| inode.base.is_dir();
        let nlink = self.entries().map_or(1, |entries| {
            2 + entries.lock().by_cookie.values().filter(|(_, i)| is_directory(i)).count() as u32
        });
        Metadata { nlink, ..metadata }
    }

    /// O_TRUNC does nothing, as on Linux.
    fn truncate(&self, _size: u64) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let entries = self.entries()?.lock();
        let found = entries.by_name.get(name).and_then(|cookie| entries.by_cookie.get(cookie));
        match found {
            Some((_, inode)) => Ok(inode.clone()),
            None => err!(ENOENT, "no such entry"),
        }
    }

    /// mkdir in a group makes an item; its mode is fixed.
    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        match (new.kind, &self.content) {
            (NewKind::Directory, Content::Group(_, group)) => {
                framework::mm::admit()?;
                let dir = Self::new_item(&group.make(name)?)?;
                self.insert(name, dir.clone())?;
                Ok(dir)
            }
            (NewKind::Regular, _) => err!(EACCES, "files come with their item"),
            _ => err!(EPERM, "nothing can be made here"),
        }
    }

    /// Removes an item with its files; what is fixed stays.
    fn rmdir(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target: &dyn core::any::Any = &**target;
        let Some(target) = target.downcast_ref::<Self>() else {
            return err!(EXDEV, "inode of another file system");
        };
        if !matches!(target.content, Content::Item(_)) {
            return err!(EPERM, "the kernel's own directory");
        }
        target.is_dead.store(true, Ordering::Release);
        let mut entries = self.entries()?.lock();
        let removed = entries.by_name.remove(name).and_then(|at| entries.by_cookie.remove(&at));
        drop(entries);
        drop(removed);
        Ok(())
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
        !self.is_dead.load(Ordering::Acquire)
    }

    /// Mode bits bind root too.
    fn open(self: Arc<Self>, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        let (_, attribute) = self.attribute()?;
        if opening.flags.can_write() && attribute.perm & 0o222 == 0 {
            return err!(EACCES, "not even root may write");
        }
        if opening.flags.can_read() && attribute.perm & 0o444 == 0 {
            return err!(EACCES, "not even root may read");
        }
        Ok(match attribute.form {
            Form::Text => Arc::new(TextFile::default()),
            Form::Binary(most) => Arc::new(BinaryFile::new(most)),
        })
    }
}
