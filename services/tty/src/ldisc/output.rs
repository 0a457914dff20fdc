// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Output processing (OPOST).

use super::LineDiscipline;
use super::bytes::{is_continuation, is_control, to_upper};
use abi::termios::{Input, Output};

/// Most bytes one byte can become (a tab).
const MAX_EXPANSION: usize = 8;

/// A fixed buffer for processed output.
pub struct OutputBuffer {
    bytes: [u8; Self::SIZE],
    len: usize,
}

impl OutputBuffer {
    /// Bytes it holds.
    pub const SIZE: usize = 256;

    /// An empty buffer.
    pub const fn new() -> Self {
        Self { bytes: [0; Self::SIZE], len: 0 }
    }

    /// What is in it.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    fn has_room(&self) -> bool {
        self.len + MAX_EXPANSION <= Self::SIZE
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len += 1;
        }
    }
}

impl Default for OutputBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl LineDiscipline {
    /// Processes the start of `data` into `buffer`; returns how much was taken.
    pub fn process_output(&mut self, data: &[u8], buffer: &mut OutputBuffer) -> usize {
        let is_processed = self.termios.output.contains(Output::OPOST);
        let mut taken = 0;
        for byte in data {
            if !buffer.has_room() {
                break;
            }
            if is_processed {
                self.process_byte(*byte, buffer);
            } else {
                buffer.push(*byte);
            }
            taken += 1;
        }
        taken
    }

    /// One byte under OPOST, with the column followed.
    pub(super) fn process_byte(&mut self, byte: u8, buffer: &mut OutputBuffer) {
        let flags = self.termios.output;
        let mut byte = byte;
        match byte {
            b'\n' => {
                if flags.intersects(Output::ONLRET | Output::ONLCR) {
                    self.column = 0;
                }
                if flags.contains(Output::ONLCR) {
                    buffer.push(b'\r');
                }
                self.canon_column = self.column;
            }
            b'\r' => {
                if flags.contains(Output::ONOCR) && self.column == 0 {
                    return;
                }
                if flags.contains(Output::OCRNL) {
                    byte = b'\n';
                }
                if !flags.contains(Output::OCRNL) || flags.contains(Output::ONLRET) {
                    self.column = 0;
                    self.canon_column = 0;
                }
            }
            b'\t' => {
                let spaces = 8 - (self.column & 7);
                self.column += spaces;
                if flags.contains(Output::XTABS) {
                    (0..spaces).for_each(|_| buffer.push(b' '));
                    return;
                }
            }
            b'\x08' => self.column = self.column.saturating_sub(1),
            _ if is_control(byte) => {}
            _ => {
                if flags.contains(Output::OLCUC) {
                    byte = to_upper(byte);
                }
                if !(self.input(Input::IUTF8) && is_continuation(byte)) {
                    self.column = self.column.wrapping_add(1);
                }
            }
        }
        buffer.push(byte);
    }
}
