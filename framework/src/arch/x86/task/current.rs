// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The current task, by the pointer in the per-CPU block.
//!
//! # Invariants
//! The pointer is null or came from `Arc::into_raw`, and the CPU holds that count
//! for as long as the task runs.

use alloc::sync::Arc;
use core::mem::ManuallyDrop;

use crate::arch::x86::cpu::local;
use crate::task::Task;

#[inline]
fn pointer() -> *const Task {
    local::current().cast()
}

/// The current task.
///
/// # Safety
/// There must be tasks already, and the reference must not leave the current task:
/// it is good as long as that runs.
#[inline]
pub(crate) unsafe fn current_ref<'a>() -> &'a Task {
    // SAFETY: not null once there are tasks (caller); the CPU holds a count of its
    // current task, and the caller stays within that task's life.
    unsafe { &*pointer() }
}

/// Calls `f` with the current task, if there is one yet.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&Task) -> R) -> Option<R> {
    // SAFETY: the CPU that runs this code holds a count of its current task, and
    // that task, being the one that runs `f`, cannot end before `f` returns.
    unsafe { pointer().as_ref() }.map(f)
}

#[inline]
pub(crate) fn current_task() -> Arc<Task> {
    let task = pointer();
    if task.is_null() {
        crate::fatal("there are no tasks yet");
    }
    // SAFETY: the pointer came from `Arc::into_raw`, and the running task holds
    // (through its CPU) a count while it runs, which is not given up here.
    let held = ManuallyDrop::new(unsafe { Arc::from_raw(task) });
    Arc::clone(&held)
}
