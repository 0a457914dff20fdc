// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The line discipline: N_TTY as a state machine without I/O.
//!
//! Bytes from the line go in by [`LineDiscipline::receive`]; what follows from
//! them (echo, signals, flow control) comes out through [`Effects`]; programs
//! take input by [`LineDiscipline::read_chunk`] and their output passes
//! [`LineDiscipline::process_output`]. The owner locks it, sleeps and wakes.
//!
//! At most [`BUFFER_SIZE`] bytes wait to be read; all of it is allocated once.
//!
//! Trust: received bytes are the host's.
//! Spec: termios(3).

mod bytes;
mod echo;
mod edit;
mod output;
mod read;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;

use abi::termios::{Cc, Input, Local};
use abi::{Result, error};

pub use output::OutputBuffer;
pub use read::{Chunk, Reading};

use crate::termios::Termios;

/// Linux's `N_TTY_BUF_SIZE`: the longest line, newline included.
pub const BUFFER_SIZE: usize = 4096;

/// What input can do to the world.
pub trait Effects {
    /// Sends echo down the line.
    fn output(&mut self, bytes: &[u8]);
    /// Signals the foreground process group.
    fn signal(&mut self, signal: KeySignal);
    /// Drops output that is still queued.
    fn flush_output(&mut self);
    /// The output was stopped or started by a key.
    fn flow_changed(&mut self, is_stopped: bool);
}

/// The signals that keys send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeySignal {
    /// SIGINT by INTR.
    Interrupt,
    /// SIGQUIT by QUIT.
    Quit,
    /// SIGTSTP by SUSP.
    Suspend,
}

/// A byte that waits to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    byte: u8,
    /// A line ends here; a NUL that ends a line is an end of file.
    ends_line: bool,
}

/// One terminal's editing state and input.
pub struct LineDiscipline {
    termios: Termios,
    /// Complete lines, then the line being edited (canonical mode); all input
    /// (otherwise).
    slots: VecDeque<Slot>,
    /// How many of `slots` belong to complete lines.
    canon_len: usize,
    /// The bytes that need more than queueing.
    special: [u64; 4],
    /// No byte needs anything: no editing, echo or mapping is on.
    is_raw: bool,
    /// The next byte is literal.
    lnext: bool,
    /// Inside a `\…/` of ECHOPRT.
    erasing: bool,
    stopped: bool,
    /// Stopped by `TCXONC`: keys do not restart it.
    stopped_by_call: bool,
    column: usize,
    /// The column at which the edited line began.
    canon_column: usize,
}

impl LineDiscipline {
    /// A terminal with default settings.
    ///
    /// # Errors
    /// `ENOMEM` without memory for a full buffer.
    pub fn new() -> Result<Self> {
        let mut slots = VecDeque::new();
        slots.try_reserve_exact(BUFFER_SIZE).map_err(|_| error!(ENOMEM))?;
        let mut ldisc = Self {
            termios: Termios::default(),
            slots,
            canon_len: 0,
            special: [0; 4],
            is_raw: false,
            lnext: false,
            erasing: false,
            stopped: false,
            stopped_by_call: false,
            column: 0,
            canon_column: 0,
        };
        ldisc.classify();
        Ok(ldisc)
    }

    /// The current settings.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Installs new settings. Input typed so far becomes readable when the
    /// mode of editing changes. Returns whether stopped output may go on.
    pub fn set_termios(&mut self, new: Termios) -> bool {
        let changed = self.termios.local ^ new.local;
        let had_flow_control = self.termios.input.contains(Input::IXON);
        self.termios = new;
        if changed.intersects(Local::ICANON | Local::EXTPROC) {
            self.slots.iter_mut().for_each(|slot| slot.ends_line = false);
            self.canon_len = 0;
            if self.local(Local::ICANON)
                && let Some(last) = self.slots.back_mut()
            {
                last.ends_line = true;
                self.canon_len = self.slots.len();
            }
            self.erasing = false;
            self.lnext = false;
        }
        self.classify();
        let restart =
            had_flow_control && !self.input(Input::IXON) && self.stopped && !self.stopped_by_call;
        if restart {
            self.stopped = false;
        }
        restart
    }

    /// Takes bytes from the line; returns how many found room. Those left are
    /// to be offered again after a read.
    pub fn receive(&mut self, bytes: &[u8], effects: &mut dyn Effects) -> usize {
        for (count, byte) in bytes.iter().enumerate() {
            let free = (BUFFER_SIZE - 1).saturating_sub(self.slots.len());
            if free == 0 {
                if !self.is_line_overflowing() {
                    return count;
                }
                // The line is full: newer bytes take the last place.
                if self.slots.len() >= BUFFER_SIZE {
                    self.slots.pop_back();
                }
            }
            self.receive_byte(*byte, effects);
        }
        bytes.len()
    }

    /// Whether bytes offered to [`Self::receive`] would be taken.
    pub fn has_room(&self) -> bool {
        self.slots.len() < BUFFER_SIZE - 1 || self.is_line_overflowing()
    }

    /// Bytes that wait, the edited line included.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing waits, not even an unfinished line.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Drops all input.
    pub fn flush_input(&mut self) {
        self.slots.clear();
        self.canon_len = 0;
        self.erasing = false;
        self.lnext = false;
    }

    /// Whether output is stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops or starts the output by `TCXONC`.
    pub fn set_stopped_by_call(&mut self, stopped: bool) {
        self.stopped = stopped;
        self.stopped_by_call = stopped;
    }

    /// A full buffer that holds no complete line: a reader cannot help.
    fn is_line_overflowing(&self) -> bool {
        self.local(Local::ICANON) && self.canon_len == 0
    }

    fn receive_byte(&mut self, byte: u8, effects: &mut dyn Effects) {
        if self.is_raw {
            self.queue(byte);
            return;
        }
        let literal = core::mem::take(&mut self.lnext);
        let mut byte = byte;
        if self.input(Input::ISTRIP) {
            byte &= 0x7f;
        }
        if self.input(Input::IUCLC) && self.local(Local::IEXTEN) {
            byte = bytes::to_lower(byte);
        }
        if self.local(Local::EXTPROC) && !literal {
            self.queue(byte);
        } else if !literal && self.is_special(byte) {
            self.receive_special(byte, effects);
        } else {
            if self.input(Input::IXANY) {
                self.start_by_any_key(effects);
            }
            self.receive_plain(byte, effects);
        }
    }

    /// A byte that has, or may have, a meaning.
    fn receive_special(&mut self, byte: u8, effects: &mut dyn Effects) {
        if self.input(Input::IXON) {
            if self.termios.is_cc(byte, Cc::Start) {
                self.start(effects);
                return;
            }
            if self.termios.is_cc(byte, Cc::Stop) {
                self.stop(effects);
                return;
            }
        }
        if let Some(signal) = self.key_signal(byte) {
            self.receive_signal(byte, signal, effects);
            return;
        }
        if self.input(Input::IXANY) {
            self.start_by_any_key(effects);
        }
        let byte = match byte {
            b'\r' if self.input(Input::IGNCR) => return,
            b'\r' if self.input(Input::ICRNL) => b'\n',
            b'\n' if self.input(Input::INLCR) => b'\r',
            other => other,
        };
        if self.local(Local::ICANON) && self.edit_line(byte, effects) {
            return;
        }
        if byte == b'\n' && self.local(Local::ECHO) {
            self.finish_erasing(effects);
            self.echo_raw(b'\n', effects);
            self.queue_marked(byte);
        } else {
            self.receive_plain(byte, effects);
        }
    }

    /// Echoes and queues a byte without a meaning.
    fn receive_plain(&mut self, byte: u8, effects: &mut dyn Effects) {
        if self.local(Local::ECHO) {
            self.finish_erasing(effects);
            self.note_canon_column();
            self.echo(byte, effects);
        }
        self.queue_marked(byte);
    }

    fn key_signal(&self, byte: u8) -> Option<KeySignal> {
        if !self.local(Local::ISIG) {
            return None;
        }
        let keys = [
            (Cc::Intr, KeySignal::Interrupt),
            (Cc::Quit, KeySignal::Quit),
            (Cc::Susp, KeySignal::Suspend),
        ];
        keys.into_iter().find(|(cc, _)| self.termios.is_cc(byte, *cc)).map(|(_, signal)| signal)
    }

    fn receive_signal(&mut self, byte: u8, signal: KeySignal, effects: &mut dyn Effects) {
        effects.signal(signal);
        if !self.local(Local::NOFLSH) {
            effects.flush_output();
            self.flush_input();
        }
        if self.input(Input::IXON) {
            self.start(effects);
        }
        if self.local(Local::ECHO) {
            self.echo(byte, effects);
        }
    }

    fn start(&mut self, effects: &mut dyn Effects) {
        if self.stopped && !self.stopped_by_call {
            self.stopped = false;
            effects.flow_changed(false);
        }
    }

    fn stop(&mut self, effects: &mut dyn Effects) {
        if !self.stopped {
            self.stopped = true;
            effects.flow_changed(true);
        }
    }

    fn start_by_any_key(&mut self, effects: &mut dyn Effects) {
        if self.input(Input::IXON) {
            self.start(effects);
        }
    }

    /// Queues a byte; PARMRK doubles 0xff.
    fn queue_marked(&mut self, byte: u8) {
        if byte == 0xff && self.input(Input::PARMRK) {
            self.queue(byte);
        }
        self.queue(byte);
    }

    fn queue(&mut self, byte: u8) {
        self.push(Slot { byte, ends_line: false });
    }

    /// Queues within the capacity, so that it never allocates.
    fn push(&mut self, slot: Slot) {
        if self.slots.len() < BUFFER_SIZE {
            self.slots.push_back(slot);
        }
    }

    fn is_special(&self, byte: u8) -> bool {
        self.special.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 != 0)
    }

    /// Works out which bytes are special under the current settings.
    fn classify(&mut self) {
        use Input as I;
        use Local as L;
        self.special = [0; 4];
        self.is_raw = !self
            .input(I::ISTRIP | I::IUCLC | I::IGNCR | I::ICRNL | I::INLCR | I::IXON | I::PARMRK)
            && !self.local(L::ICANON | L::ISIG | L::ECHO);
        let mut mark = |byte: u8| {
            if byte != 0
                && let Some(word) = self.special.get_mut(usize::from(byte >> 6))
            {
                *word |= 1 << (byte & 63);
            }
        };
        let termios = &self.termios;
        if termios.input.intersects(I::IGNCR | I::ICRNL) {
            mark(b'\r');
        }
        if termios.input.contains(I::INLCR) {
            mark(b'\n');
        }
        if termios.local.contains(L::ICANON) {
            mark(b'\n');
            [Cc::Erase, Cc::Kill, Cc::Eof, Cc::Eol].iter().for_each(|cc| mark(termios.cc(*cc)));
            if termios.local.contains(L::IEXTEN) {
                [Cc::Werase, Cc::Lnext, Cc::Eol2].iter().for_each(|cc| mark(termios.cc(*cc)));
                if termios.local.contains(L::ECHO) {
                    mark(termios.cc(Cc::Reprint));
                }
            }
        }
        if termios.input.contains(I::IXON) {
            [Cc::Start, Cc::Stop].iter().for_each(|cc| mark(termios.cc(*cc)));
        }
        if termios.local.contains(L::ISIG) {
            [Cc::Intr, Cc::Quit, Cc::Susp].iter().for_each(|cc| mark(termios.cc(*cc)));
        }
    }

    fn input(&self, any: Input) -> bool {
        self.termios.input.intersects(any)
    }

    fn local(&self, any: Local) -> bool {
        self.termios.local.intersects(any)
    }
}
