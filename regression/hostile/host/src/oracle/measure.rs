// SPDX-License-Identifier: GPL-2.0-or-later
//! Replays a TCG event log.
//!
//! Spec: TCG PC Client Platform Firmware Profile, crypto-agile log; with SHA-384 alone, and measurement registers 1 to 4 for
//! RTMR0 to RTMR3.

use crate::tdx::report::{Hash, Measurements};

const SHA384: u16 = 0xc;
const EV_NO_ACTION: u32 = 3;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let (head, rest) = self.0.split_at_checked(len).ok_or("the log is cut off")?;
        self.0 = rest;
        Ok(head)
    }

    fn u16(&mut self) -> Result<u16, &'static str> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into().unwrap_or_default()))
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().unwrap_or_default()))
    }
}

/// The RTMRs that `log` leads to.
pub fn replay(log: &[u8]) -> Result<[Hash; 4], &'static str> {
    let mut reader = Reader(log);
    // The first record has the old form: index, type, SHA-1, length, data.
    reader.take(4)?;
    if reader.u32()? != EV_NO_ACTION {
        return Err("the log does not begin with its specification");
    }
    reader.take(20)?;
    let len = reader.u32()? as usize;
    reader.take(len)?;
    let mut measurements = Measurements::default();
    while !reader.0.is_empty() && !reader.0.iter().all(|byte| matches!(byte, 0 | 0xff)) {
        let (index, kind, count) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let mut hash = None;
        for _ in 0..count {
            if reader.u16()? != SHA384 {
                return Err("a digest that is not SHA-384");
            }
            hash = Hash::try_from(reader.take(48)?).ok();
        }
        let len = reader.u32()? as usize;
        reader.take(len)?;
        let hash = hash.ok_or("an event without a digest")?;
        if kind != EV_NO_ACTION {
            let register = (index as usize).checked_sub(1).ok_or("an event for MRTD")?;
            if !measurements.extend(register, &hash) {
                return Err("an event for a register that there is not");
            }
        }
    }
    Ok(measurements.rtmr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(events: &[(u32, u8)]) -> Vec<u8> {
        let mut log =
            [&[0; 4][..], &3u32.to_le_bytes(), &[0; 20], &2u32.to_le_bytes(), b"id"].concat();
        for (index, byte) in events {
            log.extend([index.to_le_bytes(), 13u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
            log.extend(SHA384.to_le_bytes());
            log.extend([*byte; 48]);
            log.extend(3u32.to_le_bytes());
            log.extend(b"abc");
        }
        log
    }

    #[test]
    fn replays() {
        let mut expected = Measurements::default();
        assert!(expected.extend(1, &[7; 48]) && expected.extend(2, &[8; 48]));
        assert_eq!(replay(&log(&[(2, 7), (3, 8)])), Ok(expected.rtmr));
        assert!(replay(&log(&[(5, 1)])).is_err() && replay(&log(&[(0, 1)])).is_err());
        let whole = log(&[(2, 7)]);
        for len in 0..whole.len() {
            let _ = replay(&whole[..len]);
        }
    }
}
