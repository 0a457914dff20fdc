// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The platform that the framework found.

use alloc::sync::Arc;
use alloc::vec::Vec;

use framework::cvm::{self, CvmError, Evidence, FirmwareLog, Provider, Register};

use crate::platform::{Failure, INPUT_LEN, Platform};

struct Machine(Provider);

/// The platform of a confidential VM; nothing elsewhere.
pub fn machine() -> Option<Arc<dyn Platform>> {
    cvm::provider().map(|provider| Arc::new(Machine(provider)) as _)
}

fn failure(provider: Provider, error: CvmError) -> Failure {
    match error {
        CvmError::Invalid => Failure::Invalid,
        CvmError::Busy => Failure::Busy,
        CvmError::Timeout => Failure::TimedOut,
        CvmError::Interrupted => Failure::Interrupted,
        CvmError::NoMemory => Failure::NoMemory,
        CvmError::Host(why) => {
            log::warn!("{}: the host: {why}", provider.name);
            Failure::Broken
        }
        CvmError::Unsupported | CvmError::Refused(_) => Failure::Broken,
    }
}

impl Platform for Machine {
    fn provider(&self) -> Provider {
        self.0
    }

    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<Vec<u8>, Failure> {
        cvm::report(input).map_err(|error| failure(self.0, error))
    }

    fn registers(&self) -> &'static [Register] {
        cvm::registers()
    }

    fn extend(&self, index: usize, digest: &[u8]) -> Result<(), Failure> {
        cvm::extend(index, digest).map_err(|error| failure(self.0, error))
    }

    fn evidence(
        &self,
        input: &[u8; INPUT_LEN],
        max_len: usize,
        deadline_ns: u64,
    ) -> Result<Evidence, Failure> {
        cvm::evidence(input, max_len, deadline_ns).map_err(|error| failure(self.0, error))
    }

    fn firmware_log(&self) -> Option<FirmwareLog> {
        cvm::firmware_log().ok()
    }
}
