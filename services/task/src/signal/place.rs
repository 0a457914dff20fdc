// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The place that a queued signal has in its user's RLIMIT_SIGPENDING.
//!
//! A signal that is sent takes a place then. That of a timer ([`TimerSignal`]) has one from
//! the timer's start, so it is never refused (without memory its bare number is sent); it
//! keeps the place while it waits, even if the timer is deleted.
//!
//! Spec: sigqueue(3), timer_create(2), timer_getoverrun(2).

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64};

use abi::signal::{SigInfo, Signal};
use vfs::{Account, Charge};

use crate::user_count::UserCount;

/// What a timer costs the kernel: itself, its signal and its place among the due times.
const TIMER_BYTES: usize = 512;
/// The most that an overrun count says (DELAYTIMER_MAX).
const OVERRUN_MAX: u64 = i32::MAX as u64;

/// One place; given back when dropped.
pub(crate) struct Place(Arc<UserCount>);

impl Place {
    /// A place of `user`, unless it has `limit` already.
    pub(crate) fn take(user: Arc<UserCount>, limit: u64) -> Option<Self> {
        user.charge_signal(limit).then(|| Self(user))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.release_signal();
    }
}

/// Whose place a queued signal has.
pub(crate) enum Holder {
    /// Its own.
    Own(#[expect(dead_code, reason = "given back when dropped")] Place),
    /// That of a timer.
    Timer(WaitingTimer),
}

/// Who pays for a signal that is sent, and how many signals it may have.
pub(crate) struct Payer {
    pub(crate) user: Arc<UserCount>,
    pub(crate) limit: u64,
}

impl Payer {
    /// A place for a signal that no timer sends, if there is one.
    #[inline]
    pub(crate) fn place(self, signal: Signal, info: &SigInfo) -> Option<Holder> {
        // Standard signals sent by the kernel or kill(2) may exceed the limit, as in Linux:
        // one entry per number bounds them anyway.
        let may_exceed = !signal.is_realtime() && info.code >= 0;
        let limit = if may_exceed { u64::MAX } else { self.limit };
        Place::take(self.user, limit).map(Holder::Own)
    }
}

/// The signal of a POSIX timer: it waits once, and counts what it missed meanwhile.
pub struct TimerSignal {
    _place: Place,
    _memory: Charge<TIMER_BYTES>,
    /// 0: it does not wait; else one more than its overruns so far.
    waiting: AtomicU64,
    /// The overruns that the last signal told of.
    told: AtomicI32,
    is_over: AtomicBool,
}

impl TimerSignal {
    /// The signal of a new timer, if there is a place for it.
    pub(crate) fn new(payer: Payer, account: Arc<Account>) -> Option<Self> {
        let place = Place::take(payer.user, payer.limit)?;
        Some(Self {
            _place: place,
            _memory: Charge::new(account),
            waiting: AtomicU64::new(0),
            told: AtomicI32::new(0),
            is_over: AtomicBool::new(false),
        })
    }

    /// The timer has expired, `missed` times more than once: the signal to send, unless it
    /// still waits.
    pub fn expire(self: &Arc<Self>, missed: u64) -> Option<WaitingTimer> {
        let missed = missed.min(OVERRUN_MAX);
        let after = |waiting: u64| match waiting {
            0 => missed + 1,
            more => (more + missed + 1).min(OVERRUN_MAX + 1),
        };
        let before = self.waiting.fetch_update(AcqRel, Acquire, |waiting| Some(after(waiting)));
        (before == Ok(0)).then(|| WaitingTimer(Some(self.clone())))
    }

    /// The timer is gone: what it has not sent yet is not sent any more.
    pub fn end(&self) {
        self.is_over.store(true, Release);
    }

    /// The timer is set anew: what it missed before is forgotten.
    pub fn forget_overruns(&self) {
        let none = |waiting| (waiting != 0).then_some(1);
        // It fails where no signal waits, which has nothing to forget.
        let _ = self.waiting.fetch_update(AcqRel, Acquire, none);
        self.told.store(0, Relaxed);
    }

    /// timer_getoverrun(2): of the signal that was delivered last.
    pub fn told_overruns(&self) -> i32 {
        self.told.load(Relaxed)
    }
}

/// A timer's signal that is sent or waits; when this is dropped, the timer may send again.
pub struct WaitingTimer(Option<Arc<TimerSignal>>);

impl WaitingTimer {
    /// Whether the timer is gone.
    pub(crate) fn is_over(&self) -> bool {
        self.0.as_ref().is_some_and(|timer| timer.is_over.load(Acquire))
    }

    /// The signal is delivered: how many overruns it tells of.
    pub(crate) fn deliver(mut self) -> i32 {
        // Taken, as from here on the timer may send again, and a drop would not know.
        let Some(timer) = self.0.take() else { return 0 };
        let overruns = timer.waiting.swap(0, AcqRel).saturating_sub(1);
        let overruns = i32::try_from(overruns).unwrap_or(i32::MAX);
        timer.told.store(overruns, Relaxed);
        overruns
    }
}

impl Drop for WaitingTimer {
    fn drop(&mut self) {
        if let Some(timer) = &self.0 {
            timer.waiting.store(0, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer(user: &Arc<UserCount>, account: &Arc<Account>) -> Option<Arc<TimerSignal>> {
        let payer = Payer { user: user.clone(), limit: 1 };
        TimerSignal::new(payer, account.clone()).map(Arc::new)
    }

    #[test]
    fn a_timer_keeps_its_place_while_its_signal_waits() {
        let (user, account) = (Arc::new(UserCount::new(0)), Arc::<Account>::default());
        let first = timer(&user, &account).unwrap();
        assert!(timer(&user, &account).is_none());
        let waiting = first.expire(0).unwrap();
        drop(first);
        assert_eq!(user.signals(), 1);
        assert_eq!(waiting.deliver(), 0);
        assert_eq!(user.signals(), 0);
    }

    #[test]
    fn overruns_are_counted_while_the_signal_waits_and_no_further_than_an_int() {
        let (user, account) = (Arc::new(UserCount::new(0)), Arc::<Account>::default());
        let timer = timer(&user, &account).unwrap();
        let waiting = timer.expire(2).unwrap();
        assert!(timer.expire(4).is_none());
        assert_eq!(timer.told_overruns(), 0);
        assert_eq!((waiting.deliver(), timer.told_overruns()), (7, 7));

        let waiting = timer.expire(2).unwrap();
        assert!(timer.expire(u64::MAX).is_none());
        assert_eq!(waiting.deliver(), i32::MAX);

        let waiting = timer.expire(2).unwrap();
        timer.forget_overruns();
        assert_eq!(timer.told_overruns(), 0);
        assert!(timer.expire(0).is_none());
        assert_eq!(waiting.deliver(), 1);

        let waiting = timer.expire(2).unwrap();
        assert!(!waiting.is_over());
        timer.end();
        assert!(waiting.is_over());
        drop(waiting);

        drop(timer.expire(9).unwrap());
        timer.forget_overruns();
        assert_eq!(timer.expire(5).unwrap().deliver(), 5);
    }
}
