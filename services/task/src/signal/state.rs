// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The signal state of processes and threads.
//!
//! Locks: process table > a process's signals > which `Sighand` it has > its `actions` > a
//! thread's signals (all preemption off).

use alloc::{sync::Arc, vec::Vec};

use framework::sync::SpinLock;

use crate::{
    ids::Tid,
    process::Process,
    signal::{AltStack, SigActions, SigQueue},
    thread::Thread,
};
use abi::signal::{SigSet, Signal};

/// The action table, shared by CLONE_SIGHAND.
pub(crate) struct Sighand {
    pub(crate) actions: SpinLock<SigActions>,
}

impl Sighand {
    pub(crate) fn new(actions: SigActions) -> Arc<Self> {
        Arc::new(Self { actions: SpinLock::new(actions) })
    }
}

/// Where a process is between running and stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum StopState {
    /// It runs.
    #[default]
    Running,
    /// Some threads have not noticed yet that it stops.
    Stopping(Signal),
    /// All threads sleep.
    Stopped(Signal),
}

/// What the signal lock of a process protects.
#[derive(Default)]
pub(crate) struct GroupSignals {
    /// The threads that have not ended, the oldest first.
    pub(crate) threads: Vec<Arc<Thread>>,
    /// Signals for whichever thread takes them first.
    pub(crate) pending: SigQueue,
    /// The process ends with this wait status.
    pub(crate) group_exit: Option<i32>,
    /// This thread calls execve and waits for the others to end.
    pub(crate) exec_thread: Option<Tid>,
    pub(crate) stop: StopState,
    /// A stopping signal was taken and no SIGCONT came since.
    pub(crate) stop_dequeued: bool,
    /// A stop that wait has not reported yet.
    pub(crate) stop_report: Option<Signal>,
    /// A continuation that wait has not reported yet.
    pub(crate) continue_report: bool,
    /// The first thread that goes on tells the parent.
    pub(crate) tell_continued: bool,
    /// A fault may end even the first process.
    pub(crate) is_killable: bool,
}

/// The signal state of one thread; its lock nests inside the process's.
#[derive(Default)]
pub(crate) struct ThreadSignals {
    pub(crate) pending: SigQueue,
    pub(crate) blocked: SigSet,
    /// The mask to come back to when a call that replaced it is over.
    pub(crate) saved: Option<SigSet>,
    /// What sigtimedwait waits for, though `blocked` has it.
    pub(crate) awaited: SigSet,
    pub(crate) alt_stack: AltStack,
}

impl ThreadSignals {
    /// What a thread cloned from this one starts with.
    pub(crate) fn for_child(&self) -> Self {
        Self { blocked: self.blocked, alt_stack: self.alt_stack, ..Self::default() }
    }

    /// Signals that interrupt the thread when they arrive.
    pub(crate) fn wanted(&self) -> SigSet {
        SigSet::ALL.without(self.blocked.without(self.awaited))
    }
}

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
        let own = self.signals.lock();
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
    pub(crate) fn must_act(&self, group: &GroupSignals) -> bool {
        let own = self.signals.lock();
        let waiting = own.pending.set().union(group.pending.set());
        !waiting.intersection(own.wanted()).is_empty()
            || self.is_dying()
            || group.stop != StopState::Running
            || group.tell_continued
    }
}
