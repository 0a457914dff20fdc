// SPDX-License-Identifier: Apache-2.0 OR MIT
//! configfs: objects that programs make with mkdir(2) and set up through files.
//!
//! Owns making and removing, and files that are handed over when closed; the tree is
//! `pseudofs`'s. What an object does is the business of the crate that registers a
//! [`Group`] with [`register`]. mkdir in a group asks it for an [`Item`], whose attributes
//! become the files of the new directory; rmdir lets it go.
//!
//! Spec: Documentation/filesystems/configfs.rst of Linux 6.12.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod file;
#[cfg(test)]
mod tests;
mod tree;

use alloc::sync::Arc;

use abi::{Result, err};
use vfs::FsType;

/// Makes the file-system type `configfs` known to mount(2). Called once at boot.
pub fn init() {
    vfs::register_fs(FsType { name: "configfs", mount: |_source, _options| Ok(tree::root()) });
}

/// What is written to or read from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A text of at most a page; each write is obeyed at once.
    Text,
    /// Bytes up to this many; a write is obeyed when the file is closed.
    Binary(usize),
}

/// A file of an item.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Its permission bits; they bind root too.
    pub perm: u32,
    /// What is in it.
    pub form: Form,
}

/// An object that a program made.
pub trait Item: Send + Sync {
    /// Its files.
    fn attributes(&self) -> &'static [Attribute];

    /// The content of a file.
    ///
    /// # Errors
    /// What the object says.
    fn show(&self, _name: &str) -> Result<Arc<[u8]>> {
        err!(EACCES, "cannot be read")
    }

    /// Obeys what was written to a file.
    ///
    /// # Errors
    /// What the object says; for binary files nobody hears of it.
    fn store(&self, _name: &str, _data: &[u8]) -> Result<()> {
        err!(EACCES, "cannot be written")
    }
}

/// A directory in which mkdir(2) makes items.
pub trait Group: Send + Sync {
    /// Makes an item.
    ///
    /// # Errors
    /// What the group says.
    fn make(&self, name: &[u8]) -> Result<Arc<dyn Item>>;
}

/// Makes the directory `subsystem` with a group in it.
///
/// # Errors
/// `EEXIST` if it is there.
pub fn register(subsystem: &str, group_name: &str, group: Arc<dyn Group>) -> Result<()> {
    tree::register(subsystem, group_name, group)
}
