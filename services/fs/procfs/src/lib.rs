// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc: processes and system figures, in Linux's text.
//!
//! Owns names, formats and access rules of /proc; the figures come from `task`,
//! `mm`, `sched`, `vfs` and the framework. Text is made when a file is read from
//! its start and kept for the reads that follow.
//!
//! Spec: proc(5), as of Linux 6.12.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod file;
mod format;
mod global;
mod inode;
mod process;
mod root;
mod sysctl;
#[cfg(test)]
mod tests;
mod tree;

use vfs::FsType;

/// Makes the file-system type `proc` known to mount(2). Called once at boot.
pub fn init() {
    vfs::register_fs(FsType { name: "proc", mount: |_source, _options| Ok(inode::root()) });
}
