// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The tree that entries become.
//!
//! Names resolve below the root as in a chroot. Missing directories are made; an
//! entry that is there already gives way, except that a directory stays and
//! takes the new attributes. Times of directories are set last, when nothing is
//! created in them any more.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::stat::{S_IALLUGO, S_IFMT};
use abi::{Errno, Result, err};
use cred::Cred;
use framework::mm::Reader;
use vfs::{DeviceId, File, FileKind, Follow, Path, Resolver, SetAttr, Timestamp};

use crate::header::Header;

/// What an archive held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Regular files, further names not counted.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Device nodes, FIFOs and sockets.
    pub specials: u64,
    /// Further names of files.
    pub hard_links: u64,
    /// Bytes in regular files.
    pub bytes: u64,
}

/// What tells files with several names apart: device, inode number, type.
type LinkKey = (u32, u32, u32, u32);

pub(crate) struct Tree<'a> {
    root: &'a Path,
    cred: Cred,
    summary: Summary,
    /// Files with further names to come.
    links: BTreeMap<LinkKey, Path>,
    directories: Vec<(Path, SetAttr)>,
}

/// A regular file whose data comes next.
pub(crate) struct Opened(Arc<File>);

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Path) -> Self {
        Self {
            root,
            cred: Cred::root(),
            summary: Summary::default(),
            links: BTreeMap::new(),
            directories: Vec::new(),
        }
    }

    /// Inode numbers of the next archive have nothing to do with the last one's.
    pub(crate) fn forget_links(&mut self) {
        self.links.clear();
    }

    fn resolver(&self) -> Resolver<'_> {
        Resolver::kernel(self.root, &self.cred)
    }

    /// Makes room for `name` of `kind`: its directories exist, and nothing of another
    /// kind has the name. Returns what has it already.
    fn prepare(&self, name: &[u8], kind: FileKind) -> Result<Option<Path>> {
        let resolver = self.resolver();
        for (end, _) in name.iter().enumerate().filter(|(end, byte)| **byte == b'/' && *end > 0) {
            let above = name.get(..end).unwrap_or_default();
            if is_missing(&resolver.lookup(above, Follow::Yes))? {
                vfs::mkdir(&resolver, above, 0o755)?;
            }
        }
        let found = resolver.lookup(name, Follow::No);
        if is_missing(&found)? {
            return Ok(None);
        }
        let found = found?;
        let old = found.inode()?.base().kind();
        if old == kind && matches!(kind, FileKind::Directory | FileKind::Regular) {
            return Ok(Some(found));
        }
        if old == FileKind::Directory {
            vfs::rmdir(&resolver, name)?;
        } else {
            vfs::unlink(&resolver, name)?;
        }
        Ok(None)
    }

    pub(crate) fn directory(&mut self, name: &[u8], header: &Header) -> Result<()> {
        let path = match self.prepare(name, FileKind::Directory)? {
            Some(path) => path,
            None => vfs::mkdir(&self.resolver(), name, header.mode)?,
        };
        set_attr(&path, header)?;
        self.summary.directories += 1;
        self.directories.try_reserve(1).map_err(|_| abi::error!(ENOMEM))?;
        self.directories.push((path, attributes(header)));
        Ok(())
    }

    pub(crate) fn symlink(&mut self, name: &[u8], target: &[u8], header: &Header) -> Result<()> {
        self.prepare(name, FileKind::Symlink)?;
        let path = vfs::symlink(&self.resolver(), target, name)?;
        let attributes = SetAttr { perm: None, ..attributes(header) };
        path.inode()?.set_attr(&attributes)?;
        self.summary.symlinks += 1;
        Ok(())
    }

    pub(crate) fn special(&mut self, name: &[u8], header: &Header) -> Result<()> {
        let Some(kind) = FileKind::from_mode(header.mode) else {
            return err!(EINVAL, "unknown file type");
        };
        self.prepare(name, kind)?;
        if self.link(name, header)? {
            return Ok(());
        }
        let dev = DeviceId::new(header.rdev.0, header.rdev.1);
        let path = vfs::mknod(&self.resolver(), name, header.mode, dev)?;
        set_attr(&path, header)?;
        self.summary.specials += 1;
        self.remember(&path, header);
        Ok(())
    }

    /// Creates or finds a regular file. Of several names, one brings the data;
    /// the others are empty and leave it alone.
    pub(crate) fn regular(&mut self, name: &[u8], header: &Header) -> Result<Opened> {
        let old = self.prepare(name, FileKind::Regular)?;
        if header.nlink >= 2 && old.is_some() {
            vfs::unlink(&self.resolver(), name)?;
        }
        let is_link = self.link(name, header)?;
        let mut flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::NOFOLLOW;
        if !is_link || header.size > 0 {
            flags |= OpenFlags::TRUNC;
        }
        let file = vfs::open(&self.resolver(), name, flags, header.mode & S_IALLUGO)?;
        if is_link {
            return Ok(Opened(file));
        }
        self.summary.files += 1;
        self.remember(&file.path().clone(), header);
        Ok(Opened(file))
    }

    pub(crate) fn write(&mut self, opened: &Opened, data: &[u8]) -> Result<()> {
        let mut reader = Reader::kernel(data);
        while reader.remaining() > 0 {
            if opened.0.write(&mut reader)? == 0 {
                return err!(EIO, "nothing was written");
            }
        }
        self.summary.bytes += data.len() as u64;
        Ok(())
    }

    pub(crate) fn close(&mut self, opened: Opened, header: &Header) -> Result<()> {
        set_attr(opened.0.path(), header)
    }

    /// Gives a file that was seen before the name `name`, if the header means one.
    fn link(&mut self, name: &[u8], header: &Header) -> Result<bool> {
        let Some(first) = self.links.get(&key(header)).filter(|_| header.nlink >= 2) else {
            return Ok(false);
        };
        match vfs::link(first, &self.resolver(), name) {
            Ok(()) => {}
            // A later entry replaced the first name: this one starts anew.
            Err(error) if error.errno() == Errno::ENOENT => return Ok(false),
            Err(error) => return Err(error),
        }
        self.summary.hard_links += 1;
        Ok(true)
    }

    fn remember(&mut self, path: &Path, header: &Header) {
        if header.nlink >= 2 {
            self.links.insert(key(header), path.clone());
        }
    }

    /// Sets what had to wait and tells what there was.
    pub(crate) fn finish(self) -> Result<Summary> {
        for (path, attributes) in &self.directories {
            path.inode()?.set_attr(attributes)?;
        }
        Ok(self.summary)
    }
}

fn key(header: &Header) -> LinkKey {
    (header.dev.0, header.dev.1, header.ino, header.mode & S_IFMT)
}

fn is_missing(found: &Result<Path>) -> Result<bool> {
    match found {
        Ok(_) => Ok(false),
        Err(error) if error.errno() == Errno::ENOENT => Ok(true),
        Err(error) => Err(*error),
    }
}

fn attributes(header: &Header) -> SetAttr {
    let time = Timestamp { sec: i64::from(header.mtime), nsec: 0 };
    SetAttr {
        perm: Some(header.mode & S_IALLUGO),
        uid: Some(header.uid),
        gid: Some(header.gid),
        atime: Some(time),
        mtime: Some(time),
        ctime: None,
    }
}

fn set_attr(path: &Path, header: &Header) -> Result<()> {
    path.inode()?.set_attr(&attributes(header))
}
