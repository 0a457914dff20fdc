// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel task that looks at timers when they are due.

use abi::Result;
use framework::{sync::Wait, task::TaskBuilder, time::monotonic_ns};

use crate::{cpu_limit, queue};

/// Starts the kernel task that serves timers.
///
/// # Errors
/// `ENOMEM` without memory for the task.
pub fn init() -> Result<()> {
    crate::proc::init();
    TaskBuilder::new("timers", serve).spawn()?;
    Ok(())
}

fn next_due() -> Option<u64> {
    match (queue::first_due(), cpu_limit::next_look_ns()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn serve() {
    loop {
        let due = next_due();
        let mut how = Wait::uninterruptible();
        if let Some(due) = due {
            how = how.deadline_ns(due);
        }
        // Woken early when the first due time has changed.
        let _ = queue::CHANGED.wait(how, || (next_due() != due).then_some(()));
        let now = monotonic_ns();
        while let Some((place, entry)) = queue::take_due(now) {
            if let Some(timers) = entry.timers.upgrade() {
                timers.look(entry.slot, place);
            }
        }
        cpu_limit::look(now);
    }
}
