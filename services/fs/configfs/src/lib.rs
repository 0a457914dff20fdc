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
mod item;
#[cfg(test)]
mod tests;
mod tree;

use vfs::FsType;

pub use item::{Attribute, Form, Group, Item};
pub use tree::register;

/// Makes the file-system type `configfs` known to mount(2). Called once at boot.
pub fn init() {
    vfs::register_fs(FsType { name: "configfs", mount: |_source, _options| Ok(tree::root()) });
}
