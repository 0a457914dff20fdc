// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The plain data of files: kinds, modes, device numbers, times, attributes.
//!
//! Spec: inode(7), stat(2), makedev(3).

use abi::device::{major, makedev, minor};
use abi::stat::*;
use cred::{Gid, Uid};

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device node.
    CharDevice,
    /// A block device node.
    BlockDevice,
    /// A pipe or FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// No type at all: an anonymous inode (eventfd and the like).
    Anonymous,
}

impl FileKind {
    /// The `S_IF*` bits.
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Regular => S_IFREG,
            Self::Directory => S_IFDIR,
            Self::Symlink => S_IFLNK,
            Self::CharDevice => S_IFCHR,
            Self::BlockDevice => S_IFBLK,
            Self::Fifo => S_IFIFO,
            Self::Socket => S_IFSOCK,
            Self::Anonymous => 0,
        }
    }

    /// The kind whose `S_IF*` bits `mode` carries, if it is a known one.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        match mode & S_IFMT {
            S_IFREG => Some(Self::Regular),
            S_IFDIR => Some(Self::Directory),
            S_IFLNK => Some(Self::Symlink),
            S_IFCHR => Some(Self::CharDevice),
            S_IFBLK => Some(Self::BlockDevice),
            S_IFIFO => Some(Self::Fifo),
            S_IFSOCK => Some(Self::Socket),
            _ => None,
        }
    }

    /// The `DT_*` value of getdents64(2).
    pub const fn dirent_type(self) -> u8 {
        (self.mode_bits() >> S_DT_SHIFT) as u8
    }
}

/// A device number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DeviceId {
    /// The driver.
    pub major: u32,
    /// The device of that driver.
    pub minor: u32,
}

impl DeviceId {
    /// The device number `major:minor`.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The encoding that stat(2) and mknod(2) use.
    pub const fn to_raw(self) -> u64 {
        makedev(self.major, self.minor)
    }

    /// Decodes the 32-bit number that mknod(2) takes.
    pub const fn from_raw(raw: u32) -> Self {
        Self { major: major(raw), minor: minor(raw) }
    }
}

/// A point in time as files record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub sec: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nsec: u32,
}

impl Timestamp {
    /// Now, by the real-time clock.
    #[inline]
    pub fn now() -> Self {
        Self::from_ns(framework::time::realtime_ns())
    }

    /// From nanoseconds since 1970.
    #[inline]
    pub const fn from_ns(ns: u64) -> Self {
        Self { sec: (ns / 1_000_000_000) as i64, nsec: (ns % 1_000_000_000) as u32 }
    }
}

/// What stat(2) reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// The device of the file system.
    pub dev: DeviceId,
    /// Inode number.
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// Number of names.
    pub nlink: u32,
    /// Owner.
    pub uid: Uid,
    /// Group.
    pub gid: Gid,
    /// The device a device node stands for.
    pub rdev: DeviceId,
    /// Length in bytes.
    pub size: u64,
    /// Preferred size of transfers.
    pub blksize: u32,
    /// 512-byte units in use.
    pub blocks: u64,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of inode.
    pub ctime: Timestamp,
    /// Creation.
    pub btime: Timestamp,
}

impl Metadata {
    /// What the inode is.
    pub const fn kind(&self) -> FileKind {
        match FileKind::from_mode(self.mode) {
            Some(kind) => kind,
            None => FileKind::Anonymous,
        }
    }
}

/// Attributes that every inode has, kept by [`crate::InodeBase`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attr {
    /// Permission bits (07777), without the type.
    pub perm: u32,
    /// Owner.
    pub uid: Uid,
    /// Group.
    pub gid: Gid,
    /// Number of names.
    pub nlink: u32,
    /// Last access.
    pub atime: Timestamp,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Last change of inode.
    pub ctime: Timestamp,
    /// Creation.
    pub btime: Timestamp,
}

impl Attr {
    /// Attributes of a new inode with one name; times are now.
    pub fn new(perm: u32, uid: Uid, gid: Gid) -> Self {
        let now = Timestamp::now();
        let perm = perm & S_IALLUGO;
        Self { perm, uid, gid, nlink: 1, atime: now, mtime: now, ctime: now, btime: now }
    }
}

/// The attributes that permission checks look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Permission bits (07777), without the type.
    pub perm: u32,
    /// Owner.
    pub uid: Uid,
    /// Group.
    pub gid: Gid,
}

/// A change of attributes, already checked; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetAttr {
    /// Permission bits (07777).
    pub perm: Option<u32>,
    /// Owner.
    pub uid: Option<Uid>,
    /// Group.
    pub gid: Option<Gid>,
    /// Last access.
    pub atime: Option<Timestamp>,
    /// Last change of content.
    pub mtime: Option<Timestamp>,
    /// Last change of inode; set to now by the vfs functions.
    pub ctime: Option<Timestamp>,
}

/// What statfs(2) reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatFs {
    /// The magic number of the file-system type.
    pub magic: u64,
    /// Block size.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub free_files: u64,
    /// Longest name.
    pub name_max: u64,
}

bitflags::bitflags! {
    /// A permission mask in the order of the mode bits.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct May: u32 {
        /// Execute a file, search a directory.
        const EXEC = 1;
        /// Change it.
        const WRITE = 2;
        /// Read it.
        const READ = 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_encode_as_linux_does() {
        assert_eq!(DeviceId::new(1, 3).to_raw(), 0x103);
        assert_eq!(DeviceId::new(5, 0x12345).to_raw(), 0x1230_0545);
        assert_eq!(DeviceId::from_raw(0x1230_0545), DeviceId::new(5, 0x12345));
    }

    #[test]
    fn kinds_round_trip() {
        for mode in [0o100_000, 0o040_000, 0o120_000, 0o020_000, 0o060_000, 0o010_000, 0o140_000] {
            assert_eq!(FileKind::from_mode(mode | 0o644).unwrap().mode_bits(), mode);
        }
        assert_eq!(FileKind::from_mode(0o777), None);
        assert_eq!(FileKind::Directory.dirent_type(), 4);
    }
}
