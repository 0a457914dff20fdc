// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the CPUs of a guest are that does not end.
//!
//! Asks QEMU just before the runner ends it, so that a hang in a loop of the kernel can be told from a guest that is only slow.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use osdk::machine::Machine;
use serde_json::Value;

/// How long before the end of the time QEMU is asked.
const EARLY: Duration = Duration::from_millis(1500);

/// Waits for the end of the time, or of the run.
pub(crate) struct Probe {
    done: Sender<()>,
    thread: JoinHandle<Vec<u64>>,
}

impl Probe {
    /// Gives `machine` the socket, and waits.
    pub(crate) fn new(machine: &mut Machine, folder: &Path, limit: Duration) -> Self {
        let socket = folder.join("qmp");
        let chardev = format!("unix:{},server=on,wait=off", socket.display());
        machine.extra.extend(["-qmp".into(), chardev.into()]);
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || match is_done.recv_timeout(limit - EARLY.min(limit)) {
            Err(RecvTimeoutError::Timeout) => ask(&socket).unwrap_or_default(),
            _ => Vec::new(),
        });
        Self { done, thread }
    }

    /// The run has ended: the addresses, if it took all its time.
    pub(crate) fn addresses(self) -> Vec<u64> {
        drop(self.done);
        self.thread.join().unwrap_or_default()
    }
}

/// Stops the guest and asks for the instruction pointers.
fn ask(socket: &PathBuf) -> std::io::Result<Vec<u64>> {
    let mut to = UnixStream::connect(socket)?;
    to.set_read_timeout(Some(EARLY))?;
    let mut from = BufReader::new(to.try_clone()?);
    let mut line = String::new();
    from.read_line(&mut line)?;
    let mut last = Value::Null;
    let registers =
        r#"{"execute":"human-monitor-command","arguments":{"command-line":"info registers -a"}}"#;
    for command in [r#"{"execute":"qmp_capabilities"}"#, r#"{"execute":"stop"}"#, registers] {
        writeln!(to, "{command}")?;
        // Events come in between.
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(Vec::new());
            }
            last = serde_json::from_str(&line)?;
            if last.get("return").is_some() || last.get("error").is_some() {
                break;
            }
        }
    }
    Ok(parse(last.get("return").and_then(Value::as_str).unwrap_or_default()))
}

/// The instruction pointer of each CPU in QEMU's print.
fn parse(text: &str) -> Vec<u64> {
    let words = text.split_whitespace().filter_map(|word| word.strip_prefix("RIP="));
    words.filter_map(|digits| u64::from_str_radix(digits, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruction_pointers_are_found() {
        let text = "CPU#0\r\nRAX=00 RBX=01\r\nRIP=ffffffff80200010 RFL=00000002\r\nCPU#1\r\nRIP=0000000000401000 RFL=2";
        assert_eq!(parse(text), [0xffff_ffff_8020_0010, 0x40_1000]);
        assert!(parse("no registers").is_empty());
    }
}
