// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminal settings as the line discipline reads them.
//!
//! [`Termios`] keeps every bit a program sets, also those without effect here
//! (parity on a line that has none), so that a get after a set agrees.
//!
//! Spec: termios(3), ioctl_tty(2).

use abi::termios::{self as raw, Cc, Control, Input, Local, Output};
use framework::mm::Pod;

/// The control characters of a fresh terminal; the others are disabled.
const INITIAL_CC: [(Cc, u8); 13] = [
    (Cc::Intr, ctrl(b'C')),
    (Cc::Quit, ctrl(b'\\')),
    (Cc::Erase, 0x7f),
    (Cc::Kill, ctrl(b'U')),
    (Cc::Eof, ctrl(b'D')),
    (Cc::Min, 1),
    (Cc::Start, ctrl(b'Q')),
    (Cc::Stop, ctrl(b'S')),
    (Cc::Susp, ctrl(b'Z')),
    (Cc::Reprint, ctrl(b'R')),
    (Cc::Discard, ctrl(b'O')),
    (Cc::Werase, ctrl(b'W')),
    (Cc::Lnext, ctrl(b'V')),
];

/// What the key gives together with Ctrl.
const fn ctrl(key: u8) -> u8 {
    key & 0x1f
}

/// What a program sets by `tcsetattr`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Termios {
    /// Input modes.
    pub input: Input,
    /// Output modes.
    pub output: Output,
    /// Control modes.
    pub control: Control,
    /// Local modes.
    pub local: Local,
    /// The line discipline's number; always 0 in effect.
    pub line: u8,
    /// The control characters, by [`Cc`].
    pub cc: [u8; raw::NCCS],
    /// Input speed in bits per second.
    pub ispeed: u32,
    /// Output speed in bits per second.
    pub ospeed: u32,
}

impl Default for Termios {
    /// The settings of a fresh serial console.
    fn default() -> Self {
        Self {
            input: Input::ICRNL | Input::IXON,
            output: Output::OPOST | Output::ONLCR,
            control: Control::B9600
                | Control::CS8
                | Control::CREAD
                | Control::HUPCL
                | Control::CLOCAL,
            local: Local::ISIG
                | Local::ICANON
                | Local::ECHO
                | Local::ECHOE
                | Local::ECHOK
                | Local::ECHOCTL
                | Local::ECHOKE
                | Local::IEXTEN,
            line: 0,
            cc: initial_cc(),
            ispeed: 9600,
            ospeed: 9600,
        }
    }
}

fn initial_cc() -> [u8; raw::NCCS] {
    let mut cc = [0; raw::NCCS];
    for (index, byte) in INITIAL_CC {
        if let Some(slot) = cc.get_mut(index as usize) {
            *slot = byte;
        }
    }
    cc
}

/// The layouts in which programs pass [`Termios`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `TCGETS`.
    Termios,
    /// `TCGETS2`.
    Termios2,
    /// `TCGETA`.
    Termio,
}

impl Layout {
    /// The structure's size in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Termios => size_of::<raw::Termios>(),
            Self::Termios2 => size_of::<raw::Termios2>(),
            Self::Termio => size_of::<raw::Termio>(),
        }
    }
}

/// Room for the largest layout.
pub const MAX_LAYOUT: usize = size_of::<raw::Termios2>();

impl Termios {
    /// A control character.
    pub fn cc(&self, index: Cc) -> u8 {
        self.cc.get(index as usize).copied().unwrap_or(0)
    }

    /// Whether `byte` is the control character `index`; NUL disables one.
    pub fn is_cc(&self, byte: u8, index: Cc) -> bool {
        byte != 0 && self.cc(index) == byte
    }

    /// The bytes of a layout; the first [`Layout::size`] count.
    pub fn encode(&self, layout: Layout) -> [u8; MAX_LAYOUT] {
        let mut bytes = [0; MAX_LAYOUT];
        let flags = [self.input.bits(), self.output.bits(), self.control.bits(), self.local.bits()];
        if layout == Layout::Termio {
            let [input, output, control, local] = flags.map(|flag| flag as u16);
            let mut cc = [0; raw::NCC];
            cc.iter_mut().zip(self.cc).for_each(|(to, from)| *to = from);
            raw::Termio { input, output, control, local, line: self.line, cc, pad: 0 }
                .to_bytes(&mut bytes);
        } else {
            let [input, output, control, local] = flags;
            let (line, cc) = (self.line, self.cc);
            let base = raw::Termios { input, output, control, local, line, cc };
            raw::Termios2 { base, ispeed: self.ispeed, ospeed: self.ospeed }.to_bytes(&mut bytes);
        }
        bytes
    }

    /// The settings that `bytes` ask for; what the layout lacks stays as it is
    /// in `self`. A short slice reads as if zeros followed.
    pub fn decode(&self, layout: Layout, bytes: &[u8]) -> Self {
        let mut new = self.clone();
        let mut speeds = (0, 0);
        if layout == Layout::Termio {
            let raw = raw::Termio::from_bytes(bytes);
            let flag = |old: u32, low: u16| (old & 0xffff_0000) | u32::from(low);
            new.input = Input::from_bits_retain(flag(self.input.bits(), raw.input));
            new.output = Output::from_bits_retain(flag(self.output.bits(), raw.output));
            new.control = Control::from_bits_retain(flag(self.control.bits(), raw.control));
            new.local = Local::from_bits_retain(flag(self.local.bits(), raw.local));
            new.line = raw.line;
            new.cc.iter_mut().zip(raw.cc).for_each(|(to, from)| *to = from);
        } else {
            let raw::Termios2 { base: raw, ispeed, ospeed } = raw::Termios2::from_bytes(bytes);
            new.input = Input::from_bits_retain(raw.input);
            new.output = Output::from_bits_retain(raw.output);
            new.control = Control::from_bits_retain(raw.control);
            new.local = Local::from_bits_retain(raw.local);
            new.line = raw.line;
            new.cc = raw.cc;
            speeds = (ispeed, ospeed);
        }
        let code = new.control & Control::CBAUD;
        if layout == Layout::Termios2 && code == Control::BOTHER {
            (new.ispeed, new.ospeed) = speeds;
        } else if let Some(speed) = raw::speed_of(code.bits()) {
            new.ispeed = speed;
            new.ospeed = speed;
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_the_serial_console() {
        let bytes = Termios::default().encode(Layout::Termios);
        assert_eq!(bytes[..16], [0, 5, 0, 0, 5, 0, 0, 0, 0xbd, 0x0c, 0, 0, 0x3b, 0x8a, 0, 0][..]);
        assert_eq!(bytes[16], 0);
        assert_eq!(bytes[17..22], [3, 28, 127, 21, 4]);
        assert_eq!(bytes[36..], 9600u32.to_le_bytes().repeat(2)[..]);
    }

    #[test]
    fn decode_undoes_encode_in_each_layout() {
        let old = Termios::default();
        for layout in [Layout::Termios, Layout::Termios2, Layout::Termio] {
            let bytes = old.encode(layout);
            assert_eq!(old.decode(layout, &bytes[..layout.size()]), old, "{layout:?}");
        }
    }

    #[test]
    fn unknown_bits_survive() {
        let mut bytes = Termios::default().encode(Layout::Termios);
        bytes[3] = 0x80;
        let new = Termios::default().decode(Layout::Termios, &bytes[..36]);
        assert_eq!(new.encode(Layout::Termios)[3], 0x80);
    }

    #[test]
    fn termio_leaves_the_high_halves_alone() {
        let mut old = Termios::default();
        old.local = Local::from_bits_retain(old.local.bits() | 0x10000);
        let new = old.decode(Layout::Termio, &[0; 18]);
        assert_eq!(new.local.bits(), 0x10000);
        assert_eq!(new.cc[0], 0);
        assert_eq!(new.cc[8], old.cc[8]);
    }

    #[test]
    fn speeds_follow_the_code_or_the_number() {
        let old = Termios::default();
        let mut want = old.clone();
        want.control = (want.control - Control::CBAUD) | Control::B115200;
        let new = old.decode(Layout::Termios, &want.encode(Layout::Termios)[..36]);
        assert_eq!((new.ispeed, new.ospeed), (115_200, 115_200));
        want.control = (want.control - Control::CBAUD) | Control::BOTHER;
        want.ispeed = 12_345;
        want.ospeed = 54_321;
        let new = old.decode(Layout::Termios2, &want.encode(Layout::Termios2));
        assert_eq!((new.ispeed, new.ospeed), (12_345, 54_321));
    }
}
