// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Directories: registered entries by name and by cookie.
//!
//! The cookie of an entry is its number in the order of registration, from 2 on; it is
//! never given to another entry, so readdir goes on where it was whatever is removed.
//!
//! Locks: `entries` is a leaf. It is not held while entries are reported, because the sink
//! may touch user memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use abi::{Result, err};
use framework::sync::SpinLock;
use vfs::DirSink;

use crate::inode::PseudoInode;

/// How many links stat(2) reports of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCount {
    /// Two, and one for each directory in it.
    Counted,
    /// One, which says that nobody counted (/proc/sys).
    One,
}

/// What a directory does beyond its registered entries.
pub trait DirectoryOps: Send + Sync {
    /// Finds an entry that is not registered.
    ///
    /// # Errors
    /// `ENOENT` if there is none.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<PseudoInode>> {
        err!(ENOENT, "no such entry")
    }

    /// Reports the entries that are not registered, from `cookie` on. Cookies are its own:
    /// the first call has 0, and [`vfs::DirEntry::next`] says where the next goes on.
    ///
    /// # Errors
    /// `ENOENT` if what the directory shows has gone.
    fn list(&self, _cookie: u64, _sink: &mut DirSink<'_>) -> Result<()> {
        Ok(())
    }

    /// How many directories are among the entries that are not registered.
    fn subdirectories(&self) -> u32 {
        0
    }

    /// The length that stat(2) reports.
    fn size(&self) -> u64 {
        0
    }

    /// mkdir(2): makes what becomes an entry of this directory.
    ///
    /// # Errors
    /// What the directory says; `EPERM` if nothing can be made in it.
    fn mkdir(&self, _name: &[u8]) -> Result<Arc<PseudoInode>> {
        err!(EPERM, "nothing can be made here")
    }

    /// Whether rmdir(2) may remove this directory, with all that is in it.
    ///
    /// # Errors
    /// `EPERM` if not.
    fn check_rmdir(&self) -> Result<()> {
        err!(EPERM, "the kernel's own directory")
    }
}

/// A directory.
pub struct Directory {
    entries: SpinLock<Entries>,
    pub(crate) ops: Box<dyn DirectoryOps>,
    pub(crate) link_count: LinkCount,
}

/// The registered entries.
struct Entries {
    by_name: BTreeMap<Arc<[u8]>, u64>,
    by_cookie: BTreeMap<u64, (Arc<[u8]>, Arc<PseudoInode>)>,
    next: u64,
    /// How many are directories.
    directories: u32,
}

/// A directory of nothing but registered entries.
struct Plain;

impl DirectoryOps for Plain {}

impl Directory {
    /// An empty directory whose entries are all registered.
    pub fn new(link_count: LinkCount) -> Self {
        Self { link_count, ..Self::with_ops(Plain) }
    }

    /// An empty directory that does more.
    pub fn with_ops(ops: impl DirectoryOps + 'static) -> Self {
        let (by_name, by_cookie) = (BTreeMap::new(), BTreeMap::new());
        let entries = Entries { by_name, by_cookie, next: 2, directories: 0 };
        let link_count = LinkCount::Counted;
        Self { entries: SpinLock::new(entries), ops: Box::new(ops), link_count }
    }

    /// The registered entry of a name.
    pub(crate) fn child(&self, name: &[u8]) -> Option<Arc<PseudoInode>> {
        let entries = self.entries.lock();
        let cookie = entries.by_name.get(name)?;
        entries.by_cookie.get(cookie).map(|(_, inode)| inode.clone())
    }

    /// The first entry with a cookie of at least `from`: where to go on, name and inode.
    pub(crate) fn after(&self, from: u64) -> Option<(u64, Arc<[u8]>, Arc<PseudoInode>)> {
        let entries = self.entries.lock();
        let (cookie, (name, inode)) = entries.by_cookie.range(from..).next()?;
        Some((cookie + 1, name.clone(), inode.clone()))
    }

    /// Adds an entry; `EEXIST` if the name is taken.
    pub(crate) fn insert(&self, name: &[u8], inode: Arc<PseudoInode>) -> Result<()> {
        let name: Arc<[u8]> = name.into();
        let mut entries = self.entries.lock();
        if entries.by_name.contains_key(&name) {
            return err!(EEXIST, "the name exists");
        }
        let cookie = entries.next;
        entries.next += 1;
        entries.directories += u32::from(inode.is_dir());
        entries.by_name.insert(name.clone(), cookie);
        entries.by_cookie.insert(cookie, (name, inode));
        Ok(())
    }

    /// Removes an entry with all below it.
    pub(crate) fn remove(&self, name: &[u8]) {
        let mut entries = self.entries.lock();
        let Some(cookie) = entries.by_name.remove(name) else { return };
        let old = entries.by_cookie.remove(&cookie);
        entries.directories -= u32::from(old.as_ref().is_some_and(|(_, old)| old.is_dir()));
        drop(entries);
        if let Some((_, old)) = old {
            old.mark_removed();
        }
    }

    /// How many directories are in it.
    pub(crate) fn subdirectories(&self) -> u32 {
        let registered = self.entries.lock().directories;
        self.ops.subdirectories().saturating_add(registered)
    }
}
