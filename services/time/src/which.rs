// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which timers a process has, and what each counts.

use abi::signal::Signal;
use abi::time::{ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL};
use abi::{Result, err};
use framework::time::{monotonic_ns, realtime_ns};
use task::Process;

/// Which of the three interval timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WhichTimer {
    /// ITIMER_REAL: real time, SIGALRM.
    Real = 0,
    /// ITIMER_VIRTUAL: CPU time in user mode, SIGVTALRM.
    Virtual = 1,
    /// ITIMER_PROF: CPU time, SIGPROF.
    Prof = 2,
}

impl WhichTimer {
    /// From the number a program gave.
    ///
    /// # Errors
    /// `EINVAL` if there is no such timer.
    pub fn from_number(number: i32) -> Result<Self> {
        match number {
            ITIMER_REAL => Ok(Self::Real),
            ITIMER_VIRTUAL => Ok(Self::Virtual),
            ITIMER_PROF => Ok(Self::Prof),
            _ => err!(EINVAL, "no such timer"),
        }
    }

    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Real => Signal::ALRM,
            Self::Virtual => Signal::VTALRM,
            Self::Prof => Signal::PROF,
        }
    }

    pub(crate) fn clock(self) -> TimerClock {
        match self {
            Self::Real => TimerClock::Monotonic,
            Self::Virtual => TimerClock::UserCpu,
            Self::Prof => TimerClock::Cpu,
        }
    }
}

/// Which timer of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slot {
    Interval(WhichTimer),
    Posix(i32),
}

/// What a timer counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TimerClock {
    Monotonic,
    Realtime,
    UserCpu,
    Cpu,
    ThreadCpu(task::Tid),
}

/// The clock of a timer, read for a process.
pub(crate) fn read_clock(slot_clock: TimerClock, process: &Process) -> u64 {
    match slot_clock {
        TimerClock::Monotonic => monotonic_ns(),
        TimerClock::Realtime => realtime_ns(),
        TimerClock::UserCpu => process.rusage().user_ns,
        TimerClock::Cpu => process.cpu_time_ns(),
        TimerClock::ThreadCpu(tid) => {
            process.pid_namespace().thread(tid).map_or(u64::MAX / 2, |t| t.cpu_time_ns())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(WhichTimer::from_number(2), Ok(WhichTimer::Prof));
        assert!(WhichTimer::from_number(3).is_err());
        assert_eq!(WhichTimer::Real.signal(), Signal::ALRM);
    }
}
