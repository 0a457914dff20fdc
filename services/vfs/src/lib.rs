// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Inodes, dentries, mounts, open files and path lookup.
//!
//! A file system implements [`Inode`] and [`SuperBlock`]; what is opened implements
//! [`FileOps`]. The functions here are the system calls' bodies: they resolve paths
//! ([`Resolver`]), check permissions with the caller's `Cred` and keep Linux's order of
//! errors. This crate never asks who runs.
//!
//! Locks: mount changes > tree > directory > (file systems' own) > dentry, dcache.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod account;
mod attr;
mod create;
mod dcache;
mod dentry;
pub mod device;
mod dir;
mod fd_table;
mod file;
mod file_ops;
mod flags;
mod fs_context;
mod fs_type;
pub mod hooks;
mod inode;
mod inode_base;
pub mod lock;
mod lock_records;
mod lock_waits;
mod lookup;
mod mount;
mod mount_namespace;
pub mod mount_tree;
mod name_map;
mod open;
mod owner;
mod page_map;
mod path;
mod per_user;
pub mod perm;
pub mod protection;
mod remove;
mod rename;
mod seek;
mod size_limit;
mod super_block;
mod types;

pub use account::{Account, Charge};
pub use attr::{NewTime, access, chmod, chown, set_times, truncate};
pub use create::{link, mkdir, mknod, symlink};
pub use dentry::Dentry;
pub use device::{
    CharDevice, DeviceNode, register_blkdev, register_block_node, register_chrdev, register_node,
};
pub use fd_table::{CloseOnExec, FdTable, nr_open, set_nr_open};
pub use file::{File, OffsetGuard};
pub use file_ops::{FileOps, IoctlContext, MapSource, Pager};
pub use flags::SeekFrom;
pub use fs_context::FsContext;
pub use fs_type::{FsMount, FsType, fs_types, new_fs, register_fs};
pub use inode::{
    DirEntry, DirSink, Inode, LinkTarget, NewInode, NewKind, Opening, Rename, RenameMode,
};
pub use inode_base::InodeBase;
pub use lookup::{Follow, Resolver};
pub use mount::{Mount, mount_max, set_mount_max};
pub use mount_namespace::MountNamespace;
pub use mount_tree::{MountInfo, Remount, Unmount, bind, mount, move_mount, remount, umount};
pub use name_map::NameMap;
pub use open::{check_open_flags, open, open_exec, open_exec_path, open_path};
pub use owner::{FileOwner, OwnerKind};
pub use page_map::PageMap;
pub use path::{Path, d_path, d_path_any_length, getcwd};
pub use per_user::PerUser;
pub use remove::{rmdir, unlink};
pub use rename::{check_parent, rename};
pub use seek::{Seeking, seek_to, seek_unsized, seek_with};
pub use super_block::{DentryPolicy, SuperBase, SuperBlock};
pub use types::{Attr, DeviceId, FileKind, May, Metadata, Owner, SetAttr, StatFs, Timestamp};
