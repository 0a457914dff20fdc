// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files about a process's memory: whose they are; `mm` makes the text. A zombie's are empty.

use abi::{Result, err};
use pseudofs::Text;

use super::target::Target;

/// /proc/PID/cmdline.
pub(crate) fn cmdline(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?.mm().inspect(|mm| mm.show_cmdline(out));
    Ok(())
}

/// /proc/PID/environ.
pub(crate) fn environ(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?.mm().inspect(|mm| mm.show_environ(out));
    Ok(())
}

/// /proc/PID/auxv.
pub(crate) fn auxv(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?.mm().inspect(|mm| mm.show_auxv(out));
    Ok(())
}

/// /proc/PID/maps, with paths as the reader sees them.
pub(crate) fn maps(target: &Target, out: &mut Text) -> Result<()> {
    let Some(mm) = target.process()?.mm() else { return Ok(()) };
    let Some(reader) = crate::current() else { return err!(ESRCH) };
    mm.show_maps(&reader.fs().root(), out);
    Ok(())
}
