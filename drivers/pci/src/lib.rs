// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PCI: the functions of the root bus, found once and then frozen.
//!
//! Configuration space is reached through ECAM only. Buses behind bridges are not
//! looked at, and nothing appears later. A function's registers are put where this
//! crate decides, not where the host says they are.
//!
//! Trust: configuration space is the host's; each word of it is read once, and
//! what contradicts itself is a [`framework::host::HostFault`].
//! Spec: PCI Local Bus 3.0, sections 6.2 and 6.8; PCI Express 3.0, section 7.2.2.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod bus;
mod function;
#[cfg(all(not(target_os = "none"), any(test, feature = "fuzz")))]
pub mod fuzz;
mod scan;
#[cfg(test)]
mod tests;
pub mod wire;

pub use bus::{Machine, Windows};
pub use function::{Capability, Function};
pub use scan::enumerate;
