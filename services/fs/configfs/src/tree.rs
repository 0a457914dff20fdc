// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The directories: fixed ones, groups in which items are made, items with their files.

use alloc::sync::Arc;

use abi::magic::CONFIGFS_MAGIC;
use abi::{Result, error};
use framework::sync::Once;
use pseudofs::{
    Content, Directory, DirectoryOps, LinkCount, PseudoInode, Refusal, Remake, Rules, Tree,
};
use vfs::Inode;

use crate::file::ItemFile;
use crate::item::{Form, Group};

static RULES: Rules = Rules {
    type_name: "configfs",
    magic: CONFIGFS_MAGIC,
    block_size: 4096,
    text_size: 4096,
    directory_perm: 0o755,
    remake: Remake::AfterWrite,
    refusal: Refusal::Denied,
};

static TREE: Once<Tree> = Once::new();

fn tree() -> &'static Tree {
    TREE.call_once(|| Tree::new(&RULES, 0o755, Directory::new(LinkCount::Counted)))
}

/// The root directory.
pub(crate) fn root() -> Arc<dyn Inode> {
    tree().root()
}

/// Makes the directory `subsystem` with a group in it.
///
/// # Errors
/// `EEXIST` if it is there.
pub fn register(subsystem: &str, name: &str, group: Arc<dyn Group>) -> Result<()> {
    if tree().find(subsystem).is_some() {
        return Err(error!(EEXIST, "the subsystem is there"));
    }
    let group = Directory::with_ops(GroupOps(group));
    tree().directory(subsystem)?.insert(name.as_bytes(), directory(group))
}

fn directory(directory: Directory) -> Arc<PseudoInode> {
    PseudoInode::new(tree().fs(), RULES.directory_perm, Content::Directory(directory))
}

/// A directory in which items are made.
struct GroupOps(Arc<dyn Group>);

impl DirectoryOps for GroupOps {
    /// Makes an item; its mode is fixed.
    fn mkdir(&self, name: &[u8]) -> Result<Arc<PseudoInode>> {
        framework::mm::admit()?;
        let item = self.0.make(name)?;
        let dir = directory(Directory::with_ops(ItemOps));
        for attribute in item.attributes() {
            let file = Arc::new(ItemFile { item: item.clone(), attribute });
            let content = match attribute.form {
                Form::Text => Content::Text(file),
                Form::Binary(_) => Content::File(file),
            };
            let inode = PseudoInode::new(tree().fs(), attribute.perm, content);
            dir.insert(attribute.name.as_bytes(), inode)?;
        }
        Ok(dir)
    }
}

/// An item: rmdir removes it with its files.
struct ItemOps;

impl DirectoryOps for ItemOps {
    fn check_rmdir(&self) -> Result<()> {
        Ok(())
    }
}
