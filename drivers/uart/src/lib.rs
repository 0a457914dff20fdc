// SPDX-License-Identifier: Apache-2.0 OR MIT
//! 16550 UARTs: the serial lines of a PC.
//!
//! Owns COM1 and COM2; [`SerialPort`] is what services see of one, through
//! [`class::Console`]. In a confidential VM a line is left alone unless the
//! measured command line names it: the framework gives out no ports of another.
//!
//! Trust: the host plays the chip; every loop it steers has a budget.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod port;
mod serial;
mod wire;

pub use serial::{SerialPort, probe};
