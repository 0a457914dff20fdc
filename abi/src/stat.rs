// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stat, statx and statfs report.
//!
//! Spec: stat(2), statx(2), statfs(2), inode(7).

use core::mem::offset_of;

use crate::time::Timespec;

/// Mask of the type in `st_mode` (`man 7 inode`).
pub const S_IFMT: u32 = 0o170_000;
/// A socket.
pub const S_IFSOCK: u32 = 0o140_000;
/// A symbolic link.
pub const S_IFLNK: u32 = 0o120_000;
/// A regular file.
pub const S_IFREG: u32 = 0o100_000;
/// A block device.
pub const S_IFBLK: u32 = 0o060_000;
/// A directory.
pub const S_IFDIR: u32 = 0o040_000;
/// A character device.
pub const S_IFCHR: u32 = 0o020_000;
/// A pipe or FIFO.
pub const S_IFIFO: u32 = 0o010_000;

/// A program takes the user id of its file.
pub const S_ISUID: u32 = 0o4000;
/// A program takes the group of its file; new files take the directory's.
pub const S_ISGID: u32 = 0o2000;
/// In the directory, only owners remove.
pub const S_ISVTX: u32 = 0o1000;
/// The group may execute.
pub const S_IXGRP: u32 = 0o0010;
/// Group may write.
pub const S_IWGRP: u32 = 0o0020;
/// Others may write.
pub const S_IWOTH: u32 = 0o0002;
/// statx(2): the root of a mount.
pub const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
/// Anybody may read.
pub const S_IRUGO: u32 = 0o0444;
/// Anybody may write.
pub const S_IWUGO: u32 = 0o0222;
/// Anybody may execute.
pub const S_IXUGO: u32 = 0o0111;
/// Anybody may do all three.
pub const S_IRWXUGO: u32 = 0o0777;
/// All permission bits of `st_mode`.
pub const S_IALLUGO: u32 = 0o7777;

/// By how many bits a type in `st_mode` is above the `DT_*` of getdents(2).
pub const S_DT_SHIFT: u32 = 12;

bitflags::bitflags! {
    /// Fields that statx(2) is asked for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatxMask: u32 {
        /// What `stat` gives.
        const STATX_BASIC_STATS = 0x7ff;
        /// The creation time.
        const STATX_BTIME = 0x800;
        /// The mount's number.
        const STATX_MNT_ID = 0x1000;
        /// A number of the mount that no other ever gets.
        const STATX_MNT_ID_UNIQUE = 0x4000;
        /// Reserved by Linux: refused.
        const STATX__RESERVED = 0x8000_0000;
    }
}

framework::pod_struct! {
    /// `struct stat` (`man 3type stat`).
    #[derive(Debug, Default)]
    pub struct Stat {
        /// Device of the file.
        pub dev: u64,
        /// Inode number.
        pub ino: u64,
        /// Hard links.
        pub nlink: u64,
        /// Type and permissions.
        pub mode: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Zero.
        pub pad: u32,
        /// Device that a special file stands for.
        pub rdev: u64,
        /// Bytes.
        pub size: i64,
        /// Preferred transfer size.
        pub blksize: i64,
        /// Blocks of 512 bytes.
        pub blocks: i64,
        /// Last access.
        pub atime: Timespec,
        /// Last change of the content.
        pub mtime: Timespec,
        /// Last change of the inode.
        pub ctime: Timespec,
        /// Zero.
        pub reserved: [i64; 3],
    }

    /// `struct statx_timestamp` (`man 2 statx`).
    #[derive(Debug, Default)]
    pub struct StatxTime {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: u32,
        /// Zero.
        pub pad: i32,
    }

    /// `struct statx` (`man 2 statx`).
    #[derive(Debug, Default)]
    pub struct Statx {
        /// Which fields are filled in.
        pub mask: u32,
        /// Preferred transfer size.
        pub blksize: u32,
        /// Extra attributes.
        pub attributes: u64,
        /// Hard links.
        pub nlink: u32,
        /// Owner.
        pub uid: u32,
        /// Group.
        pub gid: u32,
        /// Type and permissions.
        pub mode: u16,
        /// Zero.
        pub pad: u16,
        /// Inode number.
        pub ino: u64,
        /// Bytes.
        pub size: u64,
        /// Blocks of 512 bytes.
        pub blocks: u64,
        /// Which extra attributes are supported.
        pub attributes_mask: u64,
        /// Last access.
        pub atime: StatxTime,
        /// Creation.
        pub btime: StatxTime,
        /// Last change of the inode.
        pub ctime: StatxTime,
        /// Last change of the content.
        pub mtime: StatxTime,
        /// Major number of the device that a special file stands for.
        pub rdev_major: u32,
        /// Its minor number.
        pub rdev_minor: u32,
        /// Major number of the device of the file.
        pub dev_major: u32,
        /// Its minor number.
        pub dev_minor: u32,
        /// The mount.
        pub mnt_id: u64,
        /// Zero.
        pub reserved: [u64; 13],
    }

    /// `struct statfs` (`man 2 statfs`).
    #[derive(Debug, Default)]
    pub struct Statfs {
        /// Magic number of the file-system type.
        pub kind: i64,
        /// Preferred transfer size.
        pub bsize: i64,
        /// Blocks in all.
        pub blocks: u64,
        /// Free blocks.
        pub bfree: u64,
        /// Free blocks for unprivileged users.
        pub bavail: u64,
        /// Inodes in all.
        pub files: u64,
        /// Free inodes.
        pub ffree: u64,
        /// Number of the file system.
        pub fsid: [i32; 2],
        /// Longest name.
        pub namelen: i64,
        /// Size of a block.
        pub frsize: i64,
        /// Mount flags.
        pub flags: i64,
        /// Zero.
        pub spare: [i64; 4],
    }
}

const _: () = assert!(size_of::<Stat>() == 144);
const _: () = assert!(size_of::<StatxTime>() == 16);
const _: () = assert!(size_of::<Statx>() == 256);
const _: () = assert!(size_of::<Statfs>() == 120);

const _: () = assert!(offset_of!(Stat, rdev) == 40);
const _: () = assert!(offset_of!(Stat, atime) == 72);
const _: () = assert!(offset_of!(Statx, ino) == 32);
const _: () = assert!(offset_of!(Statx, atime) == 64);
const _: () = assert!(offset_of!(Statx, rdev_major) == 128);
const _: () = assert!(offset_of!(Statx, mnt_id) == 144);
const _: () = assert!(offset_of!(Statfs, fsid) == 56);

/// `f_flags` of [`Statfs`]: what is mounted how (`man 2 statfs`).
pub mod st {
    /// Read only.
    pub const RDONLY: i64 = 1;
    /// Set-id bits do not count.
    pub const NOSUID: i64 = 2;
    /// Device nodes do not open.
    pub const NODEV: i64 = 4;
    /// Programs do not start.
    pub const NOEXEC: i64 = 8;
    /// The field means something; programs never see it from libc.
    pub const VALID: i64 = 0x20;
    /// Access times never change.
    pub const NOATIME: i64 = 0x400;
    /// Access times of directories never change.
    pub const NODIRATIME: i64 = 0x800;
    /// Access times change rarely.
    pub const RELATIME: i64 = 0x1000;
    /// Symbolic links are not followed.
    pub const NOSYMFOLLOW: i64 = 0x2000;
}

/// Attributes that tmpfs knows: immutable, append only, not to be dumped, automount, the root of
/// a mount, verity, DAX.
pub const STATX_ATTR_TMPFS: u64 = 0x0030_3070;
