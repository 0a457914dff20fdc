// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The queue of due times.
//!
//! Locks: `QUEUE` (preemption off) is a leaf; timers are looked at, and dropped, outside of
//! it.

use alloc::{collections::BTreeMap, sync::Weak};

use framework::sync::{SpinLock, WaitQueue};

use crate::which::Slot;

/// A place in the queue: monotonic time and a number that makes it unique.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    due_ns: u64,
    serial: u64,
}

/// Timers that can be queued.
pub(crate) trait Timers: Send + Sync {
    /// Looks at a timer whose place in the queue has come.
    fn look(&self, slot: Slot, place: Place);
}

/// A timer in the queue.
pub(crate) struct Entry {
    pub(crate) timers: Weak<dyn Timers>,
    pub(crate) slot: Slot,
}

struct Queue {
    entries: BTreeMap<Place, Entry>,
    serial: u64,
}

static QUEUE: SpinLock<Queue> = SpinLock::new(Queue { entries: BTreeMap::new(), serial: 0 });
/// Woken when an earlier time is queued, and by [`nudge`].
pub(crate) static CHANGED: WaitQueue = WaitQueue::new();

/// Queues `slot` of `timers` for a look at monotonic time `due_ns`.
pub(crate) fn insert(due_ns: u64, timers: Weak<dyn Timers>, slot: Slot) -> Place {
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

/// The first time in the queue.
pub(crate) fn first_due() -> Option<u64> {
    QUEUE.lock().entries.first_key_value().map(|(place, _)| place.due_ns)
}

/// Takes out the first timer if it is due.
pub(crate) fn take_due(now_ns: u64) -> Option<(Place, Entry)> {
    let mut queue = QUEUE.lock();
    let first = queue.entries.first_entry()?;
    (first.key().due_ns <= now_ns).then(|| first.remove_entry())
}
