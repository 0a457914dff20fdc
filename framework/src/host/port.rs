// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`PortRange`]: a window of x86 I/O ports with one owner.
//!
//! Ports are side effects on devices, which the host plays; none on the list
//! below can make a device write memory, so safe crates may drive them. A
//! confidential VM has those only that its measured command line names.
//!
//! Trust: every value read is the host's.
//!
//! Locks: `OWNERS` is a leaf (preemption off).

use super::Untrusted;
use super::lines::{ALLOWED, is_named};
use crate::cvm;
use crate::sync::SpinLock;

/// Who has claimed which of [`ALLOWED`].
static OWNERS: SpinLock<[Option<&'static str>; ALLOWED.len()]> =
    SpinLock::new([None; ALLOWED.len()]);

/// Why ports could not be claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortError {
    /// They are not on the allow-list.
    NotAllowed,
    /// This is a confidential VM, and its command line does not name them.
    NotNamed,
    /// They belong to another driver, named here.
    Owned(&'static str),
}

/// A window of I/O ports; dropping it gives them back.
///
/// # Invariants
/// `slot` is the window's place on the allow-list, and is claimed by this value.
#[derive(Debug)]
pub struct PortRange {
    slot: usize,
    first: u16,
    count: u16,
}

impl PortRange {
    /// Claims the window of ports that begins at `first`.
    ///
    /// # Errors
    /// See [`PortError`].
    pub fn claim(first: u16, owner: &'static str) -> Result<Self, PortError> {
        let window = ALLOWED.iter().enumerate().find(|(_, (start, ..))| *start == first);
        let Some((slot, &(first, count, _))) = window else { return Err(PortError::NotAllowed) };
        if cvm::is_confidential() && !is_named(first) {
            return Err(PortError::NotNamed);
        }
        let mut owners = OWNERS.lock();
        match owners.get_mut(slot) {
            Some(Some(other)) => Err(PortError::Owned(other)),
            Some(free) => {
                *free = Some(owner);
                Ok(Self { slot, first, count })
            }
            None => Err(PortError::NotAllowed),
        }
    }

    /// How many ports it has.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Reads port `offset` of the window; 0xff beyond its end.
    #[inline]
    pub fn read_u8(&self, offset: u16) -> Untrusted<u8> {
        match self.port(offset) {
            Some(port) => cvm::port_read(port),
            None => Untrusted::new(0xff),
        }
    }

    /// Writes port `offset` of the window; nothing beyond its end.
    #[inline]
    pub fn write_u8(&self, offset: u16, value: u8) {
        if let Some(port) = self.port(offset) {
            cvm::port_write(port, 1, value.into());
        }
    }

    #[inline]
    fn port(&self, offset: u16) -> Option<u16> {
        (offset < self.count).then(|| self.first + offset)
    }
}

impl Drop for PortRange {
    fn drop(&mut self) {
        if let Some(owner) = OWNERS.lock().get_mut(self.slot) {
            *owner = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_one_owner() {
        assert_eq!(PortRange::claim(0x60, "keyboard").unwrap_err(), PortError::NotAllowed);
        let com4 = PortRange::claim(0x2e8, "first").unwrap();
        assert_eq!(PortRange::claim(0x2e8, "second").unwrap_err(), PortError::Owned("first"));
        assert_eq!(com4.read_u8(8).check(|&byte| Ok::<_, ()>(byte)), Ok(0xff));
        com4.write_u8(0, 1);
        drop(com4);
        assert!(PortRange::claim(0x2e8, "second").is_ok());
    }
}
