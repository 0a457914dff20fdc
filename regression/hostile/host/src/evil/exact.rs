// SPDX-License-Identifier: GPL-2.0-or-later
//! One instruction per translated block, from a moment of the run on: QEMU's own switch, by its monitor.
//!
//! Blocks that were translated before have other flags and are not found any more, so that each instruction from here on
//! starts a block. Booting that way takes ten times as long.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Switches it on and waits until QEMU has done so; called on a vCPU's thread, which holds no lock of QEMU.
pub fn switch_on(monitor: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(monitor)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answers = BufReader::new(stream.try_clone()?).lines();
    let mut answer = || answers.next().unwrap_or_else(|| Err(ErrorKind::UnexpectedEof.into()));
    answer()?;
    let command = r#"{"command-line":"one-insn-per-tb on"}"#;
    let word = format!(r#"{{"execute":"human-monitor-command","arguments":{command}}}"#);
    for word in [r#"{"execute":"qmp_capabilities"}"#, &word] {
        stream.write_all(word.as_bytes())?;
        loop {
            let text = answer()?;
            if text.contains("\"error\"") {
                return Err(Error::other(text));
            }
            if text.contains("\"return\"") {
                break;
            }
        }
    }
    Ok(())
}
