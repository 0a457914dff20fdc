// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Terminal settings: flags, control characters, speeds, and the structs they come in.
//!
//! Spec: termios(3), ioctl_tty(2).

use bitflags::bitflags;

/// Number of control characters of [`Termios`].
pub const NCCS: usize = 19;

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

/// How many control characters [`Termio`] has.
pub const NCC: usize = 8;

framework::pod_struct! {
    /// `struct termios` as the kernel takes it (`man 2 TCGETS`): no speeds but the
    /// code in `control`.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Termios {
        /// [`Input`].
        pub input: u32,
        /// [`Output`].
        pub output: u32,
        /// [`Control`].
        pub control: u32,
        /// [`Local`].
        pub local: u32,
        /// The line discipline's number.
        pub line: u8,
        /// The control characters, by [`Cc`].
        pub cc: [u8; NCCS],
    }

    /// `struct termios2` (`man 2 TCGETS2`): speeds as numbers.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Termios2 {
        /// All but the speeds.
        pub base: Termios,
        /// Input speed in bits per second.
        pub ispeed: u32,
        /// Output speed in bits per second.
        pub ospeed: u32,
    }

    /// `struct termio` (`man 2 TCGETA`): 16-bit flags, eight characters.
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Termio {
        /// The low half of [`Input`].
        pub input: u16,
        /// The low half of [`Output`].
        pub output: u16,
        /// The low half of [`Control`].
        pub control: u16,
        /// The low half of [`Local`].
        pub local: u16,
        /// The line discipline's number.
        pub line: u8,
        /// The first control characters, by [`Cc`].
        pub cc: [u8; NCC],
        /// Zero.
        pub pad: u8,
    }

    /// `struct winsize` (`man 2 TIOCGWINSZ`).
    #[derive(PartialEq, Eq, Debug, Default)]
    pub struct Winsize {
        /// Rows of characters.
        pub rows: u16,
        /// Columns of characters.
        pub columns: u16,
        /// Width in pixels.
        pub width: u16,
        /// Height in pixels.
        pub height: u16,
    }
}

const _: () = assert!(size_of::<Termios>() == 36);
const _: () = assert!(size_of::<Termios2>() == 44);
const _: () = assert!(size_of::<Termio>() == 18);
const _: () = assert!(size_of::<Winsize>() == 8);

/// Bits per second of a `CBAUD` code; `None` if the code has no speed of its own.
pub fn speed_of(code: u32) -> Option<u32> {
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
