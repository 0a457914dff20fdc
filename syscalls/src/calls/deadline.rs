// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the time-outs of programs to absolute deadlines.

use crate::arg::UserPtr;
use crate::cx::Context;
use abi::time::{NS_PER_SEC, Timespec, Timeval};
use abi::{Result, err};

/// The longest time that is told from for ever; also Linux's `KTIME_MAX`.
const FOREVER_NS: u64 = i64::MAX as u64;

/// Times that programs give.
pub(super) trait Duration {
    /// The duration in nanoseconds, cut at 292 years; `EINVAL` if it is none.
    fn to_ns(self) -> Result<u64>;
}

impl Duration for Timespec {
    fn to_ns(self) -> Result<u64> {
        match (u64::try_from(self.sec), u64::try_from(self.nsec)) {
            (Ok(sec), Ok(nsec)) if nsec < NS_PER_SEC => {
                Ok(sec.saturating_mul(NS_PER_SEC).saturating_add(nsec).min(FOREVER_NS))
            }
            _ => err!(EINVAL, "not a time"),
        }
    }
}

impl Duration for Timeval {
    fn to_ns(self) -> Result<u64> {
        match u64::try_from(self.usec) {
            Ok(usec) if usec < 1_000_000 => {
                Timespec { sec: self.sec, nsec: usec as i64 * 1000 }.to_ns()
            }
            _ => err!(EINVAL, "not a time"),
        }
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
    fn for_ever_has_no_deadline() {
        assert_eq!(after(i64::MAX as u64), None);
        assert!(after(5).is_some());
    }
}
