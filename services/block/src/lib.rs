// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Disks and their partitions as device files: /dev/vda, /dev/vda1, …
//!
//! There is no cache: a read asks the disk, a write is on its way when it returns,
//! and `fsync` flushes the disk. Whole blocks are copied once, between the program
//! and the buffer that the disk has; what is less than a block is read, changed and
//! written back.
//!
//! Trust: partition tables and contents are the host's.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod buffer;
mod device;
mod file;
#[cfg(all(not(target_os = "none"), any(test, feature = "fuzz")))]
pub mod fuzz;
mod ioctl;
mod proc;
pub mod table;
#[cfg(test)]
mod tests;
mod volume;

pub use device::init;
