// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The queue of due times and the kernel task that serves it.
//!
//! Locks: `QUEUE` (preemption off) is a leaf; timers are looked at, and dropped, outside of
//! it.

use alloc::{collections::BTreeMap, sync::Weak};

use abi::Result;
use framework::{
    sync::{SpinLock, Wait, WaitQueue},
    task::TaskBuilder,
    time::monotonic_ns,
};

use crate::{
    cpu_limit,
    process_timers::{ProcessTimers, Slot},
};

/// A place in the queue: monotonic time and a number that makes it unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    due_ns: u64,
    serial: u64,
}

struct Entry {
    timers: Weak<ProcessTimers>,
    slot: Slot,
}

struct Queue {
    entries: BTreeMap<Place, Entry>,
    serial: u64,
}

static QUEUE: SpinLock<Queue> = SpinLock::new(Queue { entries: BTreeMap::new(), serial: 0 });
/// Woken when an earlier time is queued.
static CHANGED: WaitQueue = WaitQueue::new();

/// Starts the kernel task that serves timers.
///
/// # Errors
/// `ENOMEM` without memory for the task.
pub fn init() -> Result<()> {
    crate::proc::init();
    TaskBuilder::new("timers", serve).spawn()?;
    Ok(())
}

/// Queues `slot` of `timers` for a look at monotonic time `due_ns`.
pub(crate) fn insert(due_ns: u64, timers: Weak<ProcessTimers>, slot: Slot) -> Place {
    let (place, is_first) = {
        let mut queue = QUEUE.lock();
        queue.serial += 1;
        let place = Place { due_ns, serial: queue.serial };
        queue.entries.insert(place, Entry { timers, slot });
        let first = queue.entries.first_key_value().map(|(first, _)| *first);
        (place, first == Some(place))
    };
    if is_first {
        CHANGED.wake_all();
    }
    place
}

/// Takes a place out of the queue.
pub(crate) fn remove(place: Place) {
    let entry = QUEUE.lock().entries.remove(&place);
    drop(entry);
}

/// Makes the task look again, at what is not in the queue.
pub(crate) fn nudge() {
    CHANGED.wake_all();
}

fn next_due() -> Option<u64> {
    let queued = QUEUE.lock().entries.first_key_value().map(|(place, _)| place.due_ns);
    match (queued, cpu_limit::next_look_ns()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn take_due(now_ns: u64) -> Option<(Place, Entry)> {
    let mut queue = QUEUE.lock();
    let first = queue.entries.first_entry()?;
    (first.key().due_ns <= now_ns).then(|| first.remove_entry())
}

fn serve() {
    loop {
        let due = next_due();
        let mut how = Wait::uninterruptible();
        if let Some(due) = due {
            how = how.deadline_ns(due);
        }
        // Woken early when the first due time has changed.
        let _ = CHANGED.wait(how, || (next_due() != due).then_some(()));
        let now = monotonic_ns();
        while let Some((place, entry)) = take_due(now) {
            if let Some(timers) = entry.timers.upgrade() {
                timers.look(entry.slot, place);
            }
        }
        cpu_limit::look(now);
    }
}
