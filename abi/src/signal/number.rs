// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signal numbers, and what each does by default.
//!
//! Spec: signal(7).

use crate::{Result, error};

/// A valid signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(pub(super) u8);

/// What a signal does to a process that did not ask otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends and its status has the core bit.
    Core,
    /// Nothing happens.
    Ignore,
    /// The process stops.
    Stop,
    /// The process continues if it was stopped.
    Continue,
}

macro_rules! signals {
    ($($name:ident = $number:literal, $action:ident;)*) => {
        #[allow(missing_docs, reason = "the names are the documentation: signal(7)")]
        impl Signal {
            $(pub const $name: Signal = Signal($number);)*

            /// The default action.
            pub const fn default_action(self) -> DefaultAction {
                match self.0 {
                    $($number => DefaultAction::$action,)*
                    _ => DefaultAction::Terminate,
                }
            }

            /// The name as strace prints it, `SIGRT` for a real-time one.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => concat!("SIG", stringify!($name)),)*
                    _ => "SIGRT",
                }
            }
        }
    };
}

signals! {
    HUP = 1, Terminate;
    INT = 2, Terminate;
    QUIT = 3, Core;
    ILL = 4, Core;
    TRAP = 5, Core;
    ABRT = 6, Core;
    BUS = 7, Core;
    FPE = 8, Core;
    KILL = 9, Terminate;
    USR1 = 10, Terminate;
    SEGV = 11, Core;
    USR2 = 12, Terminate;
    PIPE = 13, Terminate;
    ALRM = 14, Terminate;
    TERM = 15, Terminate;
    STKFLT = 16, Terminate;
    CHLD = 17, Ignore;
    CONT = 18, Continue;
    STOP = 19, Stop;
    TSTP = 20, Stop;
    TTIN = 21, Stop;
    TTOU = 22, Stop;
    URG = 23, Ignore;
    XCPU = 24, Core;
    XFSZ = 25, Core;
    VTALRM = 26, Terminate;
    PROF = 27, Terminate;
    WINCH = 28, Ignore;
    IO = 29, Terminate;
    PWR = 30, Terminate;
    SYS = 31, Core;
}

impl Signal {
    /// How many signals there are.
    pub const COUNT: usize = 64;
    /// The first real-time signal as the kernel counts.
    pub const RTMIN: Signal = Signal(32);

    /// A signal from a number a program chose.
    ///
    /// # Errors
    /// `EINVAL` for 0, negative numbers and those beyond 64.
    pub fn new(number: i32) -> Result<Self> {
        match u8::try_from(number) {
            Ok(n @ 1..=64) => Ok(Self(n)),
            _ => Err(error!(EINVAL, "no such signal")),
        }
    }

    /// A signal number that may be 0: "only check", as kill(2) has it.
    ///
    /// # Errors
    /// `EINVAL` for negative numbers and those beyond 64.
    pub fn new_or_probe(number: i32) -> Result<Option<Self>> {
        if number == 0 { Ok(None) } else { Self::new(number).map(Some) }
    }

    /// The number, 1 to 64.
    pub const fn number(self) -> i32 {
        self.0 as i32
    }

    /// The index, 0 to 63.
    pub const fn index(self) -> usize {
        self.0 as usize - 1
    }

    /// Whether every one sent is queued, not only the first.
    pub const fn is_realtime(self) -> bool {
        self.0 >= Self::RTMIN.0
    }

    /// Whether no program can catch, block or ignore it.
    pub const fn is_unblockable(self) -> bool {
        matches!(self, Self::KILL | Self::STOP)
    }
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.is_realtime() {
            write!(f, "SIGRT_{}", self.0 - Self::RTMIN.0)
        } else {
            f.write_str(self.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_checked() {
        assert!(Signal::new(0).is_err());
        assert!(Signal::new(65).is_err());
        assert!(Signal::new(-1).is_err());
        assert!(Signal::new(256 + 9).is_err());
        assert_eq!(Signal::new(9), Ok(Signal::KILL));
        assert_eq!(Signal::new_or_probe(0), Ok(None));
        assert_eq!(Signal::new(64).map(Signal::number), Ok(64));
    }

    #[test]
    fn defaults_follow_signal_7() {
        assert_eq!(Signal::SEGV.default_action(), DefaultAction::Core);
        assert_eq!(Signal::CHLD.default_action(), DefaultAction::Ignore);
        assert_eq!(Signal::CONT.default_action(), DefaultAction::Continue);
        assert_eq!(Signal::TTOU.default_action(), DefaultAction::Stop);
        assert_eq!(Signal::new(40).map(Signal::default_action), Ok(DefaultAction::Terminate));
    }
}
