// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`LogTable`]: where the firmware of a CVM says that its log of measurements is.
//!
//! Trust: the host's word, until the log is replayed.
//! Spec: UEFI 2.10, section 38.4.1, table CCEL.

use super::dispatch;
use crate::mm::PhysRange;

/// The longest log that is taken from the firmware, in bytes.
const MAX_LOG: u64 = 256 * 1024;

/// The table, and where it says that the log is; not yet compared with RAM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogTable {
    pub(crate) bytes: [u8; Self::LEN],
    pub(crate) log: PhysRange,
}

impl LogTable {
    /// The table's name in ACPI.
    pub(crate) const SIGNATURE: [u8; 4] = *b"CCEL";
    /// The table's length.
    pub(crate) const LEN: usize = 56;
    /// Where it says for which kind of machine the log is.
    const KIND: usize = 36;

    /// Reads a table with a good checksum.
    pub(crate) fn read(bytes: [u8; Self::LEN]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let (len, start) = (long(40)?, long(48)?);
        let end = start.checked_add(len)?;
        let is_good = (1..=MAX_LOG).contains(&len) && (4096..1 << 46).contains(&start);
        is_good.then_some(Self { bytes, log: PhysRange { start, end } })
    }

    /// Whether the log is for a machine like this one.
    pub(crate) fn is_ours(&self) -> bool {
        dispatch::log_kind().is_some_and(|kind| self.bytes.get(Self::KIND) == Some(&kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_places_are_refused() {
        let read = |len: u64, start: u64| {
            let mut bytes = [0; LogTable::LEN];
            bytes[40..48].copy_from_slice(&len.to_le_bytes());
            bytes[48..56].copy_from_slice(&start.to_le_bytes());
            LogTable::read(bytes).map(|table| table.log)
        };
        assert_eq!(read(0x1000, 0x8000), Some(PhysRange { start: 0x8000, end: 0x9000 }));
        for (len, start) in [(0, 0x8000), (MAX_LOG + 1, 0x8000), (1, 0), (1, 1 << 46)] {
            assert_eq!(read(len, start), None);
        }
        assert_eq!(read(u64::MAX, u64::MAX), None);
    }
}
