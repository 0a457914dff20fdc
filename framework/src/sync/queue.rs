// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`WaitQueue`]: sleep until a condition holds.
//!
//! Locks: `sleepers` (interrupts off), then what waking takes: the run queue of a CPU.
//! Conditions are looked at outside of it.

use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use super::{IrqLock, Wait, WaitError, Waiter};
use crate::task::{self, Task};

/// Tasks that sleep until somebody wakes them to look at a condition again.
///
/// Waking is cheap while nobody waits: one load. Who changes the condition must
/// do so before it wakes; who waits has queued up before it looks.
pub struct WaitQueue {
    /// Number of sleepers and pollers; read without the lock.
    len: AtomicUsize,
    sleepers: IrqLock<Sleepers>,
}

struct Sleepers {
    tasks: VecDeque<Arc<Task>>,
    pollers: Vec<Weak<Waiter>>,
}

impl Sleepers {
    fn len(&self) -> usize {
        self.tasks.len() + self.pollers.len()
    }
}

impl Default for WaitQueue {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WaitQueue").field("len", &self.len.load(Ordering::Relaxed)).finish()
    }
}

impl WaitQueue {
    /// An empty queue.
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            len: AtomicUsize::new(0),
            sleepers: IrqLock::new(Sleepers { tasks: VecDeque::new(), pollers: Vec::new() }),
        }
    }

    /// Wakes the task that has waited longest, and every poller.
    ///
    /// Returns whether a task was woken.
    #[inline]
    pub fn wake_one(&self) -> bool {
        self.anybody() && self.wake(1) > 0
    }

    /// Wakes everybody; returns how many tasks slept.
    #[inline]
    pub fn wake_all(&self) -> usize {
        if self.anybody() { self.wake(usize::MAX) } else { 0 }
    }

    /// Sleeps until `condition` gives a value.
    pub fn wait_until<R>(&self, mut condition: impl FnMut() -> Option<R>) -> R {
        loop {
            if let Ok(value) = self.wait(Wait::uninterruptible(), &mut condition) {
                return value;
            }
        }
    }

    /// Sleeps until `condition` gives a value, or `how` says to stop.
    ///
    /// The condition is looked at first, and once more with the task queued; it
    /// must not sleep.
    ///
    /// # Errors
    /// [`WaitError`] when the wait ended otherwise; the condition was false then.
    pub fn wait<R>(
        &self,
        how: Wait,
        mut condition: impl FnMut() -> Option<R>,
    ) -> Result<R, WaitError> {
        if let Some(value) = condition() {
            return Ok(value);
        }
        let me = Task::current();
        loop {
            self.enqueue(me.clone());
            if let Some(value) = condition() {
                self.dequeue(&me);
                return Ok(value);
            }
            if let Err(why) = how.over(&me) {
                if !self.dequeue(&me) {
                    // Somebody woke us in vain: the next one gets the wake-up.
                    self.wake_one();
                }
                return Err(why);
            }
            task::park(how.deadline());
            self.dequeue(&me);
            if let Some(value) = condition() {
                return Ok(value);
            }
        }
    }

    /// Lets `waiter` hear every wake-up, until it is dropped.
    pub fn enlist(&self, waiter: &Arc<Waiter>) {
        let mut sleepers = self.sleepers.lock();
        let known = sleepers.pollers.iter().any(|known| Weak::as_ptr(known) == Arc::as_ptr(waiter));
        if !known {
            sleepers.pollers.retain(|known| known.strong_count() > 0);
            sleepers.pollers.push(Arc::downgrade(waiter));
        }
        self.len.store(sleepers.len(), Ordering::SeqCst);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    #[inline]
    fn anybody(&self) -> bool {
        // Pairs with the fence in `enqueue`: either we see the sleeper here, or it
        // sees the condition that the caller changed before.
        fence(Ordering::SeqCst);
        self.len.load(Ordering::Relaxed) != 0
    }

    fn enqueue(&self, task: Arc<Task>) {
        let mut sleepers = self.sleepers.lock();
        sleepers.tasks.push_back(task);
        self.len.store(sleepers.len(), Ordering::SeqCst);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    /// Takes `task` out; false if a waker had done so.
    fn dequeue(&self, task: &Arc<Task>) -> bool {
        let mut sleepers = self.sleepers.lock();
        let place = sleepers.tasks.iter().position(|queued| Arc::ptr_eq(queued, task));
        let removed = place.and_then(|place| sleepers.tasks.remove(place));
        self.len.store(sleepers.len(), Ordering::SeqCst);
        drop(sleepers);
        removed.is_some()
    }

    fn wake(&self, most: usize) -> usize {
        let mut woken = 0;
        let mut sleepers = self.sleepers.lock();
        while woken < most {
            let Some(task) = sleepers.tasks.pop_front() else { break };
            task.unpark();
            woken += 1;
        }
        for poller in &sleepers.pollers {
            if let Some(poller) = poller.upgrade() {
                poller.notify();
            }
        }
        self.len.store(sleepers.len(), Ordering::SeqCst);
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn waits_for_a_condition() {
        let shared = Arc::new((WaitQueue::new(), AtomicU32::new(0)));
        let other = shared.clone();
        let thread = std::thread::spawn(move || {
            other.0.wait_until(|| (other.1.load(Ordering::SeqCst) == 3).then_some(()));
        });
        for n in 1..=3 {
            shared.1.store(n, Ordering::SeqCst);
            shared.0.wake_all();
        }
        thread.join().unwrap();
    }

    #[test]
    fn deadline_ends_a_wait() {
        let queue = WaitQueue::new();
        let how = Wait::interruptible().deadline_ns(time::monotonic_ns() + 2_000_000);
        assert_eq!(queue.wait(how, || None::<()>), Err(WaitError::TimedOut));
    }

    #[test]
    fn interrupt_ends_a_wait() {
        let queue = WaitQueue::new();
        let me = Task::current();
        me.raise_interrupt();
        assert_eq!(queue.wait(Wait::interruptible(), || None::<()>), Err(WaitError::Interrupted));
        me.clear_interrupt();
    }

    #[test]
    fn a_waiter_hears_two_queues() {
        let queues = Arc::new([WaitQueue::new(), WaitQueue::new()]);
        let waiter = Waiter::new();
        for queue in queues.iter() {
            queue.enlist(&waiter);
        }
        let other = queues.clone();
        let thread = std::thread::spawn(move || other[1].wake_one());
        assert_eq!(waiter.wait(Wait::uninterruptible()), Ok(()));
        thread.join().unwrap();
    }
}
