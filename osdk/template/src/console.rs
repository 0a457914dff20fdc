// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A driver: the first serial port, for output.
//!
//! Trust: the host plays the device, so what it answers is checked, and waits are bounded.

use framework::host::{PortError, PortRange};

/// The ports of the first serial line.
const COM1: u16 = 0x3f8;
/// The line status register, and its bit for "ready for the next byte".
const STATUS: u16 = 5;
const READY: u8 = 0x20;
/// How often the port is asked whether it is ready.
const PATIENCE: u32 = 100_000;

/// The serial port; dropping it gives the ports back.
pub(crate) struct Serial(PortRange);

impl Serial {
    /// Claims the port.
    ///
    /// # Errors
    /// Why it cannot be had, in words.
    pub(crate) fn claim() -> Result<Self, &'static str> {
        PortRange::claim(COM1, "console").map(Self).map_err(|error| match error {
            PortError::NotAllowed => "the framework has no such serial port",
            PortError::NotNamed => "in a CVM the command line names it: nacre.serial=ttyS0",
            PortError::Owned(_) => "the serial port has another owner",
        })
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        for byte in bytes {
            let is_ready = |status: &u8| if status & READY != 0 { Ok(()) } else { Err(()) };
            let _ = (0..PATIENCE).find(|_| self.0.read_u8(STATUS).check(is_ready).is_ok());
            self.0.write_u8(0, *byte);
        }
    }
}
