// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the vfs does with inodes.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use abi::{Result, err};
use cred::Cred;
use vfs::{
    DirEntry, DirSink, FileOps, Inode, InodeBase, LinkTarget, Metadata, NewInode, NewKind, Opening,
    Owner, Rename, SetAttr,
};

use crate::directory::LinkCount;
use crate::file::TextOps;
use crate::inode::{Content, PseudoInode};
use crate::rules::Refusal;

/// The first cookie of entries that are not registered.
const FIRST_FOUND: u64 = 1 << 32;

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
        let is_owned = change.uid.is_some() || change.gid.is_some();
        if self.rules.refusal == Refusal::Missing
            && (change.perm.is_some() && self.subject.is_some()
                || (change.perm.is_some() || is_owned) && self.is_parameter())
        {
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

    /// What is not there is not found, as where something is to be created.
    fn rename(&self, rename: &Rename<'_>) -> Result<()> {
        match rename.replaced {
            None if self.rules.refusal == Refusal::Missing => {
                err!(ENOENT, "nothing is created here")
            }
            _ => err!(EPERM, "nothing is renamed here"),
        }
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
                let bound = text.bind(opening)?.unwrap_or_else(|| text.clone());
                Ok(Arc::new(TextOps::new(bound, self.rules)))
            }
            Content::File(file) => file.clone().open(perm, opening),
            _ => err!(ENXIO, "cannot be opened"),
        }
    }
}
