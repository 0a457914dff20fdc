// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals that wait for delivery: a set and what each carries.
//!
//! A standard signal is held once; a real-time one as often as it was sent, up
//! to RLIMIT_SIGPENDING. One queue belongs to each thread and one to each
//! process; the locks around it are the owners'.

use alloc::{sync::Arc, vec::Vec};

use abi::signal::{SI_USER, SigInfo, SigSet, Signal};
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
    _charge: Option<Charge>,
}

/// Signals waiting for a thread or a process.
#[derive(Default)]
pub(crate) struct SigQueue {
    set: SigSet,
    queue: Vec<Queued>,
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
        if charged && self.queue.try_reserve(1).is_ok() {
            let charge = Some(Charge(payer.user.clone()));
            self.queue.push(Queued { info, _charge: charge });
        } else {
            if charged {
                payer.user.release_signal();
            }
            if signal.is_realtime() && info.code != SI_USER {
                return err!(EAGAIN, "too many signals wait");
            }
        }
        self.set.insert(signal);
        Ok(())
    }

    /// Takes the first entry of `signal`; None if it does not wait.
    pub(crate) fn take(&mut self, signal: Signal) -> Option<SigInfo> {
        if !self.set.contains(signal) {
            return None;
        }
        let number = signal.number();
        let found = self.queue.iter().position(|q| q.info.signo == number);
        let info = match found {
            Some(at) => self.queue.remove(at).info,
            // What it carried found no memory: the bare number is delivered.
            None => SigInfo::user(signal, 0, 0),
        };
        if !self.queue.iter().any(|q| q.info.signo == number) {
            self.set.remove(signal);
        }
        Some(info)
    }

    /// Takes the next signal among `wanted`.
    pub(crate) fn take_any(&mut self, wanted: SigSet) -> Option<(Signal, SigInfo)> {
        let signal = next_to_deliver(self.set.intersection(wanted))?;
        self.take(signal).map(|info| (signal, info))
    }

    /// Drops all that wait among `signals`.
    pub(crate) fn flush(&mut self, signals: SigSet) {
        if self.set.intersection(signals).is_empty() {
            return;
        }
        self.set = self.set.without(signals);
        let gone = |q: &Queued| Signal::new(q.info.signo).is_ok_and(|s| signals.contains(s));
        self.queue.retain(|q| !gone(q));
    }

    /// Replaces the overrun count of timer `id`'s waiting signal; false if
    /// none waits.
    pub(crate) fn bump_timer(&mut self, signal: Signal, id: i32, overrun: i32) -> bool {
        let waiting = self.queue.iter_mut().find(|q| {
            q.info.signo == signal.number()
                && q.info.code == abi::signal::SI_TIMER
                && q.info.timer_id() == id
        });
        match waiting {
            Some(entry) => {
                entry.info = entry.info.with_overrun(overrun);
                true
            }
            None => false,
        }
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
