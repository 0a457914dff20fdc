// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel log: the `log` macros' back-end, a ring that keeps the newest.
//!
//! Records go to the ring ([`read`] serves /dev/kmsg and `syslog`), and to the
//! console when their level is at or below the console level.
//!
//! Locks: `RING` is a leaf (interrupts off); the console is written outside of it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::sync::{IrqLock, Once};
use crate::{arch, cmdline, cvm, time};

/// Bytes that the ring keeps.
const RING_BYTES: usize = 128 * 1024;
/// The longest record, in bytes; what is longer is cut.
const RECORD_BYTES: usize = 1024;

/// Linux's number of a level: 3 error, 4 warning, 6 info, 7 debug.
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

/// The console level of `quiet`: emergencies only, and they come as stops.
const QUIET: u8 = 1;

/// Records with a priority below this go to the console.
static CONSOLE_LEVEL: AtomicU8 = AtomicU8::new(7);

/// Where records go instead of the first serial port.
static CONSOLE: Once<Box<Sink>> = Once::new();

type Sink = dyn Fn(&[u8]) + Send + Sync;

/// A record of the log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number, from 0.
    pub seq: u64,
    /// Linux's priority, 0 to 7.
    pub priority: u8,
    /// Microseconds since boot.
    pub time_us: u64,
    /// The text, without line end.
    pub text: String,
}

/// Records between two whose places are known, so that none is looked for from far.
const STRIDE: u64 = 64;
/// Places that are known: enough for a ring of the shortest records.
const PLACES: usize = RING_BYTES / HEADER / STRIDE as usize + 2;

struct Ring {
    bytes: [u8; RING_BYTES],
    /// Where each record lies whose number is a multiple of [`STRIDE`], the last few.
    places: [u64; PLACES],
    /// Offsets count bytes ever written; the ring keeps the last `RING_BYTES`.
    head: u64,
    tail: u64,
    first_seq: u64,
    next_seq: u64,
}

/// Each record: length (u16), priority (u8), time in us (u64), text.
const HEADER: usize = 11;

static RING: IrqLock<Ring> = IrqLock::new(Ring {
    bytes: [0; RING_BYTES],
    places: [0; PLACES],
    head: 0,
    tail: 0,
    first_seq: 0,
    next_seq: 0,
});

impl Ring {
    fn byte(&self, at: u64) -> u8 {
        self.bytes.get((at % RING_BYTES as u64) as usize).copied().unwrap_or(0)
    }

    fn len_at(&self, at: u64) -> usize {
        usize::from(u16::from_le_bytes([self.byte(at), self.byte(at + 1)]))
    }

    fn put(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let at = (self.tail % RING_BYTES as u64) as usize;
            if let Some(slot) = self.bytes.get_mut(at) {
                *slot = *byte;
            }
            self.tail += 1;
        }
    }

    fn push(&mut self, priority: u8, time_us: u64, text: &str) {
        let total = HEADER + text.len();
        while self.tail + total as u64 - self.head > RING_BYTES as u64 {
            self.head += (HEADER + self.len_at(self.head)) as u64;
            self.first_seq += 1;
        }
        if self.next_seq.is_multiple_of(STRIDE)
            && let Some(place) = self.places.get_mut(place_of(self.next_seq))
        {
            *place = self.tail;
        }
        self.put(&(text.len() as u16).to_le_bytes());
        self.put(&[priority]);
        self.put(&time_us.to_le_bytes());
        self.put(text.as_bytes());
        self.next_seq += 1;
    }

    fn get(&self, seq: u64) -> Option<Record> {
        if seq >= self.next_seq {
            return None;
        }
        let seq = seq.max(self.first_seq);
        let known = seq - seq % STRIDE;
        let (begin, mut at) = match self.places.get(place_of(known)) {
            Some(&place) if known > self.first_seq => (known, place),
            _ => (self.first_seq, self.head),
        };
        for _ in begin..seq {
            at += (HEADER + self.len_at(at)) as u64;
        }
        let len = self.len_at(at);
        let priority = self.byte(at + 2);
        let mut time = [0; 8];
        for (n, byte) in (0..).zip(time.iter_mut()) {
            *byte = self.byte(at + 3 + n);
        }
        let mut text = alloc::vec::Vec::new();
        text.try_reserve_exact(len).ok()?;
        let start = at + HEADER as u64;
        text.extend((start..start + len as u64).map(|at| self.byte(at)));
        let text = String::from_utf8_lossy(&text).into_owned();
        Some(Record { seq, priority, time_us: u64::from_le_bytes(time), text })
    }
}

/// Which of the known places is that of record `seq`.
fn place_of(seq: u64) -> usize {
    (seq / STRIDE % PLACES as u64) as usize
}

/// The record numbered `seq`, or the oldest that is left if `seq` is gone;
/// `None` when there is none that new yet.
pub fn read(seq: u64) -> Option<Record> {
    RING.lock().get(seq)
}

/// The numbers of the oldest record kept and of the next one to come.
pub fn bounds() -> (u64, u64) {
    let ring = RING.lock();
    (ring.first_seq, ring.next_seq)
}

/// Adds a record, as a write to /dev/kmsg does.
pub fn append(priority: u8, text: &str) {
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|e| *e <= RECORD_BYTES)
        .last();
    let text = end.and_then(|end| text.get(..end)).unwrap_or("");
    let time_us = time::monotonic_ns() / 1000;
    RING.lock().push(priority & 7, time_us, text);
    if priority & 7 < CONSOLE_LEVEL.load(Ordering::Relaxed) {
        print(time_us, text);
    }
}

fn print(time_us: u64, text: &str) {
    let mut line = Line::default();
    let _ = writeln!(line, "[{:5}.{:06}] {text}\r", time_us / 1_000_000, time_us % 1_000_000);
    let is_virtio = cmdline::get().console.is_none_or(|name| name == "hvc0");
    match CONSOLE.get() {
        Some(write) => write(line.as_bytes()),
        // A confidential VM calls its host for each byte: only if it is asked to.
        None if cvm::is_confidential() && is_virtio => {}
        None => arch::early_console_write(line.as_bytes()),
    }
}

/// Sends the log to another console from now on, and what it has until now. `write`
/// may be called in any context.
pub fn set_console(write: impl Fn(&[u8]) + Send + Sync + 'static) {
    let _ = CONSOLE.set(Box::new(write));
    let (mut next, end) = bounds();
    while let Some(record) = read(next).filter(|_| next < end) {
        if record.priority < CONSOLE_LEVEL.load(Ordering::Relaxed) {
            print(record.time_us, &record.text);
        }
        next = record.seq + 1;
    }
}

/// Only records more urgent than `level` (0 to 8) go to the console.
pub fn set_console_level(level: u8) {
    CONSOLE_LEVEL.store(level, Ordering::Relaxed);
}

/// What [`set_console_level`] set.
pub fn console_level() -> u8 {
    CONSOLE_LEVEL.load(Ordering::Relaxed)
}

/// A line on the stack: formatting must not allocate.
struct Line {
    bytes: [u8; RECORD_BYTES + 64],
    len: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; RECORD_BYTES + 64], len: 0 }
    }
}

impl Line {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> core::fmt::Result {
        for byte in s.bytes() {
            let Some(slot) = self.bytes.get_mut(self.len) else { return Ok(()) };
            *slot = byte;
            self.len += 1;
        }
        Ok(())
    }
}

struct Backend;

impl log::Log for Backend {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut line = Line::default();
        if record.target() == "strace" {
            let _ = write!(line, "{}", record.args());
            crate::control::trace(core::str::from_utf8(line.as_bytes()).unwrap_or("?"));
            return;
        }
        let _ = write!(line, "{}: {}", record.target(), record.args());
        append(priority(record.level()), core::str::from_utf8(line.as_bytes()).unwrap_or("?"));
    }

    fn flush(&self) {}
}

/// Installs the back-end, with the console level of the command line.
pub(crate) fn init() {
    let line = cmdline::get();
    if let Some(level) = line.log_level.or(line.is_quiet.then_some(QUIET)) {
        set_console_level(level);
    }
    if log::set_logger(&Backend).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_forgets_the_oldest() {
        let (_, start) = bounds();
        for n in 0..4000 {
            append(7, &alloc::format!("record {n} {}", "x".repeat(n % 100)));
        }
        let (first, next) = bounds();
        assert_eq!(next, start + 4000);
        assert!(first > start);
        let newest = read(next - 1).unwrap();
        assert!(newest.text.starts_with("record 3999"));
        assert_eq!(read(0).unwrap().seq, first);
        assert!(read(next).is_none());
        // Many short ones: each is found by its number.
        for n in 0..20_000 {
            append(7, &alloc::format!("{n}"));
        }
        let (first, next) = bounds();
        assert!(next - first > 5_000);
        for seq in first..next {
            let record = read(seq).unwrap();
            assert_eq!((record.seq, record.text), (seq, alloc::format!("{}", seq + 20_000 - next)));
        }
    }
}
