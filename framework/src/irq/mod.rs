// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Interrupts of devices: lines of the plain machine, messages anywhere.

mod handler;
mod register;

pub use handler::{IrqError, IrqHandler, MsiVector};
pub use register::{msi, register, unexpected};
