// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The inode of tmpfs and its [`Inode`] implementation.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;

use abi::{Result, err, error};
use vfs::{
    Attr, DeviceId, DirSink, FileOps, Inode, InodeBase, NewInode, NewKind, Opening, Rename,
    RenameMode, SuperBlock, Timestamp,
};

use crate::Options;
use crate::data::FileData;
use crate::dir::Dir;
use crate::sb::TmpSuper;

/// A file of a tmpfs.
pub(crate) struct TmpInode {
    base: InodeBase,
    sb: Arc<TmpSuper>,
    pub(crate) this: Weak<TmpInode>,
    data: Data,
}

enum Data {
    Regular(FileData),
    Directory(Dir<TmpInode>),
    Symlink(Box<[u8]>),
    /// Device nodes, FIFOs, sockets.
    Special,
}

/// Pages that a symbolic link counts for: a short text is part of the inode, as on Linux.
fn pages_of_link(text: &[u8]) -> u64 {
    u64::from(text.len() >= 128)
}

impl TmpInode {
    pub(crate) fn new_root(options: &Options) -> Result<Arc<Self>> {
        let sb = Arc::new(TmpSuper::new(options));
        let new = NewInode {
            kind: NewKind::Directory,
            perm: options.perm,
            uid: options.uid,
            gid: options.gid,
        };
        Self::new(&sb, &new)
    }

    fn new(sb: &Arc<TmpSuper>, new: &NewInode<'_>) -> Result<Arc<Self>> {
        framework::mm::admit()?;
        let mut rdev = DeviceId::default();
        let data = match new.kind {
            NewKind::Regular => Data::Regular(FileData::new()),
            NewKind::Directory => Data::Directory(Dir::new()),
            NewKind::Symlink(target) => {
                let mut text = Vec::new();
                text.try_reserve_exact(target.len()).map_err(|_| error!(ENOMEM))?;
                text.extend_from_slice(target);
                Data::Symlink(text.into_boxed_slice())
            }
            NewKind::CharDevice(dev) | NewKind::BlockDevice(dev) => {
                rdev = dev;
                Data::Special
            }
            NewKind::Fifo | NewKind::Socket => Data::Special,
        };
        sb.charge_inode()?;
        if let Data::Symlink(text) = &data
            && let Err(error) = sb.charge_pages(pages_of_link(text))
        {
            sb.uncharge_inode();
            return Err(error);
        }
        let mut attr = Attr::new(new.perm, new.uid, new.gid);
        if new.kind == NewKind::Directory {
            attr.nlink = 2;
        }
        let as_super: Arc<dyn SuperBlock> = sb.clone();
        let base = InodeBase::with_rdev(as_super, sb.next_ino(), new.kind.kind(), attr, rdev);
        Ok(Arc::new_cyclic(|this| Self { base, sb: sb.clone(), this: this.clone(), data }))
    }

    pub(crate) fn sb(&self) -> &TmpSuper {
        &self.sb
    }

    /// The content of a regular file.
    #[inline]
    pub(crate) fn content(&self) -> Result<&FileData> {
        match &self.data {
            Data::Regular(data) => Ok(data),
            _ => err!(EINVAL, "not a regular file"),
        }
    }

    fn dir(&self) -> Result<&Dir<Self>> {
        match &self.data {
            Data::Directory(dir) => Ok(dir),
            _ => err!(ENOTDIR, "not a directory"),
        }
    }

    /// A name in this directory came or went.
    fn touch_dir(&self, nlink_change: i32) {
        let now = Timestamp::now();
        self.base.update(|attr| {
            attr.mtime = now;
            attr.ctime = now;
            attr.nlink = attr.nlink.saturating_add_signed(nlink_change);
        });
    }

    /// Changes the number of names; returns what it was.
    fn add_links(&self, change: i32) -> u32 {
        let now = Timestamp::now();
        self.base.update(|attr| {
            attr.ctime = now;
            let old = attr.nlink;
            attr.nlink = old.saturating_add_signed(change);
            old
        })
    }

    /// Takes `count` names back; further names of a file were charged for.
    fn drop_links(&self, count: u32) {
        if self.add_links(-(count as i32)) > count {
            self.sb.uncharge_inode();
        }
    }

    /// Adds a name, unless the last one went meanwhile.
    fn add_name(&self) -> Result<()> {
        let now = Timestamp::now();
        let is_linkable = self.base.is_linkable();
        let old = self.base.update(|attr| {
            let old = attr.nlink;
            if old > 0 || is_linkable {
                attr.ctime = now;
                attr.nlink = old + 1;
            }
            old
        });
        match old {
            0 if !is_linkable => err!(ENOENT, "the file has no name any more"),
            // The inode itself was charged for.
            0 => Ok(()),
            _ => self.sb.charge_inode().inspect_err(|_| {
                self.base.update(|attr| attr.nlink -= 1);
            }),
        }
    }
}

/// Sees an inode that the vfs hands back as the one of this file system that it is.
fn own(inode: &Arc<dyn Inode>) -> Result<Arc<TmpInode>> {
    let any: &dyn Any = inode.as_ref();
    let own = any.downcast_ref::<TmpInode>().and_then(|inode| inode.this.upgrade());
    own.ok_or(error!(EXDEV, "inode of another file system"))
}

/// The change of a directory's link count for one more entry like `inode`.
fn dir_step(inode: &TmpInode) -> i32 {
    i32::from(inode.base.is_dir())
}

impl Inode for TmpInode {
    fn base(&self) -> &InodeBase {
        &self.base
    }

    fn size(&self) -> u64 {
        match &self.data {
            Data::Regular(data) => data.size(),
            Data::Directory(dir) => (dir.len() as u64 + 2) * 20,
            Data::Symlink(text) => text.len() as u64,
            Data::Special => 0,
        }
    }

    fn blocks(&self) -> u64 {
        match &self.data {
            Data::Regular(data) => data.pages() * 8,
            Data::Symlink(text) => pages_of_link(text) * 8,
            _ => 0,
        }
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.content()?.truncate(self.sb(), size, self);
        self.base.touch_modified();
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Inode>> {
        match self.dir()?.get(name) {
            Some(inode) => Ok(inode),
            None => err!(ENOENT, "no such entry"),
        }
    }

    fn create(&self, name: &[u8], new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        let dir = self.dir()?;
        let inode = Self::new(&self.sb, new)?;
        dir.insert(name, inode.clone())?;
        self.touch_dir(dir_step(&inode));
        Ok(inode)
    }

    fn create_unnamed(&self, new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        self.dir()?;
        let inode = Self::new(&self.sb, new)?;
        inode.base.update(|attr| attr.nlink = 0);
        Ok(inode)
    }

    fn link(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = own(target)?;
        target.add_name()?;
        if let Err(error) = self.dir()?.insert(name, target.clone()) {
            target.drop_links(1);
            return Err(error);
        }
        self.touch_dir(0);
        Ok(())
    }

    fn unlink(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = own(target)?;
        self.dir()?.remove(name);
        target.drop_links(1);
        self.touch_dir(0);
        Ok(())
    }

    fn rmdir(&self, name: &[u8], target: &Arc<dyn Inode>) -> Result<()> {
        let target = own(target)?;
        target.dir()?.close()?;
        self.dir()?.remove(name);
        target.add_links(-2);
        self.touch_dir(-1);
        Ok(())
    }

    fn rename(&self, rename: &Rename<'_>) -> Result<()> {
        let (old, new_dir) = (own(rename.old)?, own(rename.new_dir)?);
        let replaced = rename.replaced.map(own).transpose()?;
        let (from, to) = (self.dir()?, new_dir.dir()?);
        match (&replaced, rename.mode) {
            (Some(other), RenameMode::Exchange) => {
                from.replace(rename.old_name, other.clone());
                to.replace(rename.new_name, old.clone());
                let step = dir_step(other) - dir_step(&old);
                self.touch_dir(step);
                new_dir.touch_dir(-step);
                other.base.touch_changed();
            }
            (None, RenameMode::Exchange) => return err!(ENOENT, "nothing to exchange with"),
            (None, RenameMode::Replace) => {
                to.insert(rename.new_name, old.clone())?;
                from.remove(rename.old_name);
                self.touch_dir(-dir_step(&old));
                new_dir.touch_dir(dir_step(&old));
            }
            (Some(victim), RenameMode::Replace) => {
                let dies = if victim.base.is_dir() {
                    victim.dir()?.close()?;
                    2
                } else {
                    1
                };
                to.replace(rename.new_name, old.clone());
                from.remove(rename.old_name);
                victim.drop_links(dies);
                self.touch_dir(-dir_step(&old));
                new_dir.touch_dir(0);
            }
        }
        old.base.touch_changed();
        Ok(())
    }

    fn readdir(&self, cookie: u64, sink: &mut DirSink<'_>) -> Result<()> {
        self.dir()?.list(cookie, sink)
    }

    fn readlink(&self) -> Result<Vec<u8>> {
        let Data::Symlink(text) = &self.data else {
            return err!(EINVAL, "not a symbolic link");
        };
        Ok(text.to_vec())
    }

    fn open(self: Arc<Self>, _opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        self.content()?;
        Ok(self)
    }
}

impl Drop for TmpInode {
    /// Frees what the inode was charged for, and a whole tree of directories in a
    /// loop: its depth is a program's choice.
    fn drop(&mut self) {
        self.sb.uncharge_inode();
        match &self.data {
            Data::Regular(data) => data.uncharge(&self.sb),
            Data::Symlink(text) => self.sb.uncharge_pages(pages_of_link(text)),
            Data::Directory(dir) => {
                let mut dead = None;
                bury(dir, &mut dead);
                while let Some(inode) = dead.take() {
                    if let Data::Directory(dir) = &inode.data {
                        dead = dir.chain(None);
                        bury(dir, &mut dead);
                    }
                }
            }
            Data::Special => {}
        }
    }
}

/// Empties a directory that dies: directories in it that nobody else has are chained to
/// `dead`, to die later.
fn bury(dir: &Dir<TmpInode>, dead: &mut Option<Arc<TmpInode>>) {
    for orphan in dir.take_all() {
        // The last reference: only who has one makes another.
        if Arc::strong_count(&orphan) == 1
            && let Data::Directory(below) = &orphan.data
        {
            drop(below.chain(dead.take()));
            *dead = Some(orphan);
        }
    }
}
