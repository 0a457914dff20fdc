// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`HostFault`]: the host was caught at a lie.

use core::fmt;

/// A device, or another part of the host, broke its protocol. Whoever finds out
/// stops using the device; its users get an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFault {
    /// Who lied: `virtio-blk`, `pci`.
    pub device: &'static str,
    /// What was not true.
    pub lie: &'static str,
}

impl HostFault {
    /// A lie of `device`.
    pub const fn new(device: &'static str, lie: &'static str) -> Self {
        Self { device, lie }
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the host lies: {}", self.device, self.lie)
    }
}
