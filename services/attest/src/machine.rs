// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The platform that the framework found.

use alloc::sync::Arc;
use alloc::vec::Vec;

use framework::cvm::{self, CvmError, Kind};

use crate::platform::{DIGEST_LEN, Failure, INPUT_LEN, Platform, REPORT_LEN};

struct Machine;

/// The platform of a TDX guest; nothing elsewhere.
pub fn machine() -> Option<Arc<dyn Platform>> {
    match cvm::kind() {
        Kind::Tdx => Some(Arc::new(Machine)),
        Kind::Plain | Kind::Snp => None,
    }
}

fn failure(error: CvmError) -> Failure {
    match error {
        CvmError::Invalid => Failure::Invalid,
        CvmError::Busy => Failure::Busy,
        CvmError::Timeout => Failure::TimedOut,
        CvmError::Interrupted => Failure::Interrupted,
        CvmError::NoMemory => Failure::NoMemory,
        CvmError::Host(why) => {
            log::warn!("{}: the host: {why}", crate::NAME);
            Failure::Broken
        }
        CvmError::Unsupported | CvmError::Refused(_) => Failure::Broken,
    }
}

impl Platform for Machine {
    fn report(&self, input: &[u8; INPUT_LEN]) -> Result<[u8; REPORT_LEN], Failure> {
        cvm::report(input).map_err(failure)
    }

    fn extend(&self, index: usize, digest: &[u8; DIGEST_LEN]) -> Result<(), Failure> {
        cvm::extend(index, digest).map_err(failure)
    }

    fn quote(
        &self,
        report: &[u8; REPORT_LEN],
        max_len: usize,
        deadline_ns: u64,
    ) -> Result<Vec<u8>, Failure> {
        cvm::quote(report, max_len, deadline_ns).map_err(failure)
    }

    fn ccel(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        cvm::ccel().ok()
    }
}
