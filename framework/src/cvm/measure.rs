// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the kernel measures of its boot, and the log that explains the registers.
//!
//! Command line and initramfs are extended into the register that the machine keeps for
//! the boot, before anybody uses them; a machine without one measures nothing. The events
//! follow those of the firmware's log, in its format and with the tags that Linux's boot
//! stub uses, so that a verifier replays one log.
//!
//! Locks: `LOG` is a leaf (preemption off); registers are extended outside of it.

use alloc::vec::Vec;

use sha2::{Digest, Sha384};

use super::event_log::{self, DIGEST_LEN, Subject};
use super::{CvmError, dispatch};
use crate::sync::SpinLock;

const COMMAND_LINE: Subject = (0x8f3b_22ed, b"LOADED_IMAGE::LoadOptions\0");
const INITRAMFS: Subject = (0x8f3b_22ec, b"Linux initrd\0");
/// Room for our own events: there is no heap yet when the first is made.
const OWN: usize = 256;
const _: () = assert!(event_log::event_len(COMMAND_LINE) + event_log::event_len(INITRAMFS) <= OWN);

/// The firmware's table that tells of its log, byte for byte, and its log with the
/// kernel's events behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareLog {
    /// The table; empty if the firmware has none.
    pub table: Vec<u8>,
    /// The log.
    pub log: Vec<u8>,
}

/// The log so far.
struct Log {
    own: [u8; OWN],
    own_len: usize,
    /// The firmware's part, once there is a heap.
    firmware: Option<FirmwareLog>,
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

fn measure(subject: Subject, bytes: &[u8]) {
    let Some(register) = dispatch::boot_register() else { return };
    let digest: [u8; DIGEST_LEN] = Sha384::digest(bytes).into();
    if dispatch::extend(register.index, &digest).is_err() {
        crate::fatal(register.failure);
    }
    let mut log = LOG.lock();
    let Log { own, own_len, .. } = &mut *log;
    let mut put = |bytes: &[u8]| {
        if let Some(to) = own.get_mut(*own_len..*own_len + bytes.len()) {
            to.copy_from_slice(bytes);
            *own_len += bytes.len();
        }
    };
    event_log::event(&mut put, register.log_index, subject, &digest);
}

/// Keeps the firmware's part.
pub(crate) fn set_firmware_log(firmware: FirmwareLog) {
    LOG.lock().firmware = Some(firmware);
}

/// The log of the boot: the firmware's events followed by ours.
///
/// # Errors
/// [`CvmError::Unsupported`] where nothing is logged, and [`CvmError::NoMemory`].
pub fn firmware_log() -> Result<FirmwareLog, CvmError> {
    if dispatch::boot_register().is_none() {
        return Err(CvmError::Unsupported);
    }
    let log = LOG.lock();
    let own = log.own.get(..log.own_len).unwrap_or_default();
    let FirmwareLog { table, log: firmware } = log.firmware.clone().unwrap_or_default();
    Ok(FirmwareLog { table, log: event_log::join(firmware, own).ok_or(CvmError::NoMemory)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha384_is_sha384() {
        let digest: [u8; DIGEST_LEN] = Sha384::digest(b"abc").into();
        assert_eq!(digest[..4], [0xcb, 0x00, 0x75, 0x3f]);
        assert_eq!(digest[44..], [0x34, 0xc8, 0x25, 0xa7]);
    }
}
