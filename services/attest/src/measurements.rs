// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The measurement registers as files: `measurements/mrtd:sha384` and so on.
//!
//! Reading gives the present value. RTMR3 is extended by writing a whole digest; the other
//! run-time registers belong to the boot, which is over: their files cannot be opened for
//! writing, where Linux's can.

use alloc::format;
use alloc::sync::Arc;

use abi::{Result, err};

use crate::platform::{DIGEST_LEN, Failure, INPUT_LEN, Platform};
use crate::tdreport::{REGISTERS, Register};

/// The run-time register that programs may extend.
const FOR_PROGRAMS: usize = 3;

/// Makes the files below the device's folder.
pub(crate) fn register(platform: &Arc<dyn Platform>, folder: &str) -> Result<()> {
    for register in REGISTERS {
        let perm = if register.runtime == Some(FOR_PROGRAMS) { 0o644 } else { 0o444 };
        let path = format!("{folder}/measurements/{}", register.name);
        let content = RegisterFile { platform: platform.clone(), register };
        sysfs::binary(&path, perm, Arc::new(content))?;
    }
    Ok(())
}

struct RegisterFile {
    platform: Arc<dyn Platform>,
    register: Register,
}

impl sysfs::Binary for RegisterFile {
    fn size(&self) -> u64 {
        DIGEST_LEN as u64
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize> {
        let report = self.platform.report(&[0; INPUT_LEN])?;
        let value = self.register.value(&report).ok_or(Failure::Broken)?;
        let rest = usize::try_from(offset).ok().and_then(|at| value.get(at..)).unwrap_or_default();
        let count = rest.len().min(out.len());
        for (to, from) in out.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let (0, Ok(digest)) = (offset, data.try_into()) else {
            return err!(EINVAL, "a whole digest at once");
        };
        match self.register.runtime {
            Some(FOR_PROGRAMS) => Ok(self.platform.extend(FOR_PROGRAMS, digest)?),
            _ => err!(EPERM, "closed since boot"),
        }
    }
}
