// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One task that listens to several wait queues, as `poll` needs it.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use super::{Wait, WaitError};
use crate::task::{self, Task};

/// Remembers wake-ups of every [`super::WaitQueue`] it is enlisted in.
///
/// Enlist it, look at the conditions, then wait: a wake-up between the look and
/// the wait makes the wait return at once.
#[derive(Debug)]
pub struct Waiter {
    task: Arc<Task>,
    is_woken: AtomicBool,
    is_deaf: AtomicBool,
}

impl Waiter {
    /// A waiter for the current task.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::of_current())
    }

    /// A waiter for the current task, as a part of something that is shared.
    pub fn of_current() -> Self {
        let (is_woken, is_deaf) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { task: Task::current(), is_woken, is_deaf }
    }

    /// Sleeps until a queue wakes; returns at once if one did since the last wait.
    ///
    /// # Errors
    /// [`WaitError`] when `how` ended the wait.
    pub fn wait(&self, how: Wait) -> Result<(), WaitError> {
        loop {
            if self.is_woken.swap(false, Ordering::SeqCst) {
                return Ok(());
            }
            how.over(&self.task)?;
            task::park(how.deadline());
        }
    }

    pub(super) fn set_deaf(&self) {
        self.is_deaf.store(true, Ordering::Relaxed);
    }

    /// Whether a queue had no memory to enlist it: it must not be waited on.
    pub fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Relaxed)
    }

    /// Ends the current or the next wait; in any context.
    pub fn notify(&self) {
        if !self.is_woken.swap(true, Ordering::SeqCst) {
            self.task.unpark();
        }
    }
}
