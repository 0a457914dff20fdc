// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a file system implements for each file: its inode.
//!
//! A file system embeds an [`InodeBase`] in each inode: it keeps the
//! attributes, so that the defaults of [`Inode`] serve most of them. Callers are
//! the path functions of this crate, which check permissions and names and hold
//! the directory lock around every change; an inode never checks credentials.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::ops::ControlFlow;

use abi::fcntl::OpenFlags;
use abi::{Result, err};
use cred::{Cred, Gid, Uid};

use crate::{DeviceId, FileKind, FileOps, InodeBase, Metadata, Path, SetAttr};

/// What to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKind<'a> {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link to the text.
    Symlink(&'a [u8]),
    /// A FIFO.
    Fifo,
    /// A socket node.
    Socket,
    /// A character device node.
    CharDevice(DeviceId),
    /// A block device node.
    BlockDevice(DeviceId),
}

impl NewKind<'_> {
    /// The kind of the inode that results.
    pub const fn kind(&self) -> FileKind {
        match self {
            Self::Regular => FileKind::Regular,
            Self::Directory => FileKind::Directory,
            Self::Symlink(_) => FileKind::Symlink,
            Self::Fifo => FileKind::Fifo,
            Self::Socket => FileKind::Socket,
            Self::CharDevice(_) => FileKind::CharDevice,
            Self::BlockDevice(_) => FileKind::BlockDevice,
        }
    }
}

/// A new inode's kind and first attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewInode<'a> {
    /// What it is.
    pub kind: NewKind<'a>,
    /// Permission bits (07777), umask applied.
    pub perm: u32,
    /// Owner.
    pub uid: Uid,
    /// Group.
    pub gid: Gid,
}

/// One entry that [`Inode::readdir`] reports.
#[derive(Debug, Clone, Copy)]
pub struct DirEntry<'a> {
    /// The name.
    pub name: &'a [u8],
    /// Inode number.
    pub ino: u64,
    /// What it is.
    pub kind: FileKind,
    /// The cookie from which reading goes on after this entry.
    pub next: u64,
}

/// Takes entries; `Break` means the entry was not taken and reading ends.
pub type DirSink<'a> = dyn FnMut(&DirEntry<'_>) -> ControlFlow<()> + 'a;

/// Where a symbolic link leads.
pub enum LinkTarget {
    /// A path to walk from the link's directory.
    Text(Vec<u8>),
    /// A place, without walking (the magic links of procfs).
    Jump(Path),
}

/// How rename treats an existing new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenameMode {
    /// It is replaced.
    Replace,
    /// The two change places.
    Exchange,
}

/// The arguments of [`Inode::rename`], all checked.
pub struct Rename<'a> {
    /// The old name.
    pub old_name: &'a [u8],
    /// What it names.
    pub old: &'a Arc<dyn Inode>,
    /// The directory of the new name; maybe the same as the old.
    pub new_dir: &'a Arc<dyn Inode>,
    /// The new name.
    pub new_name: &'a [u8],
    /// What the new name names now; always there for an exchange.
    pub replaced: Option<&'a Arc<dyn Inode>>,
    /// Replace or exchange.
    pub mode: RenameMode,
}

/// An open in progress, for the file system, device or FIFO that serves it.
pub struct Opening<'a> {
    /// The flags of open(2).
    pub flags: OpenFlags,
    /// The place.
    pub path: &'a Path,
    /// The inode there.
    pub inode: &'a Arc<dyn Inode>,
    /// Who opens.
    pub cred: &'a Cred,
}

/// A file of a file system.
pub trait Inode: Any + Send + Sync {
    /// The common part.
    fn base(&self) -> &InodeBase;

    /// Length in bytes.
    fn size(&self) -> u64 {
        0
    }

    /// 512-byte units in use.
    fn blocks(&self) -> u64 {
        self.size().div_ceil(512)
    }

    /// What stat(2) reports.
    fn metadata(&self) -> Metadata {
        self.base().metadata(self.size(), self.blocks())
    }

    /// Changes attributes. The vfs functions checked the permission.
    ///
    /// # Errors
    /// `EPERM` or `EOPNOTSUPP` where attributes are fixed; what the medium finds.
    fn set_attr(&self, change: &SetAttr) -> Result<()> {
        self.base().apply(change);
        Ok(())
    }

    /// Sets the length of a regular file.
    ///
    /// # Errors
    /// `EINVAL` if it has no length to set, `ENOSPC`, `EIO`, `ENOMEM`.
    fn truncate(&self, _size: u64) -> Result<()> {
        err!(EINVAL, "not a file with a length")
    }

    /// Finds a name in a directory.
    ///
    /// # Errors
    /// `ENOENT` if there is none: that becomes a negative dentry. Any other error ends the
    /// walk: `EIO`, `ENOMEM`.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<dyn Inode>> {
        err!(ENOENT, "no such entry")
    }

    /// Creates an entry that [`Inode::lookup`] did not find.
    ///
    /// # Errors
    /// `EPERM` if the file system makes no such files, `ENOSPC`, `EIO`, `ENOMEM`.
    fn create(&self, _name: &[u8], _new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        err!(EPERM, "the file system cannot create files")
    }

    /// Creates a regular file without a name (O_TMPFILE); its link count is 0.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the file system has none, `ENOSPC`, `EIO`, `ENOMEM`.
    fn create_unnamed(&self, _new: &NewInode<'_>) -> Result<Arc<dyn Inode>> {
        err!(EOPNOTSUPP, "the file system has no unnamed files")
    }

    /// Adds a name for an inode of the same file system.
    ///
    /// # Errors
    /// `EPERM` if the file system has no hard links, `EMLINK` if the inode has too many,
    /// `ENOSPC`, `EIO`, `ENOMEM`.
    fn link(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        err!(EPERM, "the file system has no hard links")
    }

    /// Removes the name of something that is no directory.
    ///
    /// # Errors
    /// `EPERM` if the file system removes nothing, `EIO`.
    fn unlink(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        err!(EPERM, "the file system cannot remove files")
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `ENOTEMPTY` if it is not empty, `EPERM` if the file system removes nothing, `EIO`.
    fn rmdir(&self, _name: &[u8], _target: &Arc<dyn Inode>) -> Result<()> {
        err!(EPERM, "the file system cannot remove directories")
    }

    /// Moves an entry of this directory.
    ///
    /// # Errors
    /// `ENOTEMPTY` if a directory with entries would be replaced, `EPERM` if the file
    /// system cannot, `ENOSPC`, `EIO`, `ENOMEM`.
    fn rename(&self, _rename: &Rename<'_>) -> Result<()> {
        err!(EPERM, "the file system cannot rename")
    }

    /// Reports the entries from `cookie` on, without `.` and `..`. Cookies of
    /// entries are 2 and above; 2 starts.
    ///
    /// # Errors
    /// `ENOTDIR` if it is none, `EIO`, `ENOMEM`.
    fn readdir(&self, _cookie: u64, _sink: &mut DirSink<'_>) -> Result<()> {
        err!(ENOTDIR, "not a directory")
    }

    /// Whether the name this inode was found by still leads to it; asked only
    /// under [`DentryPolicy::Revalidate`](crate::DentryPolicy::Revalidate).
    fn is_valid(&self) -> bool {
        true
    }

    /// The text of a symbolic link.
    ///
    /// # Errors
    /// `EINVAL` if it is none, `EIO`, `ENOMEM`.
    fn readlink(&self) -> Result<Vec<u8>> {
        err!(EINVAL, "not a symbolic link")
    }

    /// Where a symbolic link leads; `cred` is who follows.
    ///
    /// # Errors
    /// Those of [`Self::readlink`]; for a magic link `ENOENT` if its object is gone and
    /// `EACCES` if `cred` may not look.
    fn follow(&self, _cred: &Cred) -> Result<LinkTarget> {
        Ok(LinkTarget::Text(self.readlink()?))
    }

    /// Opens a regular file. Directories, devices and FIFOs are opened by the vfs
    /// itself unless [`Inode::opens_itself`].
    ///
    /// # Errors
    /// `ENXIO` if there is nothing to open; what the file system says.
    fn open(self: Arc<Self>, _opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        err!(ENXIO, "cannot be opened")
    }

    /// Whether [`Inode::open`] is also asked where the vfs would open by kind.
    fn opens_itself(&self) -> bool {
        false
    }

    /// Reads an extended attribute.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if there are none, `ENODATA` if there is none of this name.
    fn get_xattr(&self, _name: &[u8]) -> Result<Vec<u8>> {
        err!(EOPNOTSUPP, "no extended attributes")
    }
}
