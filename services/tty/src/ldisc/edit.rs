// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Canonical mode: editing keys and the ends of lines.

use super::{Effects, LineDiscipline, Slot, bytes};
use abi::termios::{Cc, Input, Local};

/// Which key rubs out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}

impl LineDiscipline {
    /// Handles a key of canonical mode; false if `byte` is none.
    pub(super) fn edit_line(&mut self, byte: u8, effects: &mut dyn Effects) -> bool {
        let is = |cc| self.termios.is_cc(byte, cc);
        let extended = self.local(Local::IEXTEN);
        if is(Cc::Erase) {
            self.erase(Erase::Character, effects);
        } else if is(Cc::Werase) && extended {
            self.erase(Erase::Word, effects);
        } else if is(Cc::Kill) {
            self.kill_line(effects);
        } else if is(Cc::Lnext) && extended {
            self.literal_next(effects);
        } else if is(Cc::Reprint) && extended && self.local(Local::ECHO) {
            self.reprint(byte, effects);
        } else if byte == b'\n' {
            if self.local(Local::ECHO | Local::ECHONL) {
                self.echo_raw(b'\n', effects);
            }
            self.end_line(byte);
        } else if is(Cc::Eof) {
            self.end_line(0);
        } else if is(Cc::Eol) || (is(Cc::Eol2) && extended) {
            if self.local(Local::ECHO) {
                self.note_canon_column();
                self.echo(byte, effects);
            }
            if byte == 0xff && self.input(Input::PARMRK) {
                self.queue(byte);
            }
            self.end_line(byte);
        } else {
            return false;
        }
        true
    }

    /// Length of the line being edited.
    pub(super) fn edit_len(&self) -> usize {
        self.slots.len().saturating_sub(self.canon_len)
    }

    /// Ends the line with `byte`; NUL stands for an end of file.
    fn end_line(&mut self, byte: u8) {
        self.push(Slot { byte, ends_line: true });
        self.canon_len = self.slots.len();
    }

    fn literal_next(&mut self, effects: &mut dyn Effects) {
        self.lnext = true;
        if self.local(Local::ECHO) {
            self.finish_erasing(effects);
            if self.local(Local::ECHOCTL) {
                self.echo_raw(b'^', effects);
                self.echo_raw(b'\x08', effects);
            }
        }
    }

    fn reprint(&mut self, byte: u8, effects: &mut dyn Effects) {
        self.finish_erasing(effects);
        self.echo(byte, effects);
        self.echo_raw(b'\n', effects);
        for index in self.canon_len..self.slots.len() {
            if let Some(slot) = self.slots.get(index).copied() {
                self.echo(slot.byte, effects);
            }
        }
    }

    fn kill_line(&mut self, effects: &mut dyn Effects) {
        if self.edit_len() == 0 {
            return;
        }
        if !self.local(Local::ECHO) {
            self.slots.truncate(self.canon_len);
            return;
        }
        if self.termios.local.contains(Local::ECHOK | Local::ECHOKE | Local::ECHOE) {
            self.erase(Erase::Line, effects);
            return;
        }
        self.slots.truncate(self.canon_len);
        self.finish_erasing(effects);
        self.echo(self.termios.cc(Cc::Kill), effects);
        if self.local(Local::ECHOK) {
            self.echo_raw(b'\n', effects);
        }
    }

    fn erase(&mut self, what: Erase, effects: &mut dyn Effects) {
        let mut seen_word = false;
        while self.edit_len() > 0 {
            let Some((first, len)) = self.last_character() else { break };
            if what == Erase::Word {
                if bytes::is_alphanumeric(first) || first == b'_' {
                    seen_word = true;
                } else if seen_word {
                    break;
                }
            }
            if self.local(Local::ECHO) {
                self.echo_erased(what, first, len, effects);
            }
            self.slots.truncate(self.slots.len() - len);
            if first == b'\t' && self.local(Local::ECHO) && !self.shows_erased_text(what) {
                self.echo_erased_tab(effects);
            }
            if what == Erase::Character {
                break;
            }
        }
        if self.edit_len() == 0 && self.local(Local::ECHO) {
            self.finish_erasing(effects);
        }
    }

    /// The first byte and the length of the line's last character.
    fn last_character(&self) -> Option<(u8, usize)> {
        let utf8 = self.input(Input::IUTF8);
        for len in 1..=self.edit_len() {
            let byte = self.slots.get(self.slots.len() - len)?.byte;
            if !(utf8 && bytes::is_continuation(byte)) {
                return Some((byte, len));
            }
        }
        None
    }

    /// Whether erasing shows text other than blanks over the old character.
    fn shows_erased_text(&self, what: Erase) -> bool {
        self.local(Local::ECHOPRT) || (what == Erase::Character && !self.local(Local::ECHOE))
    }

    /// Shows that the character of `len` bytes at the end goes away.
    fn echo_erased(&mut self, what: Erase, first: u8, len: usize, effects: &mut dyn Effects) {
        if self.local(Local::ECHOPRT) {
            if !self.erasing {
                self.echo_raw(b'\\', effects);
                self.erasing = true;
            }
            self.echo(first, effects);
            for index in self.slots.len() - len + 1..self.slots.len() {
                if let Some(slot) = self.slots.get(index).copied() {
                    self.echo_raw(slot.byte, effects);
                    self.move_back_column();
                }
            }
        } else if self.shows_erased_text(what) {
            self.echo(self.termios.cc(Cc::Erase), effects);
        } else if first != b'\t' {
            let shown_as_two = bytes::is_control(first) && self.local(Local::ECHOCTL);
            let cells = if bytes::is_control(first) { usize::from(shown_as_two) * 2 } else { 1 };
            for _ in 0..cells {
                b"\x08 \x08".iter().for_each(|byte| self.echo_raw(*byte, effects));
            }
        }
    }

    /// Moves back over a tab that was just taken off the line.
    fn echo_erased_tab(&mut self, effects: &mut dyn Effects) {
        let mut cells = 0;
        let mut after_tab = false;
        for index in (self.canon_len..self.slots.len()).rev() {
            let byte = self.slots.get(index).map_or(0, |slot| slot.byte);
            if byte == b'\t' {
                after_tab = true;
                break;
            } else if bytes::is_control(byte) {
                cells += if self.local(Local::ECHOCTL) { 2 } else { 0 };
            } else if !(self.input(Input::IUTF8) && bytes::is_continuation(byte)) {
                cells += 1;
            }
        }
        if !after_tab {
            cells += self.canon_column;
        }
        for _ in 0..8 - (cells & 7) {
            effects.output(b"\x08");
            self.move_back_column();
        }
    }
}
