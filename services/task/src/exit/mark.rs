// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking threads to end: marks that they see on their way to user mode.

use alloc::sync::Arc;
use core::ops::ControlFlow;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use abi::process::WaitStatus;

use crate::{
    process::{GroupSignals, Process, Thread},
    signal::StopState,
};

impl Thread {
    /// exit(2): this thread ends, on its way to user mode.
    pub fn exit(&self, code: i32) {
        self.exit_status.store(WaitStatus::exited(code).as_raw(), Relaxed);
        let group = self.process().signals.lock();
        self.is_dying.store(true, SeqCst);
        drop(group);
        self.interrupt();
    }

    /// exit_group(2): the whole process ends with `code`.
    pub fn exit_group(&self, code: i32) {
        exit_group_with(self, WaitStatus::exited(code));
    }
}

/// Ends the whole process of `thread` with a wait status.
pub(crate) fn exit_group_with(thread: &Thread, status: WaitStatus) {
    let process = thread.process();
    let begun = begin_group_exit(&mut process.signals.lock(), status);
    if begun == Begun::Now {
        mark_dying(process, None);
    }
}

/// Whether a process has begun to end now or before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "who begins it owes a call of mark_dying, without the lock"]
pub(crate) enum Begun {
    Now,
    Before,
}

/// Begins the end of a process; the first status given stands. No thread comes any more.
pub(crate) fn begin_group_exit(group: &mut GroupSignals, status: WaitStatus) -> Begun {
    if group.group_exit.is_some() {
        return Begun::Before;
    }
    group.group_exit = Some(status);
    group.stop = StopState::Running;
    Begun::Now
}

/// Marks all threads but `except` to end.
pub(crate) fn mark_dying(process: &Process, except: Option<&Arc<Thread>>) {
    process.for_threads(|_, thread| {
        if except.is_none_or(|e| !Arc::ptr_eq(e, thread)) {
            thread.is_dying.store(true, SeqCst);
            thread.interrupt();
            thread.park.wake_all();
        }
        ControlFlow::Continue(())
    });
}
