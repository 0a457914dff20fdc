// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the CPUs of a guest are that does not end.
//!
//! Asks QEMU just before the runner ends it, so that a hang in a loop of the kernel can be told from a guest that is only slow.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use osdk::machine::Machine;
use serde_json::Value;

/// How long before the end of the time QEMU is asked.
const EARLY: Duration = Duration::from_millis(1500);
/// How often it is asked.
const LOOKS: u32 = 8;

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

/// Stops the guest several times and asks for the instruction pointers.
fn ask(socket: &Path) -> std::io::Result<Vec<u64>> {
    const REGISTERS: &str =
        r#"{"execute":"human-monitor-command","arguments":{"command-line":"info registers -a"}}"#;
    let mut to = UnixStream::connect(socket)?;
    to.set_read_timeout(Some(EARLY))?;
    let mut from = BufReader::new(to.try_clone()?);
    from.read_line(&mut String::new())?;
    let mut say = |command: &str| -> std::io::Result<Value> {
        writeln!(to, "{command}")?;
        // Events come in between.
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                return Ok(Value::Null);
            }
            let answer: Value = serde_json::from_str(&line)?;
            if answer.get("return").is_some() || answer.get("error").is_some() {
                return Ok(answer);
            }
        }
    };
    say(r#"{"execute":"qmp_capabilities"}"#)?;
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        say(r#"{"execute":"stop"}"#)?;
        let answer = say(REGISTERS)?;
        found.extend(parse(answer.get("return").and_then(Value::as_str).unwrap_or_default()));
        say(r#"{"execute":"cont"}"#)?;
        thread::sleep(EARLY / LOOKS / 4);
    }
    Ok(found)
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
