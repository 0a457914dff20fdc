// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The numbers of threads, processes, groups and sessions, and how they are chosen.
//!
//! Linux gives all four out of one range and shows them as one type, `pid_t`. Here each
//! is a type of its own, so that a group's number is never taken for a process's. Where
//! one names the same thing as another (a group has its first leader's number), a method
//! says so. What a program passes stays an `i32` until a handler has looked at its sign.
//!
//! Spec: credentials(7).

use core::fmt;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// Defines a number.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i32);

        impl $name {
            /// From a number as programs write it; any is allowed, only positive ones exist.
            #[inline]
            pub const fn from_raw(number: i32) -> Self {
                Self(number)
            }

            /// The number as programs see it.
            #[inline]
            pub const fn as_raw(self) -> i32 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A thread's number (gettid).
    Tid
}
id! {
    /// A process's number (getpid): that of the thread it began with.
    Pid
}
id! {
    /// A process group's number (getpgid): that of the process that made it.
    Pgid
}
id! {
    /// A session's number (getsid): that of the process that made it.
    Sid
}

impl Tid {
    /// The process that begins, or began, with this thread.
    pub const fn as_pid(self) -> Pid {
        Pid(self.0)
    }
}

impl Pid {
    /// The first process.
    pub const INIT: Self = Self(1);
    /// What getppid(2) says to who has no parent.
    pub const NONE: Self = Self(0);

    /// The thread that the process began with.
    pub const fn leading_thread(self) -> Tid {
        Tid(self.0)
    }

    /// The group that the process makes, or made.
    pub const fn own_group(self) -> Pgid {
        Pgid(self.0)
    }

    /// The session that the process makes, or made.
    pub const fn own_session(self) -> Sid {
        Sid(self.0)
    }

    /// The number behind it.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Sid {
    /// The process that made the session and leads it as long as it lives.
    pub const fn leader(self) -> Pid {
        Pid(self.0)
    }
}

/// The default of `kernel.pid_max`.
pub const PID_MAX: i32 = 32768;
/// The most that `kernel.pid_max` can be.
pub(crate) const PID_MAX_LIMIT: i32 = 4_194_304;

static MAX: AtomicI32 = AtomicI32::new(PID_MAX);

/// `kernel.pid_max`: numbers stay below.
pub(crate) fn pid_max() -> i32 {
    MAX.load(Relaxed)
}

/// Sets `kernel.pid_max`, above the reserved numbers and up to [`PID_MAX_LIMIT`].
pub(crate) fn set_pid_max(max: i32) {
    MAX.store(max, Relaxed);
}

/// Numbers below are not used again after the first round.
const RESERVED: i32 = 300;

/// Numbers that are looked at with the table locked once.
const LOOKS: i32 = 32;

/// Hands out numbers in rising order, from the start again at the end.
pub(crate) struct PidAllocator {
    /// The last number handed out.
    last: i32,
    /// The last number that was looked at.
    at: i32,
    /// Above this none was ever used.
    highest: i32,
}

impl PidAllocator {
    pub(crate) const fn new() -> Self {
        Self { last: 0, at: 0, highest: 0 }
    }

    /// The last number handed out, for /proc/loadavg.
    pub(crate) fn last(&self) -> i32 {
        self.last
    }

    /// The next round begins.
    #[cfg(test)]
    pub(crate) fn start_again(&mut self) {
        self.at = 0;
    }

    /// Number `number` is used, whoever chose it.
    pub(crate) fn note(&mut self, number: i32) {
        self.highest = self.highest.max(number);
    }

    /// How many calls of [`Self::allocate`] look at all numbers.
    pub(crate) fn turns() -> i32 {
        pid_max() / LOOKS + 1
    }

    /// The next number for which `in_use` says no; None if that is none of the next few.
    /// Each number is looked at by somebody before anybody looks at it again, so who has
    /// called it [`Self::turns`] times knows that none was free.
    pub(crate) fn allocate(&mut self, in_use: impl Fn(i32) -> bool) -> Option<Tid> {
        let max = pid_max();
        for _ in 0..LOOKS {
            let number = if self.at + 1 >= max { RESERVED } else { self.at + 1 };
            self.at = number;
            if number > self.highest || !in_use(number) {
                self.last = number;
                self.highest = self.highest.max(number);
                return Some(Tid(number));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn rises_wraps_and_skips() {
        let mut pids = PidAllocator::new();
        assert_eq!(pids.allocate(|_| false), Some(Tid(1)));
        assert_eq!(pids.allocate(|_| false), Some(Tid(2)));
        assert_eq!(pids.allocate(|_| true), Some(Tid(3)), "nobody can use it yet");
        pids.at = PID_MAX - 2;
        assert_eq!(pids.allocate(|_| false), Some(Tid(PID_MAX - 1)));
        assert_eq!(pids.allocate(|_| false), Some(Tid(RESERVED)));
        assert_eq!(pids.allocate(|p| p == RESERVED + 1), Some(Tid(RESERVED + 2)));
        pids.start_again();
        assert_eq!(pids.allocate(|p| p < 5), Some(Tid(5)));
        assert_eq!(pids.last(), 5);
        assert_eq!(pids.allocate(|_| true), None);
        assert_eq!(pids.last(), 5, "none was handed out");
    }

    #[test]
    fn all_numbers_are_looked_at_a_few_at_a_time() {
        let mut pids = PidAllocator::new();
        let mut used = BTreeSet::new();
        let mut find = |used: &BTreeSet<i32>| {
            (0..PidAllocator::turns()).find_map(|_| pids.allocate(|p| used.contains(&p)))
        };
        while let Some(tid) = find(&used) {
            assert!(used.insert(tid.as_raw()));
        }
        assert!(used.len() >= (PID_MAX - RESERVED) as usize);
        used.remove(&1000);
        assert_eq!(find(&used), Some(Tid(1000)));
    }
}
