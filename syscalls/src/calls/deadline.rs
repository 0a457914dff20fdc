// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the time-outs of programs to absolute deadlines.

use crate::arg::UserPtr;
use crate::cx::Context;
use crate::layout::{Timespec, Timeval};
use abi::{Result, err};

/// Nanoseconds of a second.
pub(super) const NS_PER_SEC: u64 = 1_000_000_000;
/// The longest time that is told from for ever; also Linux's `KTIME_MAX`.
const FOREVER_NS: u64 = i64::MAX as u64;

impl Timespec {
    /// The duration in nanoseconds, cut at 292 years; `EINVAL` if it is none.
    pub fn to_ns(self) -> Result<u64> {
        match (u64::try_from(self.sec), u64::try_from(self.nsec)) {
            (Ok(sec), Ok(nsec)) if nsec < NS_PER_SEC => {
                Ok(sec.saturating_mul(NS_PER_SEC).saturating_add(nsec).min(FOREVER_NS))
            }
            _ => err!(EINVAL, "not a time"),
        }
    }

    /// The time `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self { sec: (ns / NS_PER_SEC) as i64, nsec: (ns % NS_PER_SEC) as i64 }
    }
}

impl Timeval {
    /// The duration in nanoseconds, cut at 292 years; `EINVAL` if it is none.
    pub fn to_ns(self) -> Result<u64> {
        match u64::try_from(self.usec) {
            Ok(usec) if usec < 1_000_000 => {
                Timespec { sec: self.sec, nsec: usec as i64 * 1000 }.to_ns()
            }
            _ => err!(EINVAL, "not a time"),
        }
    }

    /// The time `ns` nanoseconds, rounded down.
    pub const fn from_ns(ns: u64) -> Self {
        Self { sec: (ns / NS_PER_SEC) as i64, usec: (ns % NS_PER_SEC / 1000) as i64 }
    }
}

/// The deadline of a time-out that starts now; `None` never comes.
pub(super) fn after(ns: u64) -> Option<u64> {
    let now = framework::time::monotonic_ns();
    now.checked_add(ns).filter(|&deadline| deadline < FOREVER_NS)
}

/// The deadline of an optional relative time-out in user memory.
pub(super) fn relative(cx: &Context, timeout: Option<UserPtr<Timespec>>) -> Result<Option<u64>> {
    match timeout {
        Some(timeout) => Ok(after(timeout.read(cx.vm())?.to_ns()?)),
        None => Ok(None),
    }
}

/// What is left until a deadline.
pub(super) fn remaining(deadline: u64) -> u64 {
    deadline.saturating_sub(framework::time::monotonic_ns())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_checked() {
        assert_eq!(Timespec { sec: 1, nsec: 5 }.to_ns().unwrap(), NS_PER_SEC + 5);
        assert!(Timespec { sec: -1, nsec: 0 }.to_ns().is_err());
        assert!(Timespec { sec: 0, nsec: -1 }.to_ns().is_err());
        assert!(Timespec { sec: 0, nsec: 1_000_000_000 }.to_ns().is_err());
        assert!(Timeval { sec: 0, usec: 1_000_000 }.to_ns().is_err());
        assert_eq!(Timeval { sec: 2, usec: 7 }.to_ns().unwrap(), 2 * NS_PER_SEC + 7000);
        assert_eq!(Timespec { sec: i64::MAX, nsec: 0 }.to_ns().unwrap(), i64::MAX as u64);
    }

    #[test]
    fn times_round_trip() {
        let time = Timespec::from_ns(3_000_000_042);
        assert_eq!((time.sec, time.nsec), (3, 42));
        assert_eq!(Timeval::from_ns(1_000_001_999).usec, 1);
    }

    #[test]
    fn for_ever_has_no_deadline() {
        assert_eq!(after(i64::MAX as u64), None);
        assert!(after(5).is_some());
    }
}
