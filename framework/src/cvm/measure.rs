// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the kernel measures of its boot, and the event log that explains the registers.
//!
//! Command line and initramfs are extended into RTMR2 before anybody uses them. The events
//! follow those of the firmware's log (ACPI table CCEL), in its format and with the tags that
//! Linux's boot stub uses, so that a verifier replays one log.
//!
//! Trust: the firmware's log is a claim, kept as it is; its replay shows what it is worth.
//! Only where it ends is looked at here.
//! Locks: `LOG` is a leaf (preemption off); registers are extended outside of it.
//!
//! Spec: TCG PC Client Platform Firmware Profile, crypto-agile log; UEFI 2.10, 38.4.

use alloc::vec::Vec;

use sha2::{Digest, Sha384};

use super::{CvmError, Kind, backend, kind};
use crate::sync::SpinLock;

/// Register RTMR2, and its number in the log: there MRTD is 0.
const REGISTER: usize = 2;
const LOG_INDEX: u32 = REGISTER as u32 + 1;
/// `EV_EVENT_TAG`, and the tags of what is measured.
const EVENT_TAG: u32 = 6;
const COMMAND_LINE: (u32, &[u8]) = (0x8f3b_22ed, b"LOADED_IMAGE::LoadOptions\0");
const INITRAMFS: (u32, &[u8]) = (0x8f3b_22ec, b"Linux initrd\0");
/// `EV_NO_ACTION`, the type of a log's first record.
const NO_ACTION: u32 = 3;
const SPEC_ID: &[u8; 16] = b"Spec ID Event03\0";
const SHA384: u16 = 0xc;
const DIGEST_LEN: usize = 48;
/// The longest log that is taken from the firmware, and the most events in it.
pub(crate) const MAX_LOG: usize = 256 * 1024;
const MAX_EVENTS: usize = 4096;
/// Room for our own events: there is no heap yet when the first is made.
const OWN: usize = 256;

/// The log so far.
struct Log {
    own: [u8; OWN],
    own_len: usize,
    /// The firmware's table and log, once there is a heap.
    firmware: Option<(Vec<u8>, Vec<u8>)>,
}

static LOG: SpinLock<Log> = SpinLock::new(Log { own: [0; OWN], own_len: 0, firmware: None });

/// Measures the command line, byte for byte as the loader gave it.
pub(crate) fn command_line(text: &[u8]) {
    measure(COMMAND_LINE, text);
}

/// Measures the initramfs.
pub(crate) fn initramfs(bytes: &[u8]) {
    measure(INITRAMFS, bytes);
}

fn measure((tag, name): (u32, &[u8]), bytes: &[u8]) {
    if kind() != Kind::Tdx {
        return;
    }
    let digest: [u8; DIGEST_LEN] = Sha384::digest(bytes).into();
    if backend::extend(REGISTER, &digest).is_err() {
        crate::fatal("measure: RTMR2 cannot be extended");
    }
    let mut log = LOG.lock();
    let Log { own, own_len, .. } = &mut *log;
    let mut put = |bytes: &[u8]| {
        if let Some(to) = own.get_mut(*own_len..*own_len + bytes.len()) {
            to.copy_from_slice(bytes);
            *own_len += bytes.len();
        }
    };
    event(&mut put, tag, name, &digest);
}

/// Writes one event with `put`.
fn event(put: &mut impl FnMut(&[u8]), tag: u32, name: &[u8], digest: &[u8; DIGEST_LEN]) {
    for number in [LOG_INDEX, EVENT_TAG, 1] {
        put(&number.to_le_bytes());
    }
    put(&SHA384.to_le_bytes());
    put(digest);
    put(&(8 + name.len() as u32).to_le_bytes());
    put(&tag.to_le_bytes());
    put(&(name.len() as u32).to_le_bytes());
    put(name);
}

/// Keeps the firmware's CCEL table and its log.
pub(crate) fn set_firmware_log(table: Vec<u8>, log: Vec<u8>) {
    LOG.lock().firmware = Some((table, log));
}

/// The CCEL table (empty without one), and the firmware's events followed by ours.
pub(super) fn table_and_log() -> Result<(Vec<u8>, Vec<u8>), CvmError> {
    let log = LOG.lock();
    let own = log.own.get(..log.own_len).unwrap_or_default();
    let (table, firmware) = log.firmware.clone().unwrap_or_default();
    Ok((table, join(firmware, own).ok_or(CvmError::NoMemory)?))
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

    fn own(names: &[&str]) -> Vec<u8> {
        let mut log = Vec::new();
        for name in names {
            let digest = Sha384::digest(name.as_bytes()).into();
            event(&mut |bytes: &[u8]| log.extend_from_slice(bytes), 7, name.as_bytes(), &digest);
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

    #[test]
    fn our_events_fit() {
        let len = |(_, name): (u32, &[u8])| 4 * 3 + 2 + DIGEST_LEN + 4 + 8 + name.len();
        assert!(len(COMMAND_LINE) + len(INITRAMFS) <= OWN);
    }

    #[test]
    fn sha384_is_sha384() {
        let digest: [u8; DIGEST_LEN] = Sha384::digest(b"abc").into();
        assert_eq!(digest[..4], [0xcb, 0x00, 0x75, 0x3f]);
        assert_eq!(digest[44..], [0x34, 0xc8, 0x25, 0xa7]);
    }
}
