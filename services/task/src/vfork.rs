// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The wait of CLONE_VFORK: the parent sleeps until the child leaves its memory.

use alloc::sync::Arc;
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

use crate::thread::Thread;

/// Set by the child, awaited by the parent.
pub(crate) struct VforkDone {
    done: AtomicBool,
    parent: Arc<Thread>,
}

impl VforkDone {
    pub(crate) fn new(parent: Arc<Thread>) -> Arc<Self> {
        Arc::new(Self { done: AtomicBool::new(false), parent })
    }

    /// The child has called execve or has ended.
    pub(crate) fn complete(&self) {
        self.done.store(true, Release);
        self.parent.park.wake_all();
    }

    /// Sleeps until then; only the parent's own death ends it before.
    pub(crate) fn wait(&self) {
        let over = || self.done.load(Acquire) || self.parent.is_dying();
        self.parent.park.wait_until(|| over().then_some(()));
    }
}
