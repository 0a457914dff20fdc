// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inodes: the glue between the vfs and [`Content`].

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::{Result, err, error};
use cred::Cred;
use vfs::{
    Attr, DirEntry, DirSink, File, FileOps, Inode, InodeBase, LinkTarget, Metadata, NewInode,
    NewKind, Opening, Owner, SetAttr,
};

use crate::content::{Content, Subject};
use crate::directory::{Directory, LinkCount};
use crate::file::TextOps;
use crate::rules::{PseudoFs, Refusal, Rules};

/// The first cookie of entries that are not registered.
const FIRST_FOUND: u64 = 1 << 32;

/// An inode of a pseudo file system.
pub struct PseudoInode {
    base: InodeBase,
    rules: &'static Rules,
    content: Content,
    subject: Option<Arc<dyn Subject>>,
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
    fn is_removed(&self) -> bool {
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

impl Inode for PseudoInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn size(&self) -> u64 {
        match &self.content {
            Content::Directory(directory) => directory.ops.size(),
            Content::Text(_) => self.rules.text_size,
            Content::File(file) => file.size(),
            Content::Link(link) => link.size(),
        }
    }

    fn blocks(&self) -> u64 {
        0
    }

    fn metadata(&self) -> Metadata {
        let metadata = self.base.metadata(self.size(), 0);
        let nlink = match &self.content {
            Content::Directory(directory) if directory.link_count == LinkCount::Counted => {
                directory.subdirectories().saturating_add(2)
            }
            _ => 1,
        };
        Metadata { nlink, blksize: self.rules.block_size, ..metadata }
    }

    fn set_attr(&self, change: &SetAttr) -> Result<()> {
        if self.rules.refusal == Refusal::Missing {
            return err!(EPERM, "attributes are fixed");
        }
        self.base.apply(change);
        Ok(())
    }

    /// O_TRUNC does nothing, as on Linux.
    fn truncate(&self, _size: u64) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        let directory = self.directory()?;
        match directory.child(name) {
            Some(inode) => Ok(inode),
            None => Ok(directory.ops.lookup(name)?),
        }
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        let refusal = self.rules.refusal;
        match &self.content {
            Content::Directory(directory)
                if refusal == Refusal::Denied && new.kind == NewKind::Directory =>
            {
                let made = directory.ops.mkdir(name)?;
                directory.insert(name, made.clone())?;
                Ok(made)
            }
            _ => Err(refusal.creating(new.kind.kind())),
        }
    }

    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        Err(self.rules.refusal.creating(vfs::FileKind::Directory))
    }

    /// Removes a directory with its entries, if it was made by mkdir.
    fn rmdir(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target: &dyn Any = &**target;
        let Some(target) = target.downcast_ref::<Self>() else {
            return err!(EXDEV, "inode of another file system");
        };
        target.directory()?.ops.check_rmdir()?;
        self.directory()?.remove(name);
        Ok(())
    }

    fn readdir(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        let directory = self.directory()?;
        let mut from = cookie;
        while let Some((next, name, inode)) = directory.after(from) {
            let (ino, kind) = (inode.base.ino(), inode.base.kind());
            if sink(&DirEntry { name: &name, ino, kind, next }).is_break() {
                return Ok(());
            }
            from = next;
        }
        directory.ops.list(cookie.saturating_sub(FIRST_FOUND), &mut |entry| {
            sink(&DirEntry { next: entry.next.saturating_add(FIRST_FOUND), ..*entry })
        })
    }

    /// What it shows may have gone, or changed its user.
    fn is_valid(&self) -> bool {
        let Some(subject) = &self.subject else { return !self.is_removed() };
        let Some(Owner { perm, uid, gid }) = subject.owner() else { return false };
        self.base.update(|attr| (attr.perm, attr.uid, attr.gid) = (perm, uid, gid));
        true
    }

    fn readlink(&self) -> Result<Vec<u8>> {
        match &self.content {
            Content::Link(link) => link.text(),
            _ => err!(EINVAL, "not a symbolic link"),
        }
    }

    fn follow(&self, cred: &Cred) -> Result<LinkTarget> {
        match &self.content {
            Content::Link(link) => link.follow(cred),
            _ => err!(EINVAL, "not a symbolic link"),
        }
    }

    fn open(self: Arc<Self>, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        let perm = self.base.owner().perm;
        match &self.content {
            Content::Text(text) => {
                text.check_open(perm, opening)?;
                Ok(Arc::new(TextOps::new(text.clone(), self.rules)))
            }
            Content::File(file) => file.clone().open(perm, opening),
            _ => err!(ENXIO, "cannot be opened"),
        }
    }
}
