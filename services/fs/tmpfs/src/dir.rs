// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Directories of tmpfs: names to inodes, with cookies that survive changes.
//!
//! Locks: one leaf lock; it is not held while entries are reported, because the
//! sink may touch user memory.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use abi::{Result, err};
use framework::sync::SpinLock;
use vfs::{DirEntry, DirSink, FileKind, Inode, NameMap};

/// How many entries are copied out at once.
const BATCH: usize = 16;

/// The entries of a directory whose inodes are of type `I`.
pub(crate) struct Dir<I> {
    entries: SpinLock<Entries<I>>,
}

struct Entries<I> {
    by_name: NameMap<Entry<I>>,
    by_cookie: BTreeMap<u64, Listed>,
    next_cookie: u64,
    /// Removed: takes no more entries.
    is_closed: bool,
    /// The next of a list of directories that die.
    next_dead: Option<Arc<I>>,
}

struct Entry<I> {
    cookie: u64,
    inode: Arc<I>,
}

/// What is reported of an entry.
#[derive(Clone)]
struct Listed {
    name: Arc<[u8]>,
    ino: u64,
    kind: FileKind,
}

impl Listed {
    fn new(name: &Arc<[u8]>, inode: &impl Inode) -> Self {
        let base = inode.base();
        Self { name: name.clone(), ino: base.ino(), kind: base.kind() }
    }
}

impl<I: Inode> Dir<I> {
    pub(crate) fn new() -> Self {
        Self {
            entries: SpinLock::new(Entries {
                by_name: NameMap::new(),
                by_cookie: BTreeMap::new(),
                next_cookie: 2,
                is_closed: false,
                next_dead: None,
            }),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.lock().by_name.len()
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<Arc<dyn Inode>> {
        let entries = self.entries.lock();
        let entry = entries.by_name.get(name)?;
        Some(entry.inode.clone())
    }

    /// Adds an entry; `ENOENT` in a removed directory, `ENOMEM`.
    pub(crate) fn insert(&self, name: &[u8], inode: Arc<I>) -> Result<()> {
        framework::mm::admit()?;
        let name: Arc<[u8]> = Arc::from(name);
        let mut entries = self.entries.lock();
        if entries.is_closed {
            return err!(ENOENT, "the directory was removed");
        }
        if entries.by_name.get(&name).is_some() {
            return err!(EEXIST, "the name exists");
        }
        let cookie = entries.next_cookie;
        entries.next_cookie += 1;
        entries.by_cookie.insert(cookie, Listed::new(&name, &*inode));
        entries.by_name.insert(name, Entry { cookie, inode });
        Ok(())
    }

    /// Makes an existing name mean another inode.
    pub(crate) fn replace(&self, name: &[u8], inode: Arc<I>) {
        let mut guard = self.entries.lock();
        let entries = &mut *guard;
        let old = entries.by_name.get_mut(name).map(|entry| {
            if let Some(listed) = entries.by_cookie.get_mut(&entry.cookie) {
                *listed = Listed::new(&listed.name, &*inode);
            }
            core::mem::replace(&mut entry.inode, inode)
        });
        drop(guard);
        drop(old);
    }

    pub(crate) fn remove(&self, name: &[u8]) {
        let mut entries = self.entries.lock();
        let removed = entries.by_name.remove(name);
        if let Some(entry) = &removed {
            entries.by_cookie.remove(&entry.cookie);
        }
        drop(entries);
        drop(removed);
    }

    /// Takes no more entries; `ENOTEMPTY` if it has some.
    pub(crate) fn close(&self) -> Result<()> {
        let mut entries = self.entries.lock();
        if !entries.by_name.is_empty() {
            return err!(ENOTEMPTY, "the directory is not empty");
        }
        entries.is_closed = true;
        Ok(())
    }

    /// Removes and returns everything (the directory is being freed).
    pub(crate) fn take_all(&self) -> impl Iterator<Item = Arc<I>> {
        let mut entries = self.entries.lock();
        let by_name = core::mem::take(&mut entries.by_name);
        let by_cookie = core::mem::take(&mut entries.by_cookie);
        drop(entries);
        drop(by_cookie);
        by_name.into_values().map(|entry| entry.inode)
    }

    /// Swaps what follows in a list of directories that die. The list needs no memory.
    pub(crate) fn chain(&self, next: Option<Arc<I>>) -> Option<Arc<I>> {
        core::mem::replace(&mut self.entries.lock().next_dead, next)
    }

    /// Reports the entries from `cookie` on.
    pub(crate) fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        let mut next = cookie;
        loop {
            let batch = self.batch(next);
            let Some((last, _)) = batch.last() else { return Ok(()) };
            next = last + 1;
            for (cookie, entry) in &batch {
                let reported = DirEntry {
                    name: &entry.name,
                    ino: entry.ino,
                    kind: entry.kind,
                    next: cookie + 1,
                };
                if let ControlFlow::Break(()) = sink(&reported) {
                    return Ok(());
                }
            }
        }
    }

    fn batch(&self, from: u64) -> Vec<(u64, Listed)> {
        let mut batch = Vec::with_capacity(BATCH);
        let entries = self.entries.lock();
        let listed = entries.by_cookie.range(from..).take(BATCH);
        batch.extend(listed.map(|(&cookie, listed)| (cookie, listed.clone())));
        batch
    }
}
