// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Echo of input, through the same output processing as programs' output.

use super::{Effects, LineDiscipline, OutputBuffer, bytes};
use abi::termios::{Local, Output};

impl LineDiscipline {
    /// Echoes a byte; control characters as `^X` when asked to.
    pub(super) fn echo(&mut self, byte: u8, effects: &mut dyn Effects) {
        if self.local(Local::ECHOCTL) && bytes::is_control(byte) && byte != b'\t' {
            effects.output(&[b'^', byte ^ 0o100]);
            self.column += 2;
        } else {
            self.echo_raw(byte, effects);
        }
    }

    /// Echoes a byte as it is, but for output processing.
    pub(super) fn echo_raw(&mut self, byte: u8, effects: &mut dyn Effects) {
        if self.termios.output.contains(Output::OPOST) {
            let mut buffer = OutputBuffer::new();
            self.process_byte(byte, &mut buffer);
            effects.output(buffer.as_slice());
        } else {
            effects.output(&[byte]);
        }
    }

    /// Closes the `\…/` of ECHOPRT.
    pub(super) fn finish_erasing(&mut self, effects: &mut dyn Effects) {
        if self.erasing {
            self.echo_raw(b'/', effects);
            self.erasing = false;
        }
    }

    /// Remembers where a line begins, for erasing tabs later.
    pub(super) fn note_canon_column(&mut self) {
        if self.edit_len() == 0 {
            self.canon_column = self.column;
        }
    }

    pub(super) fn move_back_column(&mut self) {
        self.column = self.column.saturating_sub(1);
    }
}
