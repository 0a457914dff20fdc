// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for processes, how one ended, and the personality of one.
//!
//! Spec: waitid(2), wait(2), personality(2).

use crate::signal::Signal;

bitflags::bitflags! {
    /// The options of wait4 and waitid (`man 2 waitid`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct WaitOptions: u32 {
        /// WNOHANG: do not sleep.
        const NOHANG = 1;
        /// WUNTRACED, WSTOPPED: report stops.
        const STOPPED = 2;
        /// WEXITED: report ends; implied by wait4.
        const EXITED = 4;
        /// WCONTINUED: report continuations.
        const CONTINUED = 8;
        /// WNOWAIT: leave the child waitable.
        const NOWAIT = 0x0100_0000;
        /// __WNOTHREAD: only children of this thread.
        const NOTHREAD = 0x2000_0000;
        /// __WALL: all children, whatever their exit signal.
        const ALL = 0x4000_0000;
        /// __WCLONE: only children whose exit signal is not SIGCHLD.
        const CLONE = 0x8000_0000;
    }
}

/// `idtype` of waitid(2): any child.
pub const P_ALL: i32 = 0;
/// `idtype` of waitid(2): the child with this number.
pub const P_PID: i32 = 1;
/// `idtype` of waitid(2): any child in this group.
pub const P_PGID: i32 = 2;

/// `idtype` of waitid(2): the child behind this descriptor.
pub const P_PIDFD: i32 = 3;

/// The wait status (`man 2 wait`): what happened to a child, in one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitStatus(i32);

/// How a process ended, as its [`WaitStatus`] says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// By this signal, with a core.
    Dumped(i32),
}

impl WaitStatus {
    /// A stopped child continues.
    pub const CONTINUED: Self = Self(0xffff);

    /// An end by exit(2), of whose `code` the low 8 bits count.
    pub const fn exited(code: i32) -> Self {
        Self((code & 0xff) << 8)
    }

    /// An end by a signal, without a core.
    pub const fn killed(signal: Signal) -> Self {
        Self(signal.number())
    }

    /// An end by a signal, with a core.
    pub const fn dumped(signal: Signal) -> Self {
        Self(signal.number() | 0x80)
    }

    /// A stop by a signal.
    pub const fn stopped(signal: Signal) -> Self {
        Self(signal.number() << 8 | 0x7f)
    }

    /// The number that a program gets.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// The status that [`Self::as_raw`] gave.
    pub const fn from_raw(raw: i32) -> Self {
        Self(raw)
    }

    /// How a process ended that has this status; means nothing for stops.
    pub const fn ending(self) -> Ending {
        match (self.0 & 0x7f, self.0 & 0x80) {
            (0, _) => Ending::Exited((self.0 >> 8) & 0xff),
            (signal, 0) => Ending::Killed(signal),
            (signal, _) => Ending::Dumped(signal),
        }
    }
}

/// A flag of each process in /proc/PID/stat: its addresses are random.
pub const PF_RANDOMIZE: u32 = 0x0040_0000;

/// What personality(2) sets.
pub mod personality {
    /// No random addresses.
    pub const ADDR_NO_RANDOMIZE: u32 = 0x004_0000;
    /// Page zero is mapped.
    pub const MMAP_PAGE_ZERO: u32 = 0x010_0000;
    /// The layout of address spaces of old.
    pub const ADDR_COMPAT_LAYOUT: u32 = 0x020_0000;
    /// select(2) and its like leave their time-outs alone.
    pub const STICKY_TIMEOUTS: u32 = 0x400_0000;
    /// Readable is executable.
    pub const READ_IMPLIES_EXEC: u32 = 0x040_0000;
    /// What a set-id program does not inherit.
    pub const CLEAR_ON_SETID: u32 =
        ADDR_NO_RANDOMIZE | MMAP_PAGE_ZERO | ADDR_COMPAT_LAYOUT | READ_IMPLIES_EXEC;
    /// Only asks.
    pub const QUERY: u32 = u32::MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses() {
        let segv = Signal::SEGV;
        for (status, raw) in [
            (WaitStatus::exited(7), 0x700),
            (WaitStatus::exited(-1), 0xff00),
            (WaitStatus::killed(segv), 11),
            (WaitStatus::dumped(segv), 0x8b),
            (WaitStatus::stopped(segv), 0xb7f),
            (WaitStatus::CONTINUED, 0xffff),
        ] {
            assert_eq!(status.as_raw(), raw);
            assert_eq!(WaitStatus::from_raw(raw), status);
        }
        assert_eq!(WaitStatus::exited(7).ending(), Ending::Exited(7));
        assert_eq!(WaitStatus::killed(segv).ending(), Ending::Killed(11));
        assert_eq!(WaitStatus::dumped(segv).ending(), Ending::Dumped(11));
    }
}
