// SPDX-License-Identifier: Apache-2.0 OR MIT
//! virtio 1.x over PCI: disks, the console and the entropy device.
//!
//! Split queues only, without indirect descriptors: the host reads descriptors,
//! the driver never reads one back. What the driver must remember it keeps in
//! private memory. A device that lies is shut off ([`Transport::fence`]): it is
//! reset, its users get `EIO`, the log names the lie, and the system goes on.
//!
//! Trust: registers, rings and buffers are the host's. Each used entry is read
//! once; ids and lengths are checked against what was submitted.
//! Spec: OASIS virtio 1.2, sections 2.7, 4.1, 5.2 to 5.4.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod blk;
pub mod console;
#[cfg(all(not(target_os = "none"), any(test, feature = "fuzz")))]
pub mod fuzz;
#[cfg(not(target_os = "none"))]
pub mod model;
mod probe;
pub mod queue;
pub mod rng;
#[cfg(test)]
mod tests;
pub mod transport;
pub mod wire;

pub use probe::{Devices, probe};
pub use transport::Transport;
