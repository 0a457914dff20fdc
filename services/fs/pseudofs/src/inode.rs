// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inodes, and what each is.

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::{Result, err, error};
use vfs::{Attr, File, FileKind, InodeBase, Owner};

use crate::content::{Link, OpenFile, Subject, TextFile};
use crate::directory::{Directory, LinkCount};
use crate::rules::{PseudoFs, Rules};

/// What an inode is.
pub enum Content {
    /// A directory.
    Directory(Directory),
    /// A file of text.
    Text(Arc<dyn TextFile>),
    /// A file with operations of its own.
    File(Arc<dyn OpenFile>),
    /// A symbolic link.
    Link(Arc<dyn Link>),
}

impl Content {
    pub(crate) fn kind(&self) -> FileKind {
        match self {
            Self::Directory(_) => FileKind::Directory,
            Self::Text(_) | Self::File(_) => FileKind::Regular,
            Self::Link(_) => FileKind::Symlink,
        }
    }
}

/// An inode of a pseudo file system.
pub struct PseudoInode {
    pub(crate) base: InodeBase,
    pub(crate) rules: &'static Rules,
    pub(crate) content: Content,
    pub(crate) subject: Option<Arc<dyn Subject>>,
    is_removed: AtomicBool,
}

impl PseudoInode {
    /// An inode that stays until it is removed; it is root's.
    pub fn new(fs: &Arc<PseudoFs>, perm: u32, content: Content) -> Arc<Self> {
        Self::make(fs, fs.next_ino(), Owner { perm, uid: 0, gid: 0 }, content, None)
    }

    /// An inode that goes with its subject. `ino` is at least 2³², and the same at each
    /// look-up.
    ///
    /// # Errors
    /// `ENOENT` if the subject has gone.
    pub fn of_subject(
        fs: &Arc<PseudoFs>,
        ino: u64,
        subject: Arc<dyn Subject>,
        content: Content,
    ) -> Result<Arc<Self>> {
        let owner = subject.owner().ok_or(error!(ENOENT, "it has gone"))?;
        Ok(Self::make(fs, ino, owner, content, Some(subject)))
    }

    fn make(
        fs: &Arc<PseudoFs>,
        ino: u64,
        owner: Owner,
        content: Content,
        subject: Option<Arc<dyn Subject>>,
    ) -> Arc<Self> {
        let attr = Attr::new(owner.perm, owner.uid, owner.gid);
        let base = InodeBase::new(fs.clone(), ino, content.kind(), attr);
        let is_removed = AtomicBool::new(false);
        Arc::new(Self { base, rules: fs.rules(), content, subject, is_removed })
    }

    /// The inode number.
    pub fn ino(&self) -> u64 {
        self.base.ino()
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.base.is_dir()
    }

    /// Whether it is part of /proc/sys, where not even root changes mode and owner.
    pub(crate) fn is_parameter(&self) -> bool {
        match &self.content {
            Content::Directory(directory) => directory.link_count == LinkCount::One,
            Content::Text(text) => text.is_parameter(),
            _ => false,
        }
    }

    /// Its entries; `ENOTDIR` if it is no directory.
    pub(crate) fn directory(&self) -> Result<&Directory> {
        match &self.content {
            Content::Directory(directory) => Ok(directory),
            _ => err!(ENOTDIR, "not a directory"),
        }
    }

    /// Adds an entry to a directory that is not yet, or no longer, the vfs's to change.
    ///
    /// # Errors
    /// `EEXIST` if the name is taken, `ENOTDIR` if this is no directory.
    pub fn insert(&self, name: &[u8], inode: Arc<Self>) -> Result<()> {
        self.directory()?.insert(name, inode)
    }

    /// Whether nothing leads to it any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }

    pub(crate) fn mark_removed(&self) {
        self.is_removed.store(true, Ordering::Release);
        let Ok(directory) = self.directory() else { return };
        let mut from = 0;
        while let Some((next, _, child)) = directory.after(from) {
            child.mark_removed();
            from = next;
        }
    }
}

/// Whether the entry that `file` was opened by is still there.
///
/// # Errors
/// `ENOENT` once it was removed.
pub fn check_present(file: &File) -> Result<()> {
    let inode: &dyn Any = &**file.inode();
    match inode.downcast_ref::<PseudoInode>() {
        Some(inode) if inode.is_removed() => err!(ENOENT, "the entry was removed"),
        _ => Ok(()),
    }
}
