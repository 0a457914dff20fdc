// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Carries bytes between the host's terminal and the guest's console.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Puts the terminal on stdin into raw mode, so that every key goes to the guest; dropping it restores the terminal.
#[derive(Debug)]
pub struct RawTerminal(());

static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

impl RawTerminal {
    /// Enters raw mode if stdin is a terminal.
    pub fn enter() -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let saved = tcgetattr(&stdin).ok()?;
        let mut raw = saved.clone();
        raw.make_raw();
        *SAVED.lock().ok()? = Some(saved);
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self(()))
    }

    /// Restores the terminal, also from a signal's thread.
    pub fn restore() {
        if let Ok(mut saved) = SAVED.lock()
            && let Some(termios) = saved.take()
        {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &termios);
        }
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        Self::restore();
    }
}

/// Takes out the carriage return that a terminal puts before each newline.
///
/// A `\r` at the end of a chunk is held back until the next byte tells whether it belongs to a newline.
#[derive(Debug, Default)]
pub struct NewlineFilter {
    held: bool,
}

impl NewlineFilter {
    /// Appends the filtered `input` to `out`.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for &byte in input {
            if self.held && byte != b'\n' {
                out.push(b'\r');
            }
            self.held = byte == b'\r';
            if !self.held {
                out.push(byte);
            }
        }
    }

    /// Appends what is held back at the end of the input.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            out.push(b'\r');
        }
    }
}

/// Whether carriage returns before newlines are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newlines {
    /// Bytes as the guest's terminal sent them.
    Raw,
    /// Without the terminal's carriage returns.
    Plain,
}

/// Chunks of output that may wait for a slow reader: 256 MiB.
const QUEUE_CHUNKS: usize = 4096;
const CHUNK_LEN: usize = 64 * 1024;

/// Copies the console to `to` until it ends.
///
/// Takes in what comes even while `to` is slow: the serial port of a guest gives up on a host that does not read.
pub fn copy_output(
    from: impl Read + Send + 'static,
    mut to: impl Write,
    newlines: Newlines,
) -> io::Result<()> {
    let (sender, chunks) = mpsc::sync_channel(QUEUE_CHUNKS);
    let reader = thread::spawn(move || read_chunks(from, &sender));
    let mut filter = NewlineFilter::default();
    let mut filtered = Vec::new();
    for chunk in chunks {
        match newlines {
            Newlines::Raw => to.write_all(&chunk)?,
            Newlines::Plain => {
                filtered.clear();
                filter.push(&chunk, &mut filtered);
                to.write_all(&filtered)?;
            }
        }
        to.flush()?;
    }
    filtered.clear();
    filter.finish(&mut filtered);
    to.write_all(&filtered)?;
    to.flush()?;
    reader.join().unwrap_or(Ok(()))
}

fn read_chunks(mut from: impl Read, to: &SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_LEN];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => {
                let chunk = buffer.get(..len).unwrap_or_default().to_vec();
                if to.send(chunk).is_err() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The key that ends a run when pressed three times within a second: Ctrl-].
pub const ESCAPE: u8 = 0x1d;

/// Recognises three [`ESCAPE`] keys within a second.
#[derive(Debug, Default)]
pub struct EscapeWatch {
    first: Option<Instant>,
    seen: u32,
}

impl EscapeWatch {
    /// Looks at keys that were read at `now`; true if they complete the escape.
    pub fn sees(&mut self, keys: &[u8], now: Instant) -> bool {
        for &key in keys {
            if key != ESCAPE {
                self.seen = 0;
                continue;
            }
            match self.first {
                Some(first) if self.seen > 0 && now - first < Duration::from_secs(1) => {
                    self.seen += 1;
                }
                _ => {
                    self.first = Some(now);
                    self.seen = 1;
                }
            }
            if self.seen == 3 {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(chunks: &[&[u8]]) -> Vec<u8> {
        let mut filter = NewlineFilter::default();
        let mut out = Vec::new();
        for chunk in chunks {
            filter.push(chunk, &mut out);
        }
        filter.finish(&mut out);
        out
    }

    #[test]
    fn only_the_terminals_carriage_return_goes() {
        assert_eq!(plain(&[b"Linux\r\n42\r\n"]), b"Linux\n42\n");
        assert_eq!(plain(&[b"a\r", b"\nb"]), b"a\nb");
        assert_eq!(plain(&[b"dos\r\r\n"]), b"dos\r\n");
        assert_eq!(plain(&[b"10%\r20%\r"]), b"10%\r20%\r");
        assert_eq!(plain(&[b"\r", b"", b"x"]), b"\rx");
    }

    #[test]
    fn output_is_copied() {
        let mut out = Vec::new();
        copy_output(&b"a\r\nb"[..], &mut out, Newlines::Plain).unwrap();
        assert_eq!(out, b"a\nb");
    }

    #[test]
    fn escape_wants_three_in_a_second() {
        let now = Instant::now();
        let mut watch = EscapeWatch::default();
        assert!(!watch.sees(b"\x1d\x1d", now));
        assert!(!watch.sees(b"a\x1d\x1d", now));
        assert!(watch.sees(b"\x1d", now));
        let mut watch = EscapeWatch::default();
        assert!(!watch.sees(b"\x1d\x1d", now));
        assert!(!watch.sees(b"\x1d", now + Duration::from_secs(2)));
    }
}
