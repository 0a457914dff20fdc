// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Controls of terminals.
//!
//! Spec: ioctl_tty(2).

#![allow(missing_docs, reason = "the names are the documentation: ioctl_tty(2)")]

use super::{ior, iow};
use crate::termios::Termios2;

/// The modem lines of TIOCMGET: data terminal ready.
pub const TIOCM_DTR: u32 = 0x002;
/// Request to send.
pub const TIOCM_RTS: u32 = 0x004;
/// Clear to send.
pub const TIOCM_CTS: u32 = 0x020;
/// Carrier detect.
pub const TIOCM_CAR: u32 = 0x040;
/// Data set ready.
pub const TIOCM_DSR: u32 = 0x100;

/// The argument of TCXONC: stop output.
pub const TCOOFF: usize = 0;
/// Start output again.
pub const TCOON: usize = 1;
/// Send the STOP character.
pub const TCIOFF: usize = 2;
/// Send the START character.
pub const TCION: usize = 3;

/// The argument of TCFLSH: what was received.
pub const TCIFLUSH: usize = 0;
/// What is to be sent.
pub const TCOFLUSH: usize = 1;
/// Both.
pub const TCIOFLUSH: usize = 2;

pub const TCGETS: u32 = 0x5401;
pub const TCSETS: u32 = 0x5402;
pub const TCSETSF: u32 = 0x5404;
pub const TCGETA: u32 = 0x5405;
pub const TCSETA: u32 = 0x5406;
pub const TCSETAF: u32 = 0x5408;
pub const TCSBRK: u32 = 0x5409;
pub const TCXONC: u32 = 0x540a;
pub const TCFLSH: u32 = 0x540b;
pub const TIOCEXCL: u32 = 0x540c;
pub const TIOCNXCL: u32 = 0x540d;
pub const TIOCSCTTY: u32 = 0x540e;
pub const TIOCGPGRP: u32 = 0x540f;
pub const TIOCSPGRP: u32 = 0x5410;
pub const TIOCOUTQ: u32 = 0x5411;
pub const TIOCSTI: u32 = 0x5412;
pub const TIOCGWINSZ: u32 = 0x5413;
pub const TIOCSWINSZ: u32 = 0x5414;
pub const TIOCMGET: u32 = 0x5415;
pub const TIOCMBIS: u32 = 0x5416;
pub const TIOCMSET: u32 = 0x5418;
pub const TIOCGSOFTCAR: u32 = 0x5419;
pub const TIOCSSOFTCAR: u32 = 0x541a;
pub const TIOCINQ: u32 = 0x541b;
pub const TIOCNOTTY: u32 = 0x5422;
pub const TIOCSETD: u32 = 0x5423;
pub const TIOCGETD: u32 = 0x5424;
pub const TCSBRKP: u32 = 0x5425;
pub const TIOCSBRK: u32 = 0x5427;
pub const TIOCCBRK: u32 = 0x5428;
pub const TIOCGSID: u32 = 0x5429;
pub const TCGETS2: u32 = ior::<Termios2>(b'T', 0x2a);
pub const TCSETS2: u32 = iow::<Termios2>(b'T', 0x2b);
pub const TCSETSF2: u32 = iow::<Termios2>(b'T', 0x2d);
pub const TIOCVHANGUP: u32 = 0x5437;
pub const TIOCGDEV: u32 = ior::<u32>(b'T', 0x32);
pub const TIOCGEXCL: u32 = ior::<i32>(b'T', 0x40);
