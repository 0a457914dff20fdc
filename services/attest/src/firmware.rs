// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The firmware's table and the log of measurements, below /sys/firmware/acpi/tables.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Result;
use framework::cvm::FirmwareLog;

use crate::platform::Platform;

/// Makes the files, for root only as on Linux; without a table just that of the log.
pub(crate) fn register(platform: &Arc<dyn Platform>) -> Result<()> {
    let Some(FirmwareLog { table, log }) = platform.firmware_log() else { return Ok(()) };
    if !table.is_empty() {
        sysfs::binary("firmware/acpi/tables/CCEL", 0o400, Arc::new(Bytes(table)))?;
    }
    sysfs::binary("firmware/acpi/tables/data/CCEL", 0o400, Arc::new(Bytes(log)))
}

struct Bytes(Vec<u8>);

impl sysfs::Binary for Bytes {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..));
        let mut count = 0;
        for (to, from) in out.iter_mut().zip(rest.unwrap_or_default()) {
            *to = *from;
            count += 1;
        }
        Ok(count)
    }
}
