// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What can be read of the signal state of processes and threads.
//!
//! Locks: process table > a process's signals > which `Sighand` it has > its `actions` > a
//! thread's signals (all preemption off).

use alloc::sync::Arc;

use abi::signal::{SigSet, Signal};

use crate::{
    process::{GroupSignals, Process, Thread},
    signal::{SigActions, Sighand, StopState},
};

/// The signal sets that /proc/pid/status shows.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct SignalSets {
    /// Waiting for the thread (SigPnd).
    pub pending: SigSet,
    /// Waiting for the process (ShdPnd).
    pub shared_pending: SigSet,
    /// The mask (SigBlk).
    pub blocked: SigSet,
    /// Ignored (SigIgn).
    pub ignored: SigSet,
    /// Caught (SigCgt).
    pub caught: SigSet,
}

impl Process {
    /// Calls `f` with the action table; the locks of both are held meanwhile.
    #[inline]
    pub(crate) fn with_actions<R>(&self, f: impl FnOnce(&mut SigActions) -> R) -> R {
        let sighand = self.sighand.lock();
        let mut actions = sighand.actions.lock();
        f(&mut actions)
    }

    /// The action table, as it is now, to be shared.
    pub(crate) fn sighand(&self) -> Arc<Sighand> {
        self.sighand.lock().clone()
    }

    /// Whether all its threads sleep for a stop, and by which signal.
    pub fn stopped_by(&self) -> Option<Signal> {
        match self.signals.lock().stop {
            StopState::Stopped(signal) => Some(signal),
            StopState::Running | StopState::Stopping(_) => None,
        }
    }
}

impl Thread {
    /// The signal sets that /proc shows.
    pub fn signal_sets(&self) -> SignalSets {
        let group = self.process().signals.lock();
        let (ignored, caught) = self.process().with_actions(|actions| actions.ignored_and_caught());
        let mut own = self.signals.lock();
        own.catch_up(group.flushes);
        SignalSets {
            pending: own.pending.set(),
            shared_pending: group.pending.set(),
            blocked: own.blocked,
            ignored,
            caught,
        }
    }

    /// Whether a signal waits that the thread will act upon.
    pub fn signal_pending(&self) -> bool {
        let group = self.process().signals.lock();
        self.must_act(&group)
    }

    /// The same with the process's signal lock held.
    #[inline]
    pub(crate) fn must_act(&self, group: &GroupSignals) -> bool {
        let mut own = self.signals.lock();
        own.catch_up(group.flushes);
        let waiting = own.pending.set().union(group.pending.set());
        !waiting.intersection(own.wanted()).is_empty()
            || self.is_dying()
            || group.stop != StopState::Running
            || group.tell_continued
    }
}
