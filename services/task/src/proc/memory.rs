// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files about a process's memory: whose they are; `mm` makes the text. A zombie's are empty.

use abi::{Result, err};
use mm::AddressSpace;
use pseudofs::Text;

use super::target::Target;

/// /proc/PID/cmdline.
pub(crate) fn cmdline(target: &Target, from: u64, out: &mut Text) -> Result<Option<u64>> {
    Ok(target.process()?.mm().and_then(|mm| mm.show_cmdline(from, out)))
}

/// /proc/PID/environ.
pub(crate) fn environ(mm: &AddressSpace, from: u64, out: &mut Text) -> Result<Option<u64>> {
    Ok(mm.show_environ(from, out))
}

/// /proc/PID/auxv.
pub(crate) fn auxv(mm: &AddressSpace, _from: u64, out: &mut Text) -> Result<Option<u64>> {
    mm.show_auxv(out);
    Ok(None)
}

/// /proc/PID/maps, with paths as the reader sees them.
pub(crate) fn maps(mm: &AddressSpace, from: u64, out: &mut Text) -> Result<Option<u64>> {
    let Some(reader) = crate::current() else { return err!(ESRCH) };
    mm.show_maps(from, &reader.fs().root(), out)
}
