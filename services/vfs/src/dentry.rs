// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Names in the tree: dentries, each a name in a parent with an inode or without.
//!
//! A [`Dentry`] without an inode is a negative entry: the name is known not to
//! exist. An inode never comes or goes: creating replaces a negative entry,
//! removing unhashes a positive one. A child keeps its parent alive; a parent knows its
//! children weakly, and the bounded cache (`dcache`) keeps recent ones alive.
//!
//! Locks: `children` and `link` are leaves, never held together or nested.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::{Result, error};
use framework::sync::SpinLock;

use crate::dcache::{Cache, Cached};
use crate::{DentryPolicy, Inode, NameMap, SuperBlock};

/// Keeps recent dentries alive.
static CACHE: Cache<Dentry> = Cache::new();

/// A file name: static for anonymous files, shared between a dentry and its parent's map.
#[derive(Clone)]
pub(crate) enum Name {
    Static(&'static str),
    Shared(Arc<[u8]>),
}

impl Name {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(name) => name.as_bytes(),
            Self::Shared(name) => name,
        }
    }
}

struct Link {
    parent: Option<Arc<Dentry>>,
    name: Name,
}

/// A name in a directory, or the root of a file system.
pub struct Dentry {
    inode: Option<Arc<dyn Inode>>,
    link: SpinLock<Link>,
    children: SpinLock<NameMap<Weak<Dentry>>>,
    /// How many mounts cover it.
    pub(crate) mounts: AtomicU32,
    is_unlinked: AtomicBool,
    is_anonymous: bool,
    revalidates: bool,
    /// See [`Cached`].
    referenced: AtomicBool,
    slot: AtomicU32,
}

impl Dentry {
    fn new(parent: Option<Arc<Dentry>>, name: Name, inode: Option<Arc<dyn Inode>>) -> Self {
        let revalidates = match &inode {
            Some(inode) => inode.base().sb().dentry_policy() == DentryPolicy::Revalidate,
            None => parent.as_ref().is_some_and(|parent| parent.revalidates),
        };
        Self {
            inode,
            link: SpinLock::new(Link { parent, name }),
            children: SpinLock::new(NameMap::new()),
            mounts: AtomicU32::new(0),
            is_unlinked: AtomicBool::new(false),
            is_anonymous: false,
            revalidates,
            referenced: AtomicBool::new(true),
            slot: AtomicU32::new(0),
        }
    }

    /// The root of a file system.
    pub fn new_root(inode: Arc<dyn Inode>) -> Arc<Self> {
        Arc::new(Self::new(None, Name::Static("/"), Some(inode)))
    }

    /// The root that nobody can walk to, of a file system of anonymous files.
    pub(crate) fn new_unreachable_root() -> Arc<Self> {
        Arc::new(Self::new(None, Name::Static("/"), None))
    }

    /// A dentry outside of any tree. A name that ends in `:` shows with the
    /// inode number behind it: `pipe:` as `pipe:[7]`.
    pub fn new_anonymous(name: &'static str, inode: Arc<dyn Inode>) -> Arc<Self> {
        let mut dentry = Self::new(None, Name::Static(name), Some(inode));
        dentry.is_anonymous = true;
        Arc::new(dentry)
    }

    /// The inode, or `None` for a negative entry.
    #[inline]
    pub fn inode(&self) -> Option<&Arc<dyn Inode>> {
        self.inode.as_ref()
    }

    /// The inode.
    ///
    /// # Errors
    /// `ENOENT` for a negative entry.
    #[inline]
    pub fn positive(&self) -> Result<&Arc<dyn Inode>> {
        self.inode.as_ref().ok_or(error!(ENOENT, "no such file"))
    }

    /// Whether the name was removed; the inode may still be in use.
    pub fn is_unlinked(&self) -> bool {
        self.is_unlinked.load(Ordering::Acquire)
    }

    /// Whether it is outside of any tree.
    pub fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    /// Whether something may be mounted on it (in some mount).
    #[inline]
    pub fn is_mountpoint(&self) -> bool {
        self.mounts.load(Ordering::Acquire) > 0
    }

    /// The parent; `None` for a root.
    pub fn parent(&self) -> Option<Arc<Dentry>> {
        self.link.lock().parent.clone()
    }

    pub(crate) fn name(&self) -> Name {
        self.link.lock().name.clone()
    }

    /// Whether `self` is `other` or an ancestor of it.
    pub(crate) fn is_ancestor_of(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Arc::ptr_eq(self, &dentry) {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// The cached child of a name, if it is there and still true.
    #[inline]
    pub(crate) fn cached_child(&self, name: &[u8]) -> Option<Arc<Dentry>> {
        let child = self.children.lock().get(name).and_then(Weak::upgrade)?;
        child.referenced.store(true, Ordering::Relaxed);
        if child.revalidates && !child.inode.as_ref().is_some_and(|inode| inode.is_valid()) {
            self.unhash_child(&child);
            return None;
        }
        Some(child)
    }

    /// Makes `name` known with what it names; replaces what was known before. The
    /// caller holds the directory against changes.
    pub(crate) fn add_child(
        self: &Arc<Self>,
        name: &[u8],
        inode: Option<Arc<dyn Inode>>,
    ) -> Arc<Dentry> {
        let name: Arc<[u8]> = Arc::from(name);
        let child = Arc::new(Self::new(Some(self.clone()), Name::Shared(name.clone()), inode));
        if child.revalidates && child.inode.is_none() {
            return child;
        }
        let old = self.children.lock().insert(name, Arc::downgrade(&child));
        if let Some(old) = old.and_then(|old| old.upgrade()) {
            old.is_unlinked.store(true, Ordering::Release);
            CACHE.remove(&old);
        }
        CACHE.insert(&child);
        // The cache must not keep a removed directory alive by names that it lacks.
        if self.is_unlinked() {
            CACHE.remove(&child);
        }
        child
    }

    /// Forgets a child whose name was removed.
    pub(crate) fn unhash_child(&self, child: &Arc<Dentry>) {
        child.is_unlinked.store(true, Ordering::Release);
        self.forget(child);
        CACHE.remove(child);
        let below = core::mem::take(&mut *child.children.lock());
        below.values().filter_map(Weak::upgrade).for_each(|below| CACHE.remove(&below));
    }

    /// Removes `child` from the map, if the map still means this one.
    fn forget(&self, child: &Dentry) {
        let name = child.name();
        let mut children = self.children.lock();
        let is_it = |weak: &Weak<Dentry>| core::ptr::eq(weak.as_ptr(), child);
        if children.get(name.bytes()).is_some_and(is_it) {
            children.remove(name.bytes());
        }
    }

    /// Gives a child of `self` the name `name` in `new_parent`.
    pub(crate) fn move_child(&self, child: &Arc<Dentry>, new_parent: &Arc<Dentry>, name: &[u8]) {
        self.forget(child);
        let name: Arc<[u8]> = Arc::from(name);
        let old = {
            let mut link = child.link.lock();
            link.name = Name::Shared(name.clone());
            link.parent.replace(new_parent.clone())
        };
        new_parent.children.lock().insert(name, Arc::downgrade(child));
        drop(old);
    }
}

impl Cached for Dentry {
    fn referenced(&self) -> &AtomicBool {
        &self.referenced
    }

    fn slot(&self) -> &AtomicU32 {
        &self.slot
    }
}

impl Drop for Dentry {
    /// Leaves the parent's map and lets go of the parent. A chain of parents that
    /// only this child kept is freed in a loop: its length is a program's choice.
    fn drop(&mut self) {
        let mut next = self.detach();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.detach());
        }
    }
}

impl Dentry {
    fn detach(&mut self) -> Option<Arc<Dentry>> {
        let parent = self.link.lock().parent.take()?;
        parent.forget(self);
        Some(parent)
    }
}

/// Keeps nothing of a file system any more (unmount).
pub(crate) fn purge(sb: &Arc<dyn SuperBlock>) {
    let is_of = |dentry: &Arc<Dentry>| {
        let mut at = dentry.clone();
        loop {
            if let Some(inode) = at.inode() {
                return Arc::ptr_eq(inode.base().sb(), sb);
            }
            let Some(parent) = at.parent() else { return false };
            at = parent;
        }
    };
    CACHE.kept().filter(is_of).for_each(|dentry| CACHE.remove(&dentry));
}
