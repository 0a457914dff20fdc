// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What services ask of devices: one small trait per kind of device.
//!
//! A service takes these traits and never names a driver; the assembly in
//! `src/main.rs` hands it instances. Every trait may be called from several
//! CPUs at once. What comes out of a device was already checked by its driver
//! for form (lengths, indices); its content stays the host's choice.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod block;
mod buffer;
mod console;
mod entropy;
pub mod net;

pub use block::{BlockDevice, Sector};
pub use buffer::{Buffer, Holder, Pool};
pub use console::{Console, Receiver};
pub use entropy::Entropy;
pub use net::{MacAddress, NetDevice, NetListener};
