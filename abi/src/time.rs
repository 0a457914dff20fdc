// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Times, clocks and timers.
//!
//! Spec: clock_gettime(2), setitimer(2), timer_create(2), utimensat(2).

/// Nanoseconds of a second.
pub const NS_PER_SEC: u64 = 1_000_000_000;

/// Clock ticks in a second, as times(2) and /proc count them (`sysconf(_SC_CLK_TCK)`).
pub const USER_HZ: u64 = 100;

/// The time that a call gives is absolute.
pub const TIMER_ABSTIME: u32 = 1;

/// `tv_nsec` of utimensat(2): set to the present time.
pub const UTIME_NOW: i64 = 0x3fff_ffff;
/// `tv_nsec` of utimensat(2): leave as it is.
pub const UTIME_OMIT: i64 = 0x3fff_fffe;

/// The numbers of clocks (`man 2 clock_gettime`).
#[allow(missing_docs, reason = "the names are the documentation: clock_gettime(2)")]
pub mod clock {
    pub const REALTIME: i32 = 0;
    pub const MONOTONIC: i32 = 1;
    pub const PROCESS_CPUTIME_ID: i32 = 2;
    pub const THREAD_CPUTIME_ID: i32 = 3;
    pub const MONOTONIC_RAW: i32 = 4;
    pub const REALTIME_COARSE: i32 = 5;
    pub const MONOTONIC_COARSE: i32 = 6;
    pub const BOOTTIME: i32 = 7;
    pub const REALTIME_ALARM: i32 = 8;
    pub const BOOTTIME_ALARM: i32 = 9;
    pub const TAI: i32 = 11;
}

/// In the low bits of a negative clock number: the clock of a thread, not of a process.
pub const CPUCLOCK_PERTHREAD_MASK: i32 = 4;
/// In the low bits of a negative clock number: which of its clocks.
pub const CPUCLOCK_CLOCK_MASK: i32 = 3;
/// In the number of a clock: what tells the descriptor of a clock device, under [`CLOCKFD_MASK`].
pub const CLOCKFD: i32 = 3;
/// See [`CLOCKFD`].
pub const CLOCKFD_MASK: i32 = 7;

/// Interval timer of real time, SIGALRM (`man 2 setitimer`).
pub const ITIMER_REAL: i32 = 0;
/// Interval timer of CPU time in user mode, SIGVTALRM.
pub const ITIMER_VIRTUAL: i32 = 1;
/// Interval timer of CPU time, SIGPROF.
pub const ITIMER_PROF: i32 = 2;

/// An expiry sends a signal to the process (`man 3type sigevent`).
pub const SIGEV_SIGNAL: i32 = 0;
/// An expiry does nothing.
pub const SIGEV_NONE: i32 = 1;
/// To the kernel as [`SIGEV_SIGNAL`]; libc makes a thread of it.
pub const SIGEV_THREAD: i32 = 2;
/// An expiry sends a signal to a thread.
pub const SIGEV_THREAD_ID: i32 = 4;

framework::pod_struct! {
    /// `struct timespec` (`man 3type timespec`).
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Timespec {
        /// Seconds.
        pub sec: i64,
        /// Nanoseconds.
        pub nsec: i64,
    }

    /// `struct timeval` (`man 3type timeval`).
    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Timeval {
        /// Seconds.
        pub sec: i64,
        /// Microseconds.
        pub usec: i64,
    }

    /// `struct itimerval` (`man 2 setitimer`).
    #[derive(Debug, Default)]
    pub struct Itimerval {
        /// Time between expirations; zero for one expiration.
        pub interval: Timeval,
        /// Time to the next expiration; zero when disarmed.
        pub value: Timeval,
    }

    /// `struct itimerspec` (`man 2 timer_settime`).
    #[derive(Debug, Default)]
    pub struct Itimerspec {
        /// Time between expirations; zero for one expiration.
        pub interval: Timespec,
        /// Time to the next expiration; zero when disarmed.
        pub value: Timespec,
    }

    /// `struct timezone` (`man 2 gettimeofday`): always zero.
    #[derive(Debug, Default)]
    pub struct Timezone {
        /// Minutes west of Greenwich.
        pub minutes_west: i32,
        /// Kind of daylight saving.
        pub dst_time: i32,
    }

    /// `struct utimbuf` (`man 2 utime`).
    #[derive(Debug, Default)]
    pub struct Utimbuf {
        /// Access time in seconds.
        pub access: i64,
        /// Modification time in seconds.
        pub modification: i64,
    }

    /// `struct tms` (`man 2 times`), in clock ticks.
    #[derive(Debug, Default)]
    pub struct Tms {
        /// User time of the process.
        pub utime: i64,
        /// System time of the process.
        pub stime: i64,
        /// User time of its children that were waited for.
        pub cutime: i64,
        /// System time of these children.
        pub cstime: i64,
    }

    /// `struct sigevent` (`man 3type sigevent`).
    #[derive(Debug, Default)]
    pub struct Sigevent {
        /// What the signal carries.
        pub value: u64,
        /// The signal.
        pub signo: i32,
        /// `SIGEV_SIGNAL`, `SIGEV_NONE`, `SIGEV_THREAD_ID`.
        pub notify: i32,
        /// The thread, of `SIGEV_THREAD_ID`.
        pub tid: i32,
        /// The rest of the union.
        pub pad: [i32; 11],
    }
}

const _: () = assert!(size_of::<Timespec>() == 16);
const _: () = assert!(size_of::<Timeval>() == 16);
const _: () = assert!(size_of::<Itimerval>() == 32);
const _: () = assert!(size_of::<Itimerspec>() == 32);
const _: () = assert!(size_of::<Timezone>() == 8);
const _: () = assert!(size_of::<Utimbuf>() == 16);
const _: () = assert!(size_of::<Tms>() == 32);
const _: () = assert!(size_of::<Sigevent>() == 64);

impl Timespec {
    /// The time `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self { sec: (ns / NS_PER_SEC) as i64, nsec: (ns % NS_PER_SEC) as i64 }
    }
}

impl Timeval {
    /// The time `ns` nanoseconds, rounded down.
    pub const fn from_ns(ns: u64) -> Self {
        Self { sec: (ns / NS_PER_SEC) as i64, usec: (ns % NS_PER_SEC / 1000) as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_split() {
        let time = Timespec::from_ns(3_000_000_042);
        assert_eq!((time.sec, time.nsec), (3, 42));
        assert_eq!(Timeval::from_ns(1_000_001_999).usec, 1);
    }
}
