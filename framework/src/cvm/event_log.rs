// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The format of a log of measurements: one event, where the events end, joining two logs.
//!
//! Trust: the firmware's log is a claim, kept as it is; its replay shows what it is worth.
//! Only where it ends is looked at here.
//! Spec: TCG PC Client Platform Firmware Profile, crypto-agile log; UEFI 2.10, 38.4.

use alloc::vec::Vec;

/// `EV_EVENT_TAG`, and `EV_NO_ACTION`, the type of a log's first record.
const EVENT_TAG: u32 = 6;
const NO_ACTION: u32 = 3;
const SPEC_ID: &[u8; 16] = b"Spec ID Event03\0";
const SHA384: u16 = 0xc;
/// Length of a digest in our own events: SHA-384.
pub(crate) const DIGEST_LEN: usize = 48;
/// The most events that are looked at.
const MAX_EVENTS: usize = 4096;

/// What is measured: the event's tag and its name.
pub(crate) type Subject = (u32, &'static [u8]);

/// Length of an event of ours.
pub(crate) const fn event_len((_, name): Subject) -> usize {
    4 * 3 + 2 + DIGEST_LEN + 4 + 8 + name.len()
}

/// Writes one event with `put`; `register` is its register's number in the log.
pub(crate) fn event(
    put: &mut impl FnMut(&[u8]),
    register: u32,
    (tag, name): Subject,
    digest: &[u8; DIGEST_LEN],
) {
    for number in [register, EVENT_TAG, 1] {
        put(&number.to_le_bytes());
    }
    put(&SHA384.to_le_bytes());
    put(digest);
    put(&(8 + name.len() as u32).to_le_bytes());
    put(&tag.to_le_bytes());
    put(&(name.len() as u32).to_le_bytes());
    put(name);
}

/// Appends events behind the last one of a log; a log that cannot be read gives way to one
/// with these events alone.
pub(crate) fn join(mut log: Vec<u8>, own: &[u8]) -> Option<Vec<u8>> {
    let area = log.len();
    match end(&log) {
        Some(end) => log.truncate(end),
        None => log = header(),
    }
    log.try_reserve_exact(own.len().max(area.saturating_sub(log.len()))).ok()?;
    log.extend_from_slice(own);
    if log.len() < area {
        log.resize(area, 0xff);
    }
    Some(log)
}

/// The first record of a log with SHA-384 digests.
fn header() -> Vec<u8> {
    let mut log = Vec::new();
    let mut put = |bytes: &[u8]| log.extend_from_slice(bytes);
    put(&0u32.to_le_bytes());
    put(&NO_ACTION.to_le_bytes());
    put(&[0; 20]);
    put(&33u32.to_le_bytes());
    put(SPEC_ID);
    // Class 0, version 2.0 errata 0, 64-bit; one digest.
    put(&[0, 0, 0, 0, 0, 2, 0, 2, 1, 0, 0, 0]);
    put(&SHA384.to_le_bytes());
    put(&(DIGEST_LEN as u16).to_le_bytes());
    put(&[0]);
    log
}

/// A cursor over a log.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, later) = self.0.split_at_checked(count)?;
        self.0 = later;
        Some(now)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(*self.take(2)?.first_chunk()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.take(4)?.first_chunk()?))
    }
}

/// Where the events of a log end; nothing if it cannot be read.
pub(crate) fn end(log: &[u8]) -> Option<usize> {
    let mut at = Cursor(log);
    at.u32()?;
    if at.u32()? != NO_ACTION {
        return None;
    }
    at.take(20)?;
    let len = at.u32()? as usize;
    let mut head = Cursor(at.take(len)?);
    if head.take(16)? != SPEC_ID {
        return None;
    }
    head.take(8)?;
    let count = head.u32()? as usize;
    let mut sizes = [(0, 0); 8];
    for slot in sizes.get_mut(..count)? {
        *slot = (head.u16()?, head.u16()?);
    }
    let sizes = sizes.get(..count)?;
    for _ in 0..MAX_EVENTS {
        let end = log.len() - at.0.len();
        let (Some(register), Some(kind)) = (at.u32(), at.u32()) else { return Some(end) };
        if register == u32::MAX || (register, kind) == (0, 0) {
            return Some(end);
        }
        let digests = at.u32()? as usize;
        if digests > count {
            return None;
        }
        for _ in 0..digests {
            let algorithm = at.u16()?;
            let (_, size) = sizes.iter().find(|(known, _)| *known == algorithm)?;
            at.take(usize::from(*size))?;
        }
        let len = at.u32()? as usize;
        at.take(len)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(names: &[&'static str]) -> Vec<u8> {
        let mut log = Vec::new();
        for name in names {
            let subject = (7, name.as_bytes());
            event(&mut |bytes: &[u8]| log.extend_from_slice(bytes), 3, subject, &[9; DIGEST_LEN]);
        }
        log
    }

    #[test]
    fn events_follow_those_of_the_firmware() {
        let firmware = join(Vec::new(), &own(&["firmware"])).unwrap();
        let used = firmware.len();
        let mut area = firmware.clone();
        area.resize(1000, 0xff);
        assert_eq!(end(&area), Some(used));
        let both = join(area.clone(), &own(&["kernel"])).unwrap();
        assert_eq!(both.len(), 1000);
        assert_eq!(own(&["kernel"]).len(), event_len((7, b"kernel")));
        assert_eq!(end(&both), Some(firmware.len() + own(&["kernel"]).len()));
        assert!(both.starts_with(&firmware));
        area[used..].fill(0);
        assert_eq!(end(&area), Some(used));
    }

    #[test]
    fn what_cannot_be_read_gives_way() {
        for bad in [&b"no log"[..], &[0xff; 100], &[0; 100]] {
            let log = join(bad.to_vec(), &own(&["a"])).unwrap();
            assert!(log.starts_with(&header()));
            assert_eq!(end(&log), Some(header().len() + own(&["a"]).len()));
        }
        let good = join(Vec::new(), &own(&["a", "b"])).unwrap();
        for cut in header().len()..good.len() {
            assert!(end(&good[..cut]).is_none_or(|end| end <= cut));
        }
    }
}
