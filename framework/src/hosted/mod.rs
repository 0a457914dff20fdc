// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What stands in for the machine where the crate is compiled for the build machine.
//!
//! `arch` has what `crate::arch` has on the machine: threads of `std` are tasks, all on
//! CPU 0. `memory` is RAM, `cell` the data of a CPU. The public part is the host's
//! side, for tests: shared memory as a device sees it, and models of devices.

pub(crate) mod arch;
mod cell;
pub(crate) mod device;
pub(crate) mod memory;

pub(crate) use cell::CpuCell;
pub use device::{
    DeviceModel, allocations_left, before_access, device_read, device_write, driver_pointer,
    no_hook,
};
