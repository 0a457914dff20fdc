// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /sys: one tree of directories, attribute files and links, filled by other crates.
//!
//! Owns Linux's rules for /sys, and how devices show there; the tree is `pseudofs`'s, and
//! what an attribute says is the business of the crate that registers it with [`text`] or
//! [`binary`]. [`init`] adds what libc and busybox look for.
//!
//! Spec: sysfs(5), and Documentation/ABI of Linux.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
mod system;
#[cfg(test)]
mod tests;
mod tree;

pub use device::{Device, Numbering, add_virtual, device};
pub use pseudofs::{Binary, Text};
pub use tree::{Attribute, Show, Store, binary, directory, link, readable, remove, text};

use vfs::FsType;

/// Makes the file-system type `sysfs` known to mount(2) and fills its tree. Called once at boot.
pub fn init() {
    system::fill();
    vfs::register_fs(FsType { name: "sysfs", mount: |_source, _options| Ok(tree::root()) });
}
