// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc: its instances, the rules, and the tables by which subsystems show their figures.
//!
//! Each subsystem registers its own files with [`register`] in its `init`, from the module
//! that is called `proc` there: `mm` has /proc/meminfo. An [`Instance`] shows them all, and
//! the processes of a pid namespace: `task` makes it, with the directories of processes,
//! and mounts it. This crate has only the files about what lies below all of them:
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
mod kept;
mod kernel;
pub mod mounts;
mod parameter;
#[cfg(test)]
mod tests;
mod tree;

pub use entry::{Entry, Show, Store};
pub use parameter::{Live, Numbers, Parameter, Word};
pub use pseudofs::{Text, put};
pub use tree::{Instance, fixed_link, link, register};

/// Makes the files of the machine known. Called once at boot.
pub fn init() {
    kernel::init();
}
