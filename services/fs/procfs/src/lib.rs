// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc: the tree, the rules, and the tables by which subsystems show their figures.
//!
//! Each subsystem registers its own files with [`register`] in its `init`, from the module
//! that is called `proc` there: `mm` has /proc/meminfo, `task` the directories of processes
//! ([`set_processes`]). This crate has only the files about what lies below all of them:
//! the machine, the framework and the vfs. `regression/linux/proc/paths.c` lists all paths.
//!
//! Spec: proc(5), as of Linux 6.12.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cpu_flags;
mod cpuinfo;
pub mod devices;
mod entry;
mod kernel;
pub mod mounts;
#[cfg(test)]
mod tests;
mod tree;

pub use entry::{Entry, Show, Store, Tunable, register};
pub use pseudofs::{Text, put};
pub use tree::{fs, insert, link, set_processes};

use vfs::FsType;

/// Makes the file-system type `proc` known to mount(2), with the files of the machine.
/// Called once at boot.
pub fn init() {
    kernel::init();
    vfs::register_fs(FsType { name: "proc", mount: |_source, _options| Ok(tree::root()) });
}
