// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CRC-32 as gzip uses it, four bytes at a time.

const POLYNOMIAL: u32 = 0xedb8_8320;
const WAYS: usize = 4;

static TABLES: [[u32; 256]; WAYS] = tables();

#[allow(clippy::indexing_slicing, reason = "evaluated at compile time only")]
const fn tables() -> [[u32; 256]; WAYS] {
    let mut tables = [[0; 256]; WAYS];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut way = 1;
    while way < WAYS {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[way - 1][byte];
            tables[way][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        way += 1;
    }
    tables
}

/// A checksum in progress.
#[derive(Clone, Copy)]
pub(crate) struct Crc(u32);

impl Crc {
    pub(crate) const fn new() -> Self {
        Self(!0)
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        let [t0, t1, t2, t3] = &TABLES;
        let at = |table: &[u32; 256], byte: u32| {
            table.get((byte & 0xff) as usize).copied().unwrap_or_default()
        };
        let (words, rest) = data.as_chunks::<WAYS>();
        for word in words {
            let crc = self.0 ^ u32::from_le_bytes(*word);
            self.0 = at(t3, crc) ^ at(t2, crc >> 8) ^ at(t1, crc >> 16) ^ at(t0, crc >> 24);
        }
        for byte in rest {
            self.0 = (self.0 >> 8) ^ at(t0, self.0 ^ u32::from(*byte));
        }
    }

    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_value_in_any_pieces() {
        let data = b"123456789";
        for cut in 0..=data.len() {
            let mut crc = Crc::new();
            crc.update(&data[..cut]);
            crc.update(&data[cut..]);
            assert_eq!(crc.value(), 0xcbf4_3926);
        }
    }
}
