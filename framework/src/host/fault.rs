// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`HostFault`]: the host was caught at a lie; [`DeviceError`]: that, or a lack of ours.

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

/// Why a device cannot be used. The host is blamed for what it did, and only for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceError {
    /// The host was caught at a lie.
    Fault(HostFault),
    /// The kernel has no memory for this device.
    NoMemory(&'static str),
    /// The kernel has none left of something else that this device needs.
    Exhausted {
        /// Which device.
        device: &'static str,
        /// What is used up, in the plural.
        what: &'static str,
    },
}

impl From<HostFault> for DeviceError {
    fn from(fault: HostFault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::NoMemory(device) => write!(f, "{device}: not enough memory"),
            Self::Exhausted { device, what } => write!(f, "{device}: no more {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn only_a_fault_blames_the_host() {
        let text = |error: DeviceError| error.to_string();
        assert_eq!(text(HostFault::new("pci", "no end").into()), "pci: the host lies: no end");
        assert_eq!(text(DeviceError::NoMemory("virtio-blk")), "virtio-blk: not enough memory");
        let vectors = DeviceError::Exhausted { device: "pci", what: "interrupt vectors" };
        assert_eq!(text(vectors), "pci: no more interrupt vectors");
    }
}
