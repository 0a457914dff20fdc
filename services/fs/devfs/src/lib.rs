// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Device nodes: null, zero, full, random, urandom, kmsg, and what others register.
//!
//! A devtmpfs is a tmpfs, got from the registry of file-system types, with a node in it
//! for each device known to `vfs::device` when it is made. The memory devices
//! (major 1) are implemented here; terminals register theirs.
//!
//! Spec: null(4), full(4), random(4), and Documentation/ABI/testing/dev-kmsg of Linux.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod kmsg;
mod memory;
#[cfg(test)]
mod tests;
mod tree;

use vfs::{FsType, register_fs};

pub use tree::new;

/// Registers the memory devices, their nodes and the type `devtmpfs`.
pub fn init() {
    memory::init();
    register_fs(FsType { name: "devtmpfs", mount: |_, _| new() });
}
