// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attestation as programs know it from Linux: reports, quotes, registers, the event log.
//!
//! In a confidential VM [`init`] makes the configfs group `tsm/report`, the firmware's log
//! below /sys/firmware/acpi/tables, and what Linux shows for this kind of guest alone:
//! [`GUESTS`] has a row for each. Elsewhere there is none of it. All evidence comes from a
//! [`Platform`]: the framework, or a fake in tests.
//!
//! Trust: reports and registers come from the hardware; what is signed comes through the
//! host, for the verifier to judge; the log is worth what its replay against the registers
//! says.
//! Spec: Linux 6.12, and 6.16 for the registers; byte for byte.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(test)]
mod fake;
mod firmware;
mod machine;
mod platform;
mod registers;
mod tdx_guest;
mod tsm;

use alloc::sync::Arc;

use abi::Result;

pub use machine::machine;
pub use platform::{Failure, INPUT_LEN, Platform};

/// Makes a guest's own interfaces.
type Register = fn(&Arc<dyn Platform>) -> Result<()>;

/// The kinds of guests with interfaces of their own, by the name of their provider.
const GUESTS: [(&str, Register); 1] = [(tdx_guest::NAME, tdx_guest::register)];

/// Makes the interfaces of a confidential VM. Called once at boot, before /dev is made.
pub fn init(platform: Option<Arc<dyn Platform>>) {
    let Some(platform) = platform else { return };
    if let Err(error) = register(&platform) {
        log::error!("{}: {error:?}", platform.provider().name);
    }
}

fn register(platform: &Arc<dyn Platform>) -> Result<()> {
    for (_, register) in GUESTS.iter().filter(|(name, _)| *name == platform.provider().name) {
        register(platform)?;
    }
    tsm::register(platform.clone())?;
    firmware::register(platform)
}
