// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking threads to end: marks that they see on their way to user mode.

use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};

use abi::process::WaitStatus;

use crate::{
    process::{GroupSignals, Thread},
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
    let mut group = thread.process().signals.lock();
    begin_group_exit(&mut group, status);
}

/// Marks all threads to end; the first status given stands.
pub(crate) fn begin_group_exit(group: &mut GroupSignals, status: WaitStatus) {
    if group.group_exit.is_some() {
        return;
    }
    group.group_exit = Some(status);
    group.stop = StopState::Running;
    mark_dying(group, None);
}

/// Marks all threads but `except` to end.
pub(crate) fn mark_dying(group: &GroupSignals, except: Option<&Arc<Thread>>) {
    for thread in &group.threads {
        if except.is_some_and(|e| Arc::ptr_eq(e, thread)) {
            continue;
        }
        thread.is_dying.store(true, SeqCst);
        thread.interrupt();
        thread.park.wake_all();
    }
}
