// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CRC-32 as GPT uses it.

/// The checksum of `bytes`.
pub(crate) fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 != 0 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_value() {
        assert_eq!(super::crc32(b"123456789".iter().copied()), 0xcbf4_3926);
    }
}
