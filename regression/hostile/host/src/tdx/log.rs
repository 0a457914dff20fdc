// SPDX-License-Identifier: GPL-2.0-or-later
//! The event log of the hand-over, in the crypto-agile form of TCG's PC client profile, with SHA-384 alone.

use super::report::{Hash, Measurements, sha384};

const NO_ACTION: u32 = 3;
const SEPARATOR: u32 = 4;
const PLATFORM_CONFIG: u32 = 0xa;
const SHA384: u16 = 12;

/// A log being written; extends the registers it speaks of.
pub struct Log {
    bytes: Vec<u8>,
}

impl Default for Log {
    fn default() -> Self {
        let mut event = b"Spec ID Event03\0".to_vec();
        // Platform class, version 2.0 errata 0, 64-bit sizes, one algorithm of 48 bytes, no vendor data.
        event.extend([0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0]);
        event.extend(SHA384.to_le_bytes());
        event.extend(48u16.to_le_bytes());
        event.push(0);
        let mut bytes = 0u32.to_le_bytes().to_vec();
        bytes.extend(NO_ACTION.to_le_bytes());
        bytes.extend([0; 20]);
        bytes.extend((event.len() as u32).to_le_bytes());
        bytes.extend(event);
        Self { bytes }
    }
}

impl Log {
    /// Measures `data` into a register and says so.
    pub fn config(&mut self, registers: &mut Measurements, rtmr: usize, name: &str, data: &[u8]) {
        self.event(registers, rtmr, PLATFORM_CONFIG, sha384(data), name.as_bytes());
    }

    /// The end of the firmware's part.
    pub fn separator(&mut self, registers: &mut Measurements, rtmr: usize) {
        self.event(registers, rtmr, SEPARATOR, sha384(&[0; 4]), &[0; 4]);
    }

    fn event(
        &mut self,
        registers: &mut Measurements,
        rtmr: usize,
        kind: u32,
        hash: Hash,
        data: &[u8],
    ) {
        registers.extend(rtmr, &hash);
        // Register 0 of the log is MRTD.
        self.bytes.extend((rtmr as u32 + 1).to_le_bytes());
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(1u32.to_le_bytes());
        self.bytes.extend(SHA384.to_le_bytes());
        self.bytes.extend(hash);
        self.bytes.extend((data.len() as u32).to_le_bytes());
        self.bytes.extend(data);
    }

    /// The log's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_record_and_events() {
        let mut registers = Measurements::default();
        let mut log = Log::default();
        log.config(&mut registers, 0, "map", b"data");
        log.separator(&mut registers, 1);
        let bytes = log.finish();
        assert_eq!(&bytes[32..47], b"Spec ID Event03");
        let first = 32 + 33;
        assert_eq!(bytes[28], 33);
        assert_eq!(bytes[first..first + 8], [1, 0, 0, 0, 10, 0, 0, 0]);
        assert_eq!(registers.rtmr[0], sha384(&[&[0; 48][..], &sha384(b"data")].concat()));
    }
}
