// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The three interval timers that every process has.
//!
//! Spec: setitimer(2), alarm(2).

use abi::time::NS_PER_SEC;
use abi::{Result, error};
use task::Thread;

use crate::{
    expiry::Expiry,
    process_timers::ProcessTimers,
    which::{Slot, WhichTimer, read_clock},
};

/// A timer's value and interval, in nanoseconds; value 0: it does not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Itimer {
    /// What is left until it expires.
    pub value_ns: u64,
    /// What it starts again with.
    pub interval_ns: u64,
}

impl Itimer {
    pub(crate) fn of(expiry: Option<Expiry>, now_ns: u64) -> Self {
        expiry.map_or(Self::default(), |e| Self {
            value_ns: e.remaining(now_ns),
            interval_ns: e.interval_ns,
        })
    }
}

/// getitimer(2).
pub fn get_itimer(thread: &Thread, which: WhichTimer) -> Itimer {
    let Some(timers) = ProcessTimers::existing(thread.process()) else {
        return Itimer::default();
    };
    let now = read_clock(which.clock(), thread.process());
    let mut state = timers.state.lock();
    let timer = Itimer::of(state.timer(Slot::Interval(which)).and_then(|t| t.expiry), now);
    state.with_idle_interval(which, timer)
}

/// setitimer(2): value 0 stops the timer. Returns what it was.
///
/// # Errors
/// `ENOMEM` if the process cannot have timers.
pub fn set_itimer(thread: &Thread, which: WhichTimer, new: Itimer) -> Result<Itimer> {
    if new == Itimer::default() && ProcessTimers::existing(thread.process()).is_none() {
        return Ok(Itimer::default());
    }
    let timers = ProcessTimers::of(thread.process()).ok_or(error!(ENOMEM))?;
    let now = read_clock(which.clock(), thread.process());
    let expiry = (new.value_ns != 0).then(|| Expiry {
        next_ns: now.saturating_add(new.value_ns),
        interval_ns: new.interval_ns,
    });
    let mut state = timers.state.lock();
    let old = Itimer::of(timers.replace(&mut state, Slot::Interval(which), expiry, now), now);
    let old = state.with_idle_interval(which, old);
    if let Some(idle) = state.idle_intervals.get_mut(which as usize) {
        *idle = if which == WhichTimer::Real { 0 } else { new.interval_ns };
    }
    Ok(old)
}

impl crate::process_timers::State {
    /// `timer` with the interval that timers of CPU time show also while they are stopped.
    fn with_idle_interval(&self, which: WhichTimer, timer: Itimer) -> Itimer {
        let idle = self.idle_intervals.get(which as usize).copied().unwrap_or(0);
        Itimer { interval_ns: timer.interval_ns.max(idle), ..timer }
    }
}

/// alarm(2): returns the seconds that were left, rounded, at least 1 if any.
///
/// # Errors
/// Those of [`set_itimer`].
pub fn alarm(thread: &Thread, seconds: u32) -> Result<u32> {
    let new = Itimer { value_ns: u64::from(seconds) * NS_PER_SEC, interval_ns: 0 };
    let old = set_itimer(thread, WhichTimer::Real, new)?;
    Ok(rounded_seconds(old.value_ns))
}

fn rounded_seconds(ns: u64) -> u32 {
    let (whole, rest) = (ns / NS_PER_SEC, ns % NS_PER_SEC);
    let up = rest >= NS_PER_SEC / 2 || (whole == 0 && rest > 0);
    (whole + u64::from(up)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarm_rounds_as_linux() {
        assert_eq!(rounded_seconds(0), 0);
        assert_eq!(rounded_seconds(1), 1);
        assert_eq!(rounded_seconds(1_400_000_000), 1);
        assert_eq!(rounded_seconds(1_500_000_000), 2);
    }
}
