// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stopping and continuing: job control's half of signals.
//!
//! A thread that takes a stopping signal starts the stop; the others join it on
//! their way to user mode; the last one tells the parent. SIGCONT ends it when
//! it is sent, and the first thread that goes on tells the parent.

use alloc::sync::Arc;
use core::ops::ControlFlow;

use crate::{
    notify::{self, ChildEvent},
    process::Thread,
    signal::StopState,
};
use abi::signal::Signal;

/// Starts a stop by `signal`, which the thread has just taken from its queue.
pub(super) fn start(thread: &Arc<Thread>, signal: Signal) {
    let process = thread.process();
    if signal != Signal::STOP && process.pid_namespace().is_orphaned_group(process.group_id()) {
        // Nobody could continue it.
        return;
    }
    let mut group = process.signals.lock();
    let is_over = !group.stop_dequeued || group.group_exit.is_some() || thread.is_dying();
    if is_over || group.stop != StopState::Running {
        return;
    }
    group.stop = StopState::Stopping(signal);
    drop(group);
    process.for_threads(|group, other| {
        if group.stop == StopState::Running {
            return ControlFlow::Break(());
        }
        if !Arc::ptr_eq(other, thread) {
            other.interrupt();
        }
        ControlFlow::Continue(())
    });
}

/// Sleeps while the process stops or is stopped.
pub(super) fn participate(thread: &Arc<Thread>) {
    let process = thread.process();
    process.signals.lock().stopped += 1;
    finish_if_all_stopped(thread);
    thread.park.wait_until(|| {
        let mut group = process.signals.lock();
        let is_over = group.stop == StopState::Running || thread.is_dying();
        is_over.then(|| group.stopped -= 1)
    });
}

/// Completes the stop when no thread runs any more: also called when one ends.
pub(crate) fn finish_if_all_stopped(thread: &Thread) {
    let process = thread.process();
    let stopped = {
        let mut group = process.signals.lock();
        let StopState::Stopping(signal) = group.stop else { return };
        if group.stopped < group.threads.len() {
            return;
        }
        group.stop = StopState::Stopped(signal);
        group.stop_report = Some(signal);
        group.continue_report = false;
        signal
    };
    notify::parent(process, ChildEvent::Stopped(stopped));
}

/// Tells the parent of a continuation that nobody has told it of yet.
pub(super) fn tell_continued(thread: &Thread) {
    let must_tell = {
        let mut group = thread.process().signals.lock();
        core::mem::take(&mut group.tell_continued)
    };
    if must_tell {
        notify::parent(thread.process(), ChildEvent::Continued);
    }
}
