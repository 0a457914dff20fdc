// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminal settings: Linux's `struct termios` and its flags.
//!
//! [`Termios`] keeps every bit a program sets, also those without effect here
//! (parity on a line that has none), so that a get after a set agrees. Owns
//! the byte layouts of `TCGETS` and `TCGETS2`; the line discipline reads it.
//!
//! Spec: termios(3), ioctl_tty(2).

use bitflags::bitflags;

/// Number of control characters.
pub const CC_COUNT: usize = 19;

/// Indices of the control characters in [`Termios::cc`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
#[allow(missing_docs, reason = "termios(3) documents the names")]
pub enum Cc {
    Intr = 0,
    Quit = 1,
    Erase = 2,
    Kill = 3,
    Eof = 4,
    Time = 5,
    Min = 6,
    Swtc = 7,
    Start = 8,
    Stop = 9,
    Susp = 10,
    Eol = 11,
    Reprint = 12,
    Discard = 13,
    Werase = 14,
    Lnext = 15,
    Eol2 = 16,
}

bitflags! {
    /// Input modes, `c_iflag`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Input: u32 {
        /// Ignore breaks.
        const IGNBRK = 0o1;
        /// A break interrupts.
        const BRKINT = 0o2;
        /// Mark bytes with errors, double 0xff.
        const PARMRK = 0o10;
        /// Clear bit 7.
        const ISTRIP = 0o40;
        /// NL becomes CR.
        const INLCR = 0o100;
        /// Drop CR.
        const IGNCR = 0o200;
        /// CR becomes NL.
        const ICRNL = 0o400;
        /// Upper case becomes lower case.
        const IUCLC = 0o1000;
        /// START and STOP control the output.
        const IXON = 0o2000;
        /// Any character restarts the output.
        const IXANY = 0o4000;
        /// Send START and STOP to control the input.
        const IXOFF = 0o10000;
        /// Ring the bell when the line is full.
        const IMAXBEL = 0o20000;
        /// Erase whole UTF-8 characters.
        const IUTF8 = 0o40000;
        const _ = !0;
    }

    /// Output modes, `c_oflag`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Output: u32 {
        /// Process output at all.
        const OPOST = 0o1;
        /// Lower case becomes upper case.
        const OLCUC = 0o2;
        /// NL becomes CR NL.
        const ONLCR = 0o4;
        /// CR becomes NL.
        const OCRNL = 0o10;
        /// No CR in column 0.
        const ONOCR = 0o20;
        /// NL also returns the carriage.
        const ONLRET = 0o40;
        /// Tabs become spaces (both bits).
        const XTABS = 0o14000;
        const _ = !0;
    }

    /// Control modes, `c_cflag`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Control: u32 {
        /// The speed's code.
        const CBAUD = 0o10017;
        /// 9600 bits per second.
        const B9600 = 0o15;
        /// 115200 bits per second.
        const B115200 = 0o10002;
        /// The speed is the number in `ospeed`.
        const BOTHER = 0o10000;
        /// Eight bits (a two-bit field).
        const CS8 = 0o60;
        /// Enable the receiver.
        const CREAD = 0o200;
        /// Parity.
        const PARENB = 0o400;
        /// Hang up on the last close.
        const HUPCL = 0o2000;
        /// Ignore the modem lines.
        const CLOCAL = 0o4000;
        const _ = !0;
    }

    /// Local modes, `c_lflag`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Local: u32 {
        /// INTR, QUIT and SUSP send signals.
        const ISIG = 0o1;
        /// Edit by lines.
        const ICANON = 0o2;
        /// Echo input.
        const ECHO = 0o10;
        /// ERASE rubs the character out.
        const ECHOE = 0o20;
        /// KILL starts a new line.
        const ECHOK = 0o40;
        /// Echo NL even without `ECHO`.
        const ECHONL = 0o100;
        /// Signals do not flush.
        const NOFLSH = 0o200;
        /// Background output stops the writer.
        const TOSTOP = 0o400;
        /// Echo control characters as `^X`.
        const ECHOCTL = 0o1000;
        /// Echo erased characters between `\` and `/`.
        const ECHOPRT = 0o2000;
        /// KILL rubs out the line.
        const ECHOKE = 0o4000;
        /// The extended control characters work.
        const IEXTEN = 0o100000;
        /// The other end edits.
        const EXTPROC = 0o200000;
        const _ = !0;
    }
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
    pub cc: [u8; CC_COUNT],
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
            cc: [
                3, 0o34, 0x7f, 0o25, 4, 0, 1, 0, 0o21, 0o23, 0o32, 0, 0o22, 0o17, 0o27, 0o26, 0, 0,
                0,
            ],
            ispeed: 9600,
            ospeed: 9600,
        }
    }
}

/// The layouts in which programs pass [`Termios`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// `struct termios` (`TCGETS`): no speeds but the code in `c_cflag`.
    Termios,
    /// `struct termios2` (`TCGETS2`): speeds as numbers.
    Termios2,
    /// `struct termio` (`TCGETA`): 16-bit flags, eight characters.
    Termio,
}

impl Layout {
    /// The structure's size in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::Termios => 36,
            Self::Termios2 => 44,
            Self::Termio => 18,
        }
    }
}

/// Room for the largest layout.
pub const MAX_LAYOUT: usize = 44;

/// How many control characters `struct termio` has.
const TERMIO_CC: usize = 8;

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
        let mut out = bytes.iter_mut();
        let mut put =
            |data: &[u8]| data.iter().zip(out.by_ref()).for_each(|(from, to)| *to = *from);
        let flags = [self.input.bits(), self.output.bits(), self.control.bits(), self.local.bits()];
        if layout == Layout::Termio {
            flags.iter().for_each(|flag| put(&(*flag as u16).to_le_bytes()));
            put(&[self.line]);
            self.cc.iter().take(TERMIO_CC).for_each(|byte| put(&[*byte]));
        } else {
            flags.iter().for_each(|flag| put(&flag.to_le_bytes()));
            put(&[self.line]);
            put(&self.cc);
            put(&self.ispeed.to_le_bytes());
            put(&self.ospeed.to_le_bytes());
        }
        bytes
    }

    /// The settings that `bytes` ask for; what the layout lacks stays as it is
    /// in `self`. A short slice reads as if zeros followed.
    pub fn decode(&self, layout: Layout, bytes: &[u8]) -> Self {
        let mut bytes = bytes.iter().copied();
        let mut byte = || bytes.next().unwrap_or(0);
        let mut new = self.clone();
        if layout == Layout::Termio {
            let mut flag =
                |old: u32| (old & 0xffff_0000) | u32::from(u16::from_le_bytes([byte(), byte()]));
            new.input = Input::from_bits_retain(flag(self.input.bits()));
            new.output = Output::from_bits_retain(flag(self.output.bits()));
            new.control = Control::from_bits_retain(flag(self.control.bits()));
            new.local = Local::from_bits_retain(flag(self.local.bits()));
            new.line = byte();
            new.cc.iter_mut().take(TERMIO_CC).for_each(|cc| *cc = byte());
        } else {
            let mut word = || u32::from_le_bytes([byte(), byte(), byte(), byte()]);
            new.input = Input::from_bits_retain(word());
            new.output = Output::from_bits_retain(word());
            new.control = Control::from_bits_retain(word());
            new.local = Local::from_bits_retain(word());
            new.line = byte();
            new.cc.iter_mut().for_each(|cc| *cc = byte());
        }
        let code = new.control & Control::CBAUD;
        if layout == Layout::Termios2 && code == Control::BOTHER {
            let mut word = || u32::from_le_bytes([byte(), byte(), byte(), byte()]);
            new.ispeed = word();
            new.ospeed = word();
        } else if let Some(speed) = speed_of(code.bits()) {
            new.ispeed = speed;
            new.ospeed = speed;
        }
        new
    }
}

/// Bits per second of a `CBAUD` code.
fn speed_of(code: u32) -> Option<u32> {
    const LOW: [u32; 16] =
        [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19_200, 38_400];
    const HIGH: [u32; 16] = [
        0, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000,
        1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
    ];
    let index = (code & 0o17) as usize;
    match code & 0o10000 {
        0 => LOW.get(index).copied(),
        _ if index == 0 => None,
        _ => HIGH.get(index).copied(),
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
