// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The system's names, as uname(2) and /proc/sys/kernel show them.
//!
//! Locks: `HOST` and `DOMAIN` are leaves (preemption off).

use alloc::vec::Vec;

use abi::system::HOST_NAME_MAX;
use abi::{Result, error};
use framework::sync::SpinLock;

/// The operating system whose calls these are.
pub const SYSNAME: &str = "Linux";

/// The version of the calls' behaviour, and who implements them.
pub const RELEASE: &str = "6.12.0-nacre";

/// Constant, so that builds are reproducible.
pub const VERSION: &str = "#1 SMP PREEMPT_DYNAMIC Nacre";

/// The architecture.
pub const MACHINE: &str = "x86_64";

/// A name of up to [`HOST_NAME_MAX`] bytes.
struct Name {
    bytes: [u8; HOST_NAME_MAX],
    len: usize,
}

impl Name {
    const fn none() -> Self {
        const NONE: [u8; 6] = *b"(none)";
        let mut bytes = [0; HOST_NAME_MAX];
        let (start, _) = bytes.split_at_mut(NONE.len());
        start.copy_from_slice(&NONE);
        Self { bytes, len: NONE.len() }
    }

    fn get(&self) -> Vec<u8> {
        self.bytes.get(..self.len).unwrap_or_default().to_vec()
    }

    fn set(&mut self, name: &[u8]) -> Result<()> {
        let place = self.bytes.get_mut(..name.len()).ok_or(error!(EINVAL, "long name"))?;
        place.copy_from_slice(name);
        self.len = name.len();
        Ok(())
    }
}

static HOST: SpinLock<Name> = SpinLock::new(Name::none());
static DOMAIN: SpinLock<Name> = SpinLock::new(Name::none());

/// The host name.
pub fn hostname() -> Vec<u8> {
    HOST.lock().get()
}

/// The NIS domain name.
pub fn domainname() -> Vec<u8> {
    DOMAIN.lock().get()
}

/// sethostname(2), after the check for CAP_SYS_ADMIN.
///
/// # Errors
/// `EINVAL` for more than [`HOST_NAME_MAX`] bytes.
pub fn set_hostname(name: &[u8]) -> Result<()> {
    HOST.lock().set(name)
}

/// setdomainname(2), after the check for CAP_SYS_ADMIN.
///
/// # Errors
/// `EINVAL` for more than [`HOST_NAME_MAX`] bytes.
pub fn set_domainname(name: &[u8]) -> Result<()> {
    DOMAIN.lock().set(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_limit() {
        assert_eq!(domainname(), b"(none)");
        set_domainname(&[b'x'; HOST_NAME_MAX]).unwrap();
        assert_eq!(domainname().len(), HOST_NAME_MAX);
        assert!(set_domainname(&[b'y'; HOST_NAME_MAX + 1]).is_err());
        set_domainname(b"").unwrap();
        assert_eq!(domainname(), b"");
    }
}
