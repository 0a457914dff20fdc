// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From found devices to the first program.
//!
//! [`run`] gives the [`Devices`] to the services that use them, chooses the system
//! console, makes the root file system from the initramfs, mounts /dev, /sys and
//! /proc, and starts process 1: what `nacre.exec` asks for, or the init programs
//! that Linux would try. The assembly calls it once, in a task, when the scheduler,
//! the user loop and the file-system types are in place.
//!
//! May depend on every service, never on a driver or on the system calls.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod devices;
mod forced_stop;
mod root;
mod start;

pub use devices::Devices;

/// Brings the services up with `devices` and starts the first program; returns when
/// that runs.
pub fn run(devices: Devices) {
    if let Err(error) = time::init() {
        log::error!("no timers: {error:?}");
    }
    devices::hand_out(devices);
    start::first_program();
}
