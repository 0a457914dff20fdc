// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The resource limits of a process.
//!
//! Spec: getrlimit(2).

use abi::Result;
use abi::resource::{Resource, Rlimit};

use super::types::Process;
use crate::rlimit::{Privilege, Rlimits};

impl Process {
    /// The limit of `resource`.
    pub fn rlimit(&self, resource: Resource) -> Rlimit {
        self.rlimits.lock().get(resource)
    }

    /// All limits.
    pub fn rlimits(&self) -> Rlimits {
        self.rlimits.lock().clone()
    }

    /// Replaces a limit by the rules of setrlimit(2); returns the old one.
    ///
    /// # Errors
    /// Those of [`Rlimits::set`].
    pub fn set_rlimit(
        &self,
        resource: Resource,
        new: Rlimit,
        privilege: Privilege,
    ) -> Result<Rlimit> {
        let old = {
            let mut limits = self.rlimits.lock();
            let old = limits.get(resource);
            limits.set(resource, new, privilege)?;
            old
        };
        if let Some(mm) = self.mm() {
            mm.set_limits(self.mm_limits());
        }
        Ok(old)
    }

    /// The limits that memory calls obey.
    pub(crate) fn mm_limits(&self) -> mm::Limits {
        let limits = self.rlimits.lock();
        mm::Limits {
            address_space: limits.get(Resource::As).cur,
            data: limits.get(Resource::Data).cur,
            stack: limits.get(Resource::Stack).cur,
            memlock: limits.get(Resource::Memlock).cur,
        }
    }
}
