// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree of /proc: what is registered, and the processes.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::magic::PROC_SUPER_MAGIC;
use abi::{Result, err};
use framework::sync::Once;
use pseudofs::{
    Content, Directory, DirectoryOps, FixedLink, LinkCount, PseudoFs, PseudoInode, Refusal, Remake,
    Rules, Tree,
};
use vfs::{DirSink, Inode};

static RULES: Rules = Rules {
    type_name: "proc",
    magic: PROC_SUPER_MAGIC,
    block_size: 1024,
    text_size: 0,
    directory_perm: 0o555,
    remake: Remake::AtStart,
    refusal: Refusal::Missing,
};

static TREE: Once<Tree> = Once::new();

/// What finds processes by their numbers.
static PROCESSES: Once<Box<dyn DirectoryOps>> = Once::new();

fn tree() -> &'static Tree {
    TREE.call_once(|| {
        let tree = Tree::new(&RULES, 0o555, Directory::with_ops(Root));
        let sys = Content::Directory(Directory::new(LinkCount::One));
        if let Err(error) = tree.insert("sys", 0o555, sys) {
            log::error!("procfs: sys: {error:?}");
        }
        tree
    })
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    tree().root()
}

/// The file system, for inodes that are looked up.
pub fn fs() -> &'static Arc<PseudoFs> {
    tree().fs()
}

/// Has `processes` find the numbers in /proc; the first call counts.
pub fn set_processes(processes: impl DirectoryOps + 'static) {
    PROCESSES.call_once(|| Box::new(processes));
}

/// Puts something at a path below /proc. A failure is for the log: it is a mistake of the
/// kernel's, and the boot goes on.
pub fn insert(path: &str, perm: u32, content: Content) {
    if let Err(error) = tree().insert(path, perm, content) {
        log::error!("procfs: {path}: {error:?}");
    }
}

/// Puts a symbolic link at a path below /proc.
pub fn link(path: &str, text: &str) {
    insert(path, 0o777, Content::Link(Arc::new(FixedLink(text.as_bytes().into()))));
}

/// The root directory: beyond what is registered, the processes.
struct Root;

impl DirectoryOps for Root {
    fn lookup(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        match PROCESSES.get() {
            Some(processes) => processes.lookup(name),
            None => err!(ENOENT, "no such entry"),
        }
    }

    fn list(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        PROCESSES.get().map_or(Ok(()), |processes| processes.list(cookie, sink))
    }

    fn subdirectories(&self) -> u32 {
        PROCESSES.get().map_or(0, |processes| processes.subdirectories())
    }
}
