// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Carries bytes between the host's terminal and the guest's console.

use std::io::{self, IsTerminal, Read, Write};
use std::sync::Mutex;
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

/// Copies the console to `to` until it ends.
pub fn copy_output(mut from: impl Read, mut to: impl Write, newlines: Newlines) -> io::Result<()> {
    let mut buffer = [0; 8192];
    let mut filter = NewlineFilter::default();
    let mut filtered = Vec::new();
    loop {
        let len = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let chunk = buffer.get(..len).unwrap_or_default();
        match newlines {
            Newlines::Raw => to.write_all(chunk)?,
            Newlines::Plain => {
                filtered.clear();
                filter.push(chunk, &mut filtered);
                to.write_all(&filtered)?;
            }
        }
        to.flush()?;
    }
    filtered.clear();
    filter.finish(&mut filtered);
    to.write_all(&filtered)?;
    to.flush()
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
