// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Walks over the threads of a process: there may be many.
//!
//! The lock that protects the list spins, so it is held for [`TURN`] threads at a time.
//! What must happen to all of them at one moment is a word of [`GroupSignals`]; the walk
//! behind it makes each thread look.

use alloc::{sync::Arc, vec::Vec};
use core::ops::{Bound, ControlFlow};

use abi::{Result, error};

use super::types::{GroupSignals, Process, Thread};
use crate::ids::{Pid, Tid};

/// Threads that are looked at with the lock held once.
const TURN: usize = 16;

impl GroupSignals {
    /// The thread that process `pid` began with, or the one that is in its place.
    pub(crate) fn leader(&self, pid: Pid) -> Option<&Arc<Thread>> {
        self.threads.get(&pid.leading_thread()).or_else(|| self.threads.values().next())
    }
}

impl Process {
    /// Calls `look` with each thread until it breaks, with the signal lock held. Who comes
    /// meanwhile may be left out.
    pub(crate) fn for_threads(
        &self,
        mut look: impl FnMut(&GroupSignals, &Arc<Thread>) -> ControlFlow<()>,
    ) {
        let mut last = Bound::Unbounded;
        loop {
            let group = self.signals.lock();
            let mut left = TURN;
            for (tid, thread) in group.threads.range((last, Bound::Unbounded)).take(TURN) {
                last = Bound::Excluded(*tid);
                left -= 1;
                if look(&group, thread).is_break() {
                    return;
                }
            }
            if left > 0 {
                return;
            }
        }
    }

    /// The threads that have not ended, by number.
    ///
    /// # Errors
    /// `ENOMEM` without memory for the list.
    pub fn threads(&self) -> Result<Vec<Arc<Thread>>> {
        let mut list = Vec::new();
        list.try_reserve_exact(self.thread_count()).map_err(|_| error!(ENOMEM))?;
        self.for_threads(|_, thread| {
            // Without room it is one that has come since.
            if list.len() < list.capacity() {
                list.push(thread.clone());
            }
            ControlFlow::Continue(())
        });
        Ok(list)
    }

    /// The thread with number `tid` that has not ended.
    pub(crate) fn thread(&self, tid: Tid) -> Option<Arc<Thread>> {
        self.signals.lock().threads.get(&tid).cloned()
    }
}
