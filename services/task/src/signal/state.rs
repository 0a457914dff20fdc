// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What signals keep for a process and for a thread.
//!
//! Locks: process table > a process's signals > which `Sighand` it has > its `actions` > a
//! thread's signals (all preemption off).

use alloc::sync::Arc;

use abi::signal::{SigSet, Signal};
use framework::sync::SpinLock;

use super::{action::SigActions, altstack::AltStack, queue::SigQueue};

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

/// How often these were taken out of all queues of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flushes {
    /// Signals that stop, by SIGCONT.
    pub(crate) stops: u64,
    /// SIGCONT, by a signal that stops.
    pub(crate) continues: u64,
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
    /// As far as `pending` has caught up.
    flushes: Flushes,
}

impl ThreadSignals {
    /// What a thread cloned from this one starts with.
    pub(crate) fn for_child(&self) -> Self {
        Self { blocked: self.blocked, alt_stack: self.alt_stack, ..Self::default() }
    }

    /// Takes out of its queue what has been flushed since the last look. There may be many
    /// threads, so a flush is counted, and each catches up before its queue is touched.
    #[inline]
    pub(crate) fn catch_up(&mut self, flushes: Flushes) {
        if self.flushes.stops != flushes.stops {
            self.pending.flush(SigSet::STOPPING);
        }
        if self.flushes.continues != flushes.continues {
            self.pending.flush(SigSet::of(&[Signal::CONT]));
        }
        self.flushes = flushes;
    }

    /// Signals that interrupt the thread when they arrive.
    pub(crate) fn wanted(&self) -> SigSet {
        SigSet::ALL.without(self.blocked.without(self.awaited))
    }
}
