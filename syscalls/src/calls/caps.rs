// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Capability sets.

use crate::arg::UserPtr;
use crate::cx::Context;
use abi::capability::{CapData, CapHeader, Caps, VERSION_1, VERSION_2, VERSION_3};
use abi::{Result, err, error};

/// How many bytes of [`CapData`] the header's version has.
fn data_len(cx: &Context, pointer: UserPtr<CapHeader>) -> Result<Option<usize>> {
    let version = UserPtr::<u32>::new(pointer.addr());
    match version.read(cx.vm())? {
        VERSION_1 => Ok(Some(size_of::<CapData>() / 2)),
        VERSION_2 | VERSION_3 => Ok(Some(size_of::<CapData>())),
        _ => {
            version.write(cx.vm(), &VERSION_3)?;
            Ok(None)
        }
    }
}

/// capget(2).
pub(crate) fn sys_capget(
    cx: &mut Context,
    header: UserPtr<CapHeader>,
    data: Option<UserPtr<CapData>>,
) -> Result<()> {
    // Without room for an answer only the version is asked for: the process is not read.
    let (Some(len), Some(data)) = (data_len(cx, header)?, data) else {
        return if data.is_none() { Ok(()) } else { err!(EINVAL, "version") };
    };
    let header = header.read(cx.vm())?;
    if header.pid < 0 {
        return err!(EINVAL, "negative process");
    }
    let sets = if header.pid == 0 || header.pid == cx.thread.tid().as_raw() {
        cx.cred().caps
    } else {
        let other = cx.pid_namespace().thread(task::Tid::from_raw(header.pid));
        other.ok_or(error!(ESRCH))?.cred().caps
    };
    let half = |shift: u32| {
        [sets.effective, sets.permitted, sets.inheritable]
            .map(|caps: Caps| (caps.bits() >> shift) as u32)
    };
    let words = [half(0), half(32)];
    let bytes = words.as_flattened().iter().flat_map(|word| word.to_le_bytes());
    let mut buffer = [0_u8; size_of::<CapData>()];
    for (to, from) in buffer.iter_mut().zip(bytes) {
        *to = from;
    }
    Ok(cx.vm().write(data.addr(), buffer.get(..len).unwrap_or_default())?)
}

/// capset(2).
pub(crate) fn sys_capset(
    cx: &mut Context,
    header: UserPtr<CapHeader>,
    data: UserPtr<CapData>,
) -> Result<()> {
    let len = data_len(cx, header)?.ok_or(error!(EINVAL, "version"))?;
    let header = header.read(cx.vm())?;
    if header.pid != 0 && header.pid != cx.thread.tid().as_raw() {
        return err!(EPERM, "capabilities of another process");
    }
    let mut buffer = [0_u8; size_of::<CapData>()];
    cx.vm().read(data.addr(), buffer.get_mut(..len).unwrap_or_default())?;
    let words = buffer.as_chunks::<4>().0;
    let word =
        |index: usize| words.get(index).map_or(0, |word| u64::from(u32::from_le_bytes(*word)));
    let set = |index| Caps::from_bits_truncate(word(index) | word(index + 3) << 32);
    let changed = cx.cred().capset(set(0), set(1), set(2))?;
    cx.thread.set_cred(changed)
}

/// The capability with a number that a program chose.
pub(super) fn capability(number: u64) -> Result<Caps> {
    let cap = u32::try_from(number).ok().and_then(Caps::from_number);
    cap.ok_or(error!(EINVAL, "no such capability"))
}
