// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attestation as programs know it from Linux: reports, quotes, registers, the event log.
//!
//! In a TDX guest [`init`] makes /dev/tdx_guest, the configfs group `tsm/report`, the
//! measurement registers below /sys/devices/virtual/misc/tdx_guest, and the CCEL table with
//! its log below /sys/firmware/acpi/tables; elsewhere there is none of it. All evidence comes
//! from a [`Platform`]: the framework, or a fake in tests.
//!
//! Trust: reports and registers come from the TDX module; a quote is the host's, for the
//! verifier to judge; the log is worth what its replay against the registers says.
//! Spec: Linux 6.12, and 6.16 for the registers; byte for byte.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
#[cfg(test)]
mod fake;
mod firmware;
mod machine;
mod measurements;
mod platform;
mod tdreport;
mod tsm;

use alloc::sync::Arc;

use abi::Result;

pub use machine::machine;
pub use platform::{DIGEST_LEN, Failure, INPUT_LEN, Platform, REPORT_LEN};

/// The name of the device, of the provider and in the log.
const NAME: &str = "tdx_guest";

/// Makes the interfaces of a TDX guest. Called once at boot, before /dev is made.
pub fn init(platform: Option<Arc<dyn Platform>>) {
    let Some(platform) = platform else { return };
    if let Err(error) = register(&platform) {
        log::error!("{NAME}: {error:?}");
    }
}

fn register(platform: &Arc<dyn Platform>) -> Result<()> {
    let folder = device::register(platform.clone())?;
    measurements::register(platform, &folder)?;
    tsm::register(platform.clone())?;
    firmware::register(platform)
}
