// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is registered, and the instances of /proc that show it.
//!
//! Subsystems register in their `init`, before the first instance is made. An instance
//! belongs to a pid namespace, whose processes it has beside what all instances have.
//!
//! Locks: `REGISTRY` is a leaf (preemption off); an instance is made outside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::magic::PROC_SUPER_MAGIC;
use framework::sync::SpinLock;
use pseudofs::{
    Content, Directory, DirectoryOps, FixedLink, Link, LinkCount, PseudoFs, Refusal, Remake, Rules,
    Tree,
};
use vfs::Inode;

use crate::entry::Entry;

static RULES: Rules = Rules {
    type_name: "proc",
    magic: PROC_SUPER_MAGIC,
    block_size: 1024,
    text_size: 0,
    directory_perm: 0o555,
    remake: Remake::AtStart,
    refusal: Refusal::Missing,
};

/// Something at a path below /proc, in every instance.
#[derive(Clone)]
enum Item {
    File(&'static Entry),
    Link(&'static str, Arc<dyn Link>),
}

impl Item {
    fn path(&self) -> &'static str {
        match self {
            Self::File(entry) => entry.path(),
            Self::Link(path, _) => path,
        }
    }
}

struct Registry {
    items: Vec<Item>,
    /// There are instances, which would not show what comes now.
    is_closed: bool,
}

static REGISTRY: SpinLock<Registry> =
    SpinLock::new(Registry { items: Vec::new(), is_closed: false });

fn add(item: Item) {
    let path = item.path();
    let is_closed = {
        let mut registry = REGISTRY.lock();
        registry.items.push(item);
        registry.is_closed
    };
    if is_closed {
        log::error!("procfs: {path}: registered too late");
    }
}

/// Makes files known. Called by the `init` of a subsystem.
pub fn register(entries: &'static [Entry]) {
    entries.iter().map(Item::File).for_each(add);
}

/// Makes a symbolic link at a path below /proc known.
pub fn link(path: &'static str, link: Arc<dyn Link>) {
    add(Item::Link(path, link));
}

/// Makes a symbolic link with a fixed text known.
pub fn fixed_link(path: &'static str, text: &str) {
    link(path, Arc::new(FixedLink(text.as_bytes().into())));
}

/// An instance of /proc.
pub struct Instance {
    tree: Tree,
}

impl Instance {
    /// An instance with all that is registered, in which `processes` finds numbers. A path
    /// that cannot be shown is for the log: it is a mistake of the kernel's.
    pub fn new(processes: impl DirectoryOps + 'static) -> Self {
        let tree = Tree::new(&RULES, 0o555, Directory::with_ops(processes));
        let insert = |path: &str, perm, content| {
            if let Err(error) = tree.insert(path, perm, content) {
                log::error!("procfs: {path}: {error:?}");
            }
        };
        insert("sys", 0o555, Content::Directory(Directory::new(LinkCount::One)));
        let items = {
            let mut registry = REGISTRY.lock();
            registry.is_closed = true;
            registry.items.clone()
        };
        for item in items {
            match item {
                Item::File(entry) => insert(entry.path(), entry.perm(), entry.content()),
                Item::Link(path, link) => insert(path, 0o777, Content::Link(link)),
            }
        }
        Self { tree }
    }

    /// The root directory, for a mount.
    pub fn root(&self) -> Arc<dyn Inode> {
        self.tree.root()
    }

    /// The file system, for inodes that are looked up.
    pub fn fs(&self) -> &Arc<PseudoFs> {
        self.tree.fs()
    }
}
