// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The clocks of clock_gettime(2).

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::time::{CLOCKFD, CLOCKFD_MASK, CPUCLOCK_CLOCK_MASK, CPUCLOCK_PERTHREAD_MASK, clock};
use abi::{Result, err, error};
use cred::Cred;
use framework::sync::WaitQueue;
use framework::time::{monotonic_ns, realtime_ns, set_realtime_ns};
use task::{Pid, Process, Thread, Tid};

/// The resolution of the coarse clocks, as on a Linux with HZ=250.
pub const TICK_NS: u64 = 4_000_000;

/// Where sleepers on the real time wait: they look again when it is set.
pub(crate) static REALTIME_SET: WaitQueue = WaitQueue::new();

/// A clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockId {
    /// CLOCK_REALTIME.
    Realtime,
    /// CLOCK_MONOTONIC.
    Monotonic,
    /// CLOCK_PROCESS_CPUTIME_ID.
    ProcessCpu,
    /// CLOCK_THREAD_CPUTIME_ID.
    ThreadCpu,
    /// CLOCK_MONOTONIC_RAW.
    MonotonicRaw,
    /// CLOCK_REALTIME_COARSE.
    RealtimeCoarse,
    /// CLOCK_MONOTONIC_COARSE.
    MonotonicCoarse,
    /// CLOCK_BOOTTIME; nothing suspends this machine.
    Boottime,
    /// CLOCK_REALTIME_ALARM.
    RealtimeAlarm,
    /// CLOCK_BOOTTIME_ALARM.
    BoottimeAlarm,
    /// CLOCK_TAI; no offset is known, so it equals the real time.
    Tai,
    /// The caller's own CPU time under the number of pthread_getcpuclockid(3): as
    /// [`ClockId::ThreadCpu`], which is another clock to who sleeps.
    CallersCpu,
    /// A clock device's descriptor, of which there is none.
    Device,
    /// A number of a CPU's time that counts nothing.
    NoCpu,
    /// The CPU time of another process (clock_getcpuclockid).
    OtherProcess(Pid),
    /// The CPU time of another thread (pthread_getcpuclockid).
    OtherThread(Tid),
}

impl ClockId {
    /// From the number a program gave.
    ///
    /// # Errors
    /// `EINVAL` if there is no such clock.
    pub fn from_number(number: i32) -> Result<Self> {
        Ok(match number {
            clock::REALTIME => Self::Realtime,
            clock::MONOTONIC => Self::Monotonic,
            clock::PROCESS_CPUTIME_ID => Self::ProcessCpu,
            clock::THREAD_CPUTIME_ID => Self::ThreadCpu,
            clock::MONOTONIC_RAW => Self::MonotonicRaw,
            clock::REALTIME_COARSE => Self::RealtimeCoarse,
            clock::MONOTONIC_COARSE => Self::MonotonicCoarse,
            clock::BOOTTIME => Self::Boottime,
            clock::REALTIME_ALARM => Self::RealtimeAlarm,
            clock::BOOTTIME_ALARM => Self::BoottimeAlarm,
            clock::TAI => Self::Tai,
            n if n < 0 && n & CLOCKFD_MASK == CLOCKFD => Self::Device,
            n if n < 0 && n & CPUCLOCK_CLOCK_MASK == CPUCLOCK_CLOCK_MASK => Self::NoCpu,
            n if n < 0 => match (!(n >> 3), n) {
                (0, n) if n & CPUCLOCK_PERTHREAD_MASK != 0 => Self::CallersCpu,
                (0, _) => Self::ProcessCpu,
                (id, n) if n & CPUCLOCK_PERTHREAD_MASK != 0 => Self::OtherThread(Tid::from_raw(id)),
                (id, _) => Self::OtherProcess(Pid::from_raw(id)),
            },
            _ => return err!(EINVAL, "no such clock"),
        })
    }

    /// What it shows, to `thread`.
    ///
    /// # Errors
    /// `EINVAL` if the other process or thread is gone, or the thread is of another
    /// process.
    pub fn now(self, thread: &Thread) -> Result<u64> {
        Ok(match self {
            Self::Realtime | Self::RealtimeAlarm | Self::Tai => realtime_ns(),
            Self::Monotonic | Self::MonotonicRaw | Self::Boottime | Self::BoottimeAlarm => {
                monotonic_ns()
            }
            Self::RealtimeCoarse => coarse(realtime_ns()),
            Self::MonotonicCoarse => coarse(monotonic_ns()),
            Self::ProcessCpu => thread.process().cpu_time_ns(),
            Self::ThreadCpu | Self::CallersCpu => thread.cpu_time_ns(),
            Self::Device | Self::NoCpu => return err!(EINVAL, "no such clock"),
            Self::OtherProcess(pid) => other_process(thread, pid)?.cpu_time_ns(),
            Self::OtherThread(tid) => other_thread(thread, tid)?.cpu_time_ns(),
        })
    }

    /// Whether [`ClockId::set`] may be asked at all.
    ///
    /// # Errors
    /// `EINVAL` for a clock that nobody can set.
    pub fn check_settable(self) -> Result<()> {
        match self {
            Self::Realtime | Self::CallersCpu | Self::OtherProcess(_) | Self::OtherThread(_) => {
                Ok(())
            }
            Self::Device | Self::NoCpu => Ok(()),
            _ => err!(EINVAL, "this clock cannot be set"),
        }
    }

    /// How finely it counts, in nanoseconds.
    ///
    /// # Errors
    /// `EINVAL` if the other process or thread is gone, or the thread is of another
    /// process.
    pub fn resolution_ns(self, thread: &Thread) -> Result<u64> {
        match self {
            Self::RealtimeCoarse | Self::MonotonicCoarse => return Ok(TICK_NS),
            Self::Device | Self::NoCpu => return err!(EINVAL, "no such clock"),
            Self::OtherProcess(pid) => drop(other_process(thread, pid)?),
            Self::OtherThread(tid) => drop(other_thread(thread, tid)?),
            _ => {}
        }
        Ok(1)
    }

    /// clock_settime(2): only the real time can be set, and only by root.
    ///
    /// # Errors
    /// `EPERM` for the CPU time of another process or without CAP_SYS_TIME, `EINVAL` for any
    /// other clock than the real time.
    pub fn set(self, ns: u64, cred: &Cred) -> Result<()> {
        match self {
            Self::Realtime => {}
            Self::OtherProcess(_) | Self::OtherThread(_) | Self::CallersCpu => {
                return err!(EPERM, "CPU clocks cannot be set");
            }
            _ => return err!(EINVAL, "this clock cannot be set"),
        }
        if !cred.capable(Caps::SYS_TIME) {
            return err!(EPERM, "only root sets the time");
        }
        set_realtime_ns(ns);
        REALTIME_SET.wake_all();
        Ok(())
    }

    /// Whether it is set by [`ClockId::set`], so that a sleep must look again.
    pub(crate) fn is_realtime(self) -> bool {
        matches!(self, Self::Realtime | Self::RealtimeAlarm | Self::Tai)
    }

    /// Refuses clocks that only tell the time, whatever the time to sleep is.
    ///
    /// # Errors
    /// `EOPNOTSUPP` for such a clock.
    pub fn check_sleepable(self) -> Result<()> {
        match self {
            Self::ThreadCpu
            | Self::MonotonicRaw
            | Self::RealtimeCoarse
            | Self::MonotonicCoarse
            | Self::Device => err!(EOPNOTSUPP, "no sleeping on this clock"),
            _ => Ok(()),
        }
    }

    /// Refuses CPU clocks that one cannot sleep on, once the time to sleep is known to be one.
    ///
    /// # Errors
    /// `EINVAL` for the caller's own CPU time and for the clock of somebody who is gone.
    pub fn check_sleeper(self, thread: &Thread) -> Result<()> {
        match self {
            Self::CallersCpu => err!(EINVAL, "no sleeping on one's own CPU time"),
            Self::OtherThread(tid) if tid == thread.tid() => {
                err!(EINVAL, "no sleeping on one's own CPU time")
            }
            Self::NoCpu | Self::OtherProcess(_) | Self::OtherThread(_) => {
                self.now(thread).map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn coarse(ns: u64) -> u64 {
    ns - ns % TICK_NS
}

fn other_process(caller: &Thread, pid: Pid) -> Result<Arc<Process>> {
    caller.pid_namespace().process(pid).ok_or(error!(EINVAL, "no such process"))
}

fn other_thread(caller: &Thread, tid: Tid) -> Result<Arc<Thread>> {
    let thread = caller.pid_namespace().thread(tid).filter(|t| t.pid() == caller.pid());
    thread.ok_or(error!(EINVAL, "no such thread of this process"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(ClockId::from_number(0), Ok(ClockId::Realtime));
        assert_eq!(ClockId::from_number(11), Ok(ClockId::Tai));
        for bad in [10, 12, 16, 1000, i32::MAX] {
            assert!(ClockId::from_number(bad).is_err());
        }
        // clock_getcpuclockid(3) of process 77: ~77 << 3 | 2.
        assert_eq!(
            ClockId::from_number((!77) << 3 | 2),
            Ok(ClockId::OtherProcess(Pid::from_raw(77)))
        );
        assert_eq!(
            ClockId::from_number((!77) << 3 | 6),
            Ok(ClockId::OtherThread(Tid::from_raw(77)))
        );
        assert_eq!(ClockId::from_number((!0) << 3 | 2), Ok(ClockId::ProcessCpu));
        assert_eq!(ClockId::from_number((!0) << 3 | 6), Ok(ClockId::CallersCpu));
        assert_eq!(ClockId::from_number((!5) << 3 | 3), Ok(ClockId::Device));
        assert_eq!(ClockId::from_number(-1), Ok(ClockId::NoCpu));
    }

    #[test]
    fn coarse_is_whole_ticks() {
        assert_eq!(coarse(3_999_999), 0);
        assert_eq!(coarse(4_000_001), 4_000_000);
    }
}
