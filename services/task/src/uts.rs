// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A machine's names, as uname(2) and /proc/sys/kernel show them.
//!
//! What can be set is in a [`UtsNamespace`], which a thread has through its
//! [`Namespaces`](crate::Namespaces); the rest is the kernel's.
//!
//! Locks: `host` and `domain` are leaves (preemption off).
//! Spec: uts_namespaces(7).

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

/// The names that can be set.
pub struct UtsNamespace {
    ino: u32,
    host: SpinLock<Name>,
    domain: SpinLock<Name>,
}

impl UtsNamespace {
    /// One without names, whose file has inode number `ino`.
    pub(crate) const fn new(ino: u32) -> Self {
        Self { ino, host: SpinLock::new(Name::none()), domain: SpinLock::new(Name::none()) }
    }

    /// The inode number that tells it from others.
    pub const fn ino(&self) -> u32 {
        self.ino
    }

    /// The host name.
    pub fn hostname(&self) -> Vec<u8> {
        self.host.lock().get()
    }

    /// The NIS domain name.
    pub fn domainname(&self) -> Vec<u8> {
        self.domain.lock().get()
    }

    /// sethostname(2), after the check for CAP_SYS_ADMIN.
    ///
    /// # Errors
    /// `EINVAL` for more than [`HOST_NAME_MAX`] bytes.
    pub fn set_hostname(&self, name: &[u8]) -> Result<()> {
        self.host.lock().set(name)
    }

    /// setdomainname(2), after the check for CAP_SYS_ADMIN.
    ///
    /// # Errors
    /// `EINVAL` for more than [`HOST_NAME_MAX`] bytes.
    pub fn set_domainname(&self, name: &[u8]) -> Result<()> {
        self.domain.lock().set(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_limit() {
        let (uts, other) = (UtsNamespace::new(1), UtsNamespace::new(2));
        assert_eq!(uts.domainname(), b"(none)");
        uts.set_domainname(&[b'x'; HOST_NAME_MAX]).unwrap();
        assert_eq!(uts.domainname().len(), HOST_NAME_MAX);
        assert!(uts.set_domainname(&[b'y'; HOST_NAME_MAX + 1]).is_err());
        uts.set_domainname(b"").unwrap();
        assert_eq!(uts.domainname(), b"");
        assert_eq!(other.domainname(), b"(none)");
    }
}
