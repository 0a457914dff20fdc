// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Wait`]: how a task waits, and why it stops.

use crate::task::Task;
use crate::time;

/// How a task waits: may it be interrupted, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    interruptible: bool,
    deadline_ns: Option<u64>,
}

impl Wait {
    /// A wait that only the condition ends.
    pub const fn uninterruptible() -> Self {
        Self { interruptible: false, deadline_ns: None }
    }

    /// A wait that [`Task::raise_interrupt`] ends too.
    pub const fn interruptible() -> Self {
        Self { interruptible: true, deadline_ns: None }
    }

    /// The same wait, ended at a time of [`time::monotonic_ns`].
    #[must_use]
    pub const fn deadline_ns(self, deadline_ns: u64) -> Self {
        Self { deadline_ns: Some(deadline_ns), ..self }
    }

    /// Why `task` must not sleep (any longer), if so.
    pub(super) fn over(&self, task: &Task) -> Result<(), WaitError> {
        if self.interruptible && task.interrupt_pending() {
            return Err(WaitError::Interrupted);
        }
        match self.deadline_ns {
            Some(deadline) if time::monotonic_ns() >= deadline => Err(WaitError::TimedOut),
            _ => Ok(()),
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.deadline_ns
    }
}

/// Why a wait ended without its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// Somebody called [`Task::raise_interrupt`].
    Interrupted,
    /// The deadline has passed.
    TimedOut,
}
