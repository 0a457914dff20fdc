// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Layout and meaning of configuration space: pure, total functions.
//!
//! Trust: every word is the host's.

use framework::host::{HostFault, Untrusted};

/// Offsets in configuration space.
pub(crate) const ID: u64 = 0x00;
pub(crate) const COMMAND: u64 = 0x04;
pub(crate) const HEADER: u64 = 0x0c;
pub(crate) const BARS: u64 = 0x10;
pub(crate) const CAPABILITIES: u64 = 0x34;

/// Command: memory decoding, bus mastering, no line interrupt.
pub(crate) const COMMAND_ON: u16 = 0x406;

/// The id of the MSI-X capability.
pub(crate) const MSIX: u8 = 0x11;
/// Message control: on, no mask for all.
pub(crate) const MSIX_ON: u16 = 0x8000;

/// More capabilities do not fit into configuration space.
pub const MOST_CAPABILITIES: usize = 48;
/// The largest register window that is accepted.
pub(crate) const LARGEST_BAR: u64 = 16 << 20;

/// Who the log says that it was.
pub(crate) const NAME: &str = "pci";

/// A lie in configuration space.
pub(crate) const fn lie(lie: &'static str) -> HostFault {
    HostFault::new(NAME, lie)
}

/// Who made a function, and which kind it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id {
    /// Vendor.
    pub vendor: u16,
    /// Device.
    pub device: u16,
}

impl Id {
    /// The id, if there is a function at all.
    pub(crate) fn parse(word: Untrusted<u32>) -> Option<Self> {
        let found = word.check(|word| {
            let [a, b, c, d] = word.to_le_bytes();
            let id =
                Self { vendor: u16::from_le_bytes([a, b]), device: u16::from_le_bytes([c, d]) };
            if id.vendor == 0xffff || id.vendor == 0 { Err(()) } else { Ok(id) }
        });
        found.ok()
    }
}

/// What the header says about the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) is_endpoint: bool,
    pub(crate) has_more_functions: bool,
}

impl Header {
    pub(crate) fn parse(word: Untrusted<u32>) -> Self {
        let parsed = word.check(|word| {
            let kind = (word >> 16) as u8;
            Ok::<_, core::convert::Infallible>(Self {
                is_endpoint: kind & 0x7f == 0,
                has_more_functions: kind & 0x80 != 0,
            })
        });
        let Ok(header) = parsed;
        header
    }
}

/// Where a list of capabilities goes on: `None` at its end.
pub(crate) fn next_capability(pointer: Untrusted<u8>) -> Result<Option<u64>, HostFault> {
    pointer.check(|pointer| match pointer & 0xfc {
        0 => Ok(None),
        at @ 0x40.. => Ok(Some(at.into())),
        _ => Err(lie("a capability inside the header")),
    })
}

/// What a base address register says when all ones were written to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    /// Bytes of the window: a power of two.
    pub size: u64,
    /// Whether the next register has the high half of the address.
    pub is_64_bit: bool,
}

impl Bar {
    /// Reads the answer of register `index`; `high` is that of the next one.
    ///
    /// # Errors
    /// When it is no window of memory that could be used.
    pub fn parse(index: u8, low: Untrusted<u32>, high: Untrusted<u32>) -> Result<Self, HostFault> {
        low.zip(high).check(|(low, high)| {
            let is_64_bit = match low & 7 {
                0 => false,
                4 => true,
                _ => return Err(lie("a BAR that is no memory")),
            };
            if is_64_bit && index >= 5 {
                return Err(lie("the last BAR has a high half"));
            }
            let high = if is_64_bit { *high } else { !0 };
            let mask = u64::from(high) << 32 | u64::from(low & !0xf);
            let size = (!mask).wrapping_add(1);
            if !size.is_power_of_two() || !(16..=LARGEST_BAR).contains(&size) {
                return Err(lie("a BAR of absurd size"));
            }
            Ok(Self { size, is_64_bit })
        })
    }
}

/// The MSI-X capability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Msix {
    /// Entries of the table.
    pub entries: u16,
    /// The BAR with the table.
    pub bar: u8,
    /// Where in it the table begins.
    pub offset: u32,
}

/// Bytes of an entry of the MSI-X table.
pub(crate) const MSIX_ENTRY: u64 = 16;

impl Msix {
    /// Reads the capability's first two words.
    ///
    /// # Errors
    /// When there is no such BAR.
    pub fn parse(control: Untrusted<u16>, table: Untrusted<u32>) -> Result<Self, HostFault> {
        control.zip(table).check(|(control, table)| {
            let bar = (table & 7) as u8;
            if bar > 5 {
                return Err(lie("the MSI-X table is in no BAR"));
            }
            Ok(Self { entries: (control & 0x7ff) + 1, bar, offset: table & !7 })
        })
    }

    /// Does the table lie in a window of `len` bytes, with room for `wanted` vectors?
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&self, len: u64, wanted: usize) -> Result<(), HostFault> {
        let end = u64::from(self.offset) + u64::from(self.entries) * MSIX_ENTRY;
        if end > len {
            return Err(lie("the MSI-X table ends beyond its BAR"));
        }
        if wanted > usize::from(self.entries) {
            return Err(lie("too few MSI-X vectors"));
        }
        Ok(())
    }
}
