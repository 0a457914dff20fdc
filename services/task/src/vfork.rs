// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wait of CLONE_VFORK: the parent sleeps until the child leaves its memory.
//!
//! Locks: `vfork_parent` of a thread is a leaf (preemption off).

use crate::process::Thread;

/// Sleeps until `child`, which was told its parent, has called execve or has ended; only
/// the parent's own death ends it before.
pub(crate) fn wait(parent: &Thread, child: &Thread) {
    let over = || child.vfork_parent.lock().is_none() || parent.is_dying();
    parent.park.wait_until(|| over().then_some(()));
}

/// Wakes a parent that waits for `child`, which leaves its memory.
pub(crate) fn complete(child: &Thread) {
    let parent = child.vfork_parent.lock().take();
    if let Some(parent) = parent {
        parent.park.wake_all();
    }
}
