// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Handing input to a reader: lines, or bytes under VMIN and VTIME.

use super::LineDiscipline;
use abi::termios::{Cc, Local};

/// Nanoseconds in a unit of VTIME.
const DECISECOND_NS: u64 = 100_000_000;

/// The rules one `read` call goes by; fixed when it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Lines are read, whole or in part.
    pub by_line: bool,
    /// Return once so many bytes are there.
    pub minimum: usize,
    /// How long to wait for the first byte; `None`: for ever.
    pub first_timeout_ns: Option<u64>,
    /// How long to wait between bytes; `None`: as before.
    pub next_timeout_ns: Option<u64>,
}

/// What [`LineDiscipline::read_chunk`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Bytes put into the buffer.
    pub len: usize,
    /// A line, or an end of file, ended; the read is complete.
    pub ended: bool,
}

impl LineDiscipline {
    /// The rules for a read that begins now.
    pub fn begin_read(&self) -> Reading {
        let by_line = self.reads_lines();
        let (min, time) = (self.termios.cc(Cc::Min), self.termios.cc(Cc::Time));
        let time_ns = u64::from(time) * DECISECOND_NS;
        if by_line {
            return Reading { by_line, minimum: 0, first_timeout_ns: None, next_timeout_ns: None };
        }
        Reading {
            by_line,
            minimum: usize::from(min.max(1)),
            first_timeout_ns: (min == 0).then_some(time_ns),
            next_timeout_ns: (min != 0 && time != 0).then_some(time_ns),
        }
    }

    /// Whether a read finds something (an end of file counts).
    pub fn is_readable(&self) -> bool {
        if self.reads_lines() { self.canon_len > 0 } else { !self.slots.is_empty() }
    }

    /// Whether `poll` reports input: VMIN counts when VTIME is 0.
    pub fn polls_readable(&self) -> bool {
        let min = usize::from(self.termios.cc(Cc::Min));
        if self.reads_lines() || self.termios.cc(Cc::Time) != 0 || min == 0 {
            return self.is_readable();
        }
        self.slots.len() >= min
    }

    /// Bytes that FIONREAD reports: those of complete lines without their
    /// end-of-file marks, or all.
    pub fn readable_bytes(&self) -> usize {
        if !self.reads_lines() {
            return self.slots.len();
        }
        let lines = self.slots.iter().take(self.canon_len);
        lines.filter(|slot| !(slot.ends_line && slot.byte == 0)).count()
    }

    /// Moves input to `buffer`: up to the end of one line, or what there is.
    /// A line that fills `buffer` exactly takes an end of file behind it along.
    pub fn read_chunk(&mut self, buffer: &mut [u8]) -> Chunk {
        let by_line = self.reads_lines();
        let mut available = if by_line { self.canon_len } else { self.slots.len() };
        let mut len = 0;
        let mut ended = false;
        for place in buffer.iter_mut() {
            if available == 0 {
                break;
            }
            let Some(slot) = self.slots.pop_front() else { break };
            available -= 1;
            self.canon_len = self.canon_len.saturating_sub(1);
            ended = by_line && slot.ends_line;
            if !(ended && slot.byte == 0) {
                *place = slot.byte;
                len += 1;
            }
            if ended {
                break;
            }
        }
        if by_line && !ended && len > 0 && len == buffer.len() && available > 0 {
            let is_end_of_file = |slot: &super::Slot| slot.ends_line && slot.byte == 0;
            if self.slots.front().is_some_and(is_end_of_file) {
                self.slots.pop_front();
                self.canon_len -= 1;
                ended = true;
            }
        }
        Chunk { len, ended }
    }

    fn reads_lines(&self) -> bool {
        self.local(Local::ICANON) && !self.local(Local::EXTPROC)
    }
}
