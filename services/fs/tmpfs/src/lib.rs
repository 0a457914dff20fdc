// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The in-memory file system that is the root.
//!
//! Files are page frames in a sparse map, directories are sorted maps, all else is
//! an inode alone. Pages and inodes are charged to limits given at mount.
//! devfs is one of these with device nodes in it.
//!
//! Spec: tmpfs(5).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod data;
mod dir;
mod file;
mod inode;
mod options;
mod sb;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;

use abi::Result;
use vfs::{FsType, Inode};

pub use options::Options;

/// Makes tmpfs known to mount(2).
pub fn init() {
    vfs::register_fs(FsType { name: "tmpfs", mount: |_, options| new(&Options::parse(options)?) });
    vfs::register_fs(FsType { name: "ramfs", mount: |_, options| new(&Options::parse(options)?) });
}

/// Makes a file system and returns its root directory.
///
/// # Errors
/// `ENOMEM` without memory for the root directory.
pub fn new(options: &Options) -> Result<Arc<dyn Inode>> {
    Ok(inode::TmpInode::new_root(options)?)
}
