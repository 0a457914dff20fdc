// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals that wait for delivery: a set and what each carries.
//!
//! A standard signal is held once; a real-time one as often as it was sent, up
//! to RLIMIT_SIGPENDING, which may be often: none is searched for. One queue belongs to
//! each thread and one to each process; the locks around it, which spin, are the owners'.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use abi::signal::{SI_TIMER, SI_USER, SigInfo, SigSet, Signal};
use abi::{Result, err};

use crate::user_count::UserCount;

/// A queued signal's place in its sender's RLIMIT_SIGPENDING.
struct Charge(Arc<UserCount>);

impl Drop for Charge {
    fn drop(&mut self) {
        self.0.release_signal();
    }
}

struct Queued {
    info: SigInfo,
    _charge: Charge,
}

/// All that waits of one real-time signal, by place. To be dropped without a lock.
#[derive(Default)]
pub(crate) struct Line {
    entries: BTreeMap<u64, Queued>,
    /// Places of what timers sent, by their numbers.
    timers: BTreeMap<i32, u64>,
}

/// Signals waiting for a thread or a process.
#[derive(Default)]
pub(crate) struct SigQueue {
    set: SigSet,
    standard: Vec<Queued>,
    realtime: BTreeMap<i32, Line>,
    last_place: u64,
}

/// What the CPU raises in the middle of an instruction; these go first.
const SYNCHRONOUS: SigSet =
    SigSet::of(&[Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP, Signal::FPE, Signal::SYS]);

/// The member to deliver next: synchronous ones first, then the lowest.
fn next_to_deliver(set: SigSet) -> Option<Signal> {
    set.intersection(SYNCHRONOUS).first().or(set.first())
}

/// Who pays for a queue entry, and how many it may have.
pub(crate) struct Payer<'a> {
    pub(crate) user: &'a Arc<UserCount>,
    pub(crate) limit: u64,
}

impl SigQueue {
    /// The signals that wait.
    pub(crate) fn set(&self) -> SigSet {
        self.set
    }

    /// Adds a signal. A standard one that waits already is dropped. EAGAIN for
    /// a real-time one that a program queued beyond its limit.
    pub(crate) fn push(&mut self, signal: Signal, info: SigInfo, payer: &Payer<'_>) -> Result<()> {
        if !signal.is_realtime() && self.set.contains(signal) {
            return Ok(());
        }
        // Standard signals sent by the kernel or kill(2) may exceed the limit,
        // as in Linux: one entry per number bounds them anyway.
        let may_exceed = !signal.is_realtime() && info.code >= 0;
        let limit = if may_exceed { u64::MAX } else { payer.limit };
        let charged = payer.user.charge_signal(limit);
        let is_kept = charged && self.keep(signal, info, Charge(payer.user.clone()));
        if !is_kept && signal.is_realtime() && info.code != SI_USER {
            return err!(EAGAIN, "too many signals wait");
        }
        self.set.insert(signal);
        Ok(())
    }

    /// Keeps what a signal carries; false without memory.
    fn keep(&mut self, signal: Signal, info: SigInfo, charge: Charge) -> bool {
        let queued = Queued { info, _charge: charge };
        if !signal.is_realtime() {
            if self.standard.try_reserve(1).is_err() {
                return false;
            }
            self.standard.push(queued);
            return true;
        }
        if framework::mm::admit().is_err() {
            return false;
        }
        self.last_place += 1;
        let line = self.realtime.entry(signal.number()).or_default();
        if info.code == SI_TIMER {
            // One that a program forged does not hide it.
            line.timers.entry(info.timer_id()).or_insert(self.last_place);
        }
        line.entries.insert(self.last_place, queued);
        true
    }

    /// Takes the first entry of `signal`; None if it does not wait.
    pub(crate) fn take(&mut self, signal: Signal) -> Option<SigInfo> {
        if !self.set.contains(signal) {
            return None;
        }
        let number = signal.number();
        let found = if signal.is_realtime() {
            let line = self.realtime.get_mut(&number);
            let info = line.and_then(Line::take_first);
            let is_over = self.realtime.get(&number).is_none_or(|line| line.entries.is_empty());
            if is_over {
                self.realtime.remove(&number);
                self.set.remove(signal);
            }
            info
        } else {
            self.set.remove(signal);
            let found = self.standard.iter().position(|q| q.info.signo == number);
            found.map(|at| self.standard.remove(at).info)
        };
        // What it carried found no memory: the bare number is delivered.
        Some(found.unwrap_or_else(|| SigInfo::user(signal, 0, 0)))
    }

    /// Takes the next signal among `wanted`.
    pub(crate) fn take_any(&mut self, wanted: SigSet) -> Option<(Signal, SigInfo)> {
        let signal = next_to_deliver(self.set.intersection(wanted))?;
        self.take(signal).map(|info| (signal, info))
    }

    /// Drops all that wait among `signals`, which are standard ones.
    pub(crate) fn flush(&mut self, signals: SigSet) {
        if self.set.intersection(signals).is_empty() {
            return;
        }
        self.set = self.set.without(signals);
        let gone = |q: &Queued| Signal::new(q.info.signo).is_ok_and(|s| signals.contains(s));
        self.standard.retain(|q| !gone(q));
    }

    /// Takes out all that waits of `signal`, which may be much.
    pub(crate) fn take_all(&mut self, signal: Signal) -> Option<Line> {
        self.flush(SigSet::of(&[signal]));
        self.realtime.remove(&signal.number())
    }

    /// Replaces the overrun count of timer `id`'s waiting signal; false if
    /// none waits.
    pub(crate) fn bump_timer(&mut self, signal: Signal, id: i32, overrun: i32) -> bool {
        let number = signal.number();
        let waiting = match self.realtime.get_mut(&number) {
            Some(Line { entries, timers }) => {
                timers.get(&id).and_then(|place| entries.get_mut(place))
            }
            None => self.standard.iter_mut().find(|q| q.info.signo == number),
        };
        let is_of_timer = |q: &&mut Queued| q.info.code == SI_TIMER && q.info.timer_id() == id;
        match waiting.filter(is_of_timer) {
            Some(entry) => {
                entry.info = entry.info.with_overrun(overrun);
                true
            }
            None => false,
        }
    }
}

impl Line {
    fn take_first(&mut self) -> Option<SigInfo> {
        let (place, Queued { info, .. }) = self.entries.pop_first()?;
        if info.code == SI_TIMER && self.timers.get(&info.timer_id()) == Some(&place) {
            self.timers.remove(&info.timer_id());
        }
        Some(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::SI_QUEUE;

    #[test]
    fn synchronous_signals_go_first() {
        let mut set = SigSet::of(&[Signal::HUP, Signal::SEGV]);
        assert_eq!(next_to_deliver(set), Some(Signal::SEGV));
        set.remove(Signal::SEGV);
        assert_eq!(next_to_deliver(set), Some(Signal::HUP));
    }

    fn queued(signal: Signal, value: u64) -> SigInfo {
        let mut info = SigInfo::user(signal, 1, 0);
        info.code = SI_QUEUE;
        info.words[1] = value;
        info
    }

    #[test]
    fn standard_once_realtime_in_order() {
        let user = Arc::new(UserCount::new(0));
        let payer = Payer { user: &user, limit: 3 };
        let mut q = SigQueue::default();
        let rt = Signal::new(40).unwrap();
        for _ in 0..2 {
            q.push(Signal::INT, SigInfo::user(Signal::INT, 1, 0), &payer).unwrap();
        }
        q.push(rt, queued(rt, 1), &payer).unwrap();
        q.push(rt, queued(rt, 2), &payer).unwrap();
        assert!(q.push(rt, queued(rt, 3), &payer).is_err());
        assert_eq!(user.signals(), 3);
        // kill(2) of a real-time signal beyond the limit still sets the bit.
        let other = Signal::new(41).unwrap();
        q.push(other, SigInfo::user(other, 1, 0), &payer).unwrap();
        assert_eq!(q.take_any(SigSet::ALL).unwrap().0, Signal::INT);
        assert!(!q.set().contains(Signal::INT));
        assert_eq!(q.take(rt).unwrap().words[1], 1);
        assert!(q.set().contains(rt));
        assert_eq!(q.take(rt).unwrap().words[1], 2);
        assert_eq!(q.take(rt), None);
        assert_eq!(q.take(other).unwrap().pid(), 0);
        assert_eq!(user.signals(), 0);
    }

    #[test]
    fn timers_find_their_signals() {
        let user = Arc::new(UserCount::new(0));
        let payer = Payer { user: &user, limit: 100 };
        let mut q = SigQueue::default();
        for signal in [Signal::ALRM, Signal::new(40).unwrap()] {
            for id in 1..4 {
                q.push(signal, SigInfo::timer(signal, id, 0, 0), &payer).unwrap();
            }
            let kept = if signal.is_realtime() { 3 } else { 1 };
            let bumped =
                |q: &mut SigQueue| (1..4).filter(|&id| q.bump_timer(signal, id, 7)).count();
            assert_eq!(bumped(&mut q), kept);
            assert_eq!(
                q.take(signal).map(|info| (info.timer_id(), info.signo)),
                Some((1, signal.number()))
            );
            assert_eq!(bumped(&mut q), kept - 1);
            let rest = q.take_all(signal);
            assert_eq!(rest.is_some(), signal.is_realtime());
            assert!(!q.set().contains(signal) && bumped(&mut q) == 0);
            drop(rest);
            assert_eq!(user.signals(), 0);
        }
    }

    #[test]
    fn flush_releases() {
        let user = Arc::new(UserCount::new(0));
        let payer = Payer { user: &user, limit: 10 };
        let mut q = SigQueue::default();
        q.push(Signal::TSTP, SigInfo::kernel(Signal::TSTP), &payer).unwrap();
        q.push(Signal::CONT, SigInfo::kernel(Signal::CONT), &payer).unwrap();
        q.flush(SigSet::STOPPING);
        assert_eq!(q.set(), SigSet::of(&[Signal::CONT]));
        drop(q);
        assert_eq!(user.signals(), 0);
    }
}
