// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The measurement registers as files, below the folder of a guest's device.
//!
//! Reading gives the present value. A register that programs may extend is extended by
//! writing a whole digest; the others belong to firmware and boot, which are over: their
//! files cannot be opened for writing, where Linux's can.

use alloc::format;
use alloc::sync::Arc;

use abi::{Result, err};
use framework::cvm::Register;

use crate::platform::{Failure, INPUT_LEN, Platform};

/// Makes the files in `measurements` below the device's folder.
pub(crate) fn register(platform: &Arc<dyn Platform>, folder: &str) -> Result<()> {
    for register in platform.registers() {
        let perm = if register.extend.is_some() { 0o644 } else { 0o444 };
        let path = format!("{folder}/measurements/{}", register.name);
        let content = RegisterFile { platform: platform.clone(), register };
        sysfs::binary(&path, perm, Arc::new(content))?;
    }
    Ok(())
}

struct RegisterFile {
    platform: Arc<dyn Platform>,
    register: &'static Register,
}

impl sysfs::Binary for RegisterFile {
    fn size(&self) -> u64 {
        self.register.len as u64
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
        if offset != 0 || data.len() != self.register.len {
            return err!(EINVAL, "a whole digest at once");
        }
        match self.register.extend {
            Some(index) => Ok(self.platform.extend(index, data)?),
            None => err!(EPERM, "closed since boot"),
        }
    }
}
