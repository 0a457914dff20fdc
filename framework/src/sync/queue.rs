// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`WaitQueue`]: sleep until a condition holds.
//!
//! A queue is a list through the tasks themselves: to sleep takes no memory and cannot
//! fail, and a task leaves from the middle without a search. The list holds a count of each
//! task in it, so no safe code can let a task go while it is linked.
//!
//! Locks: `sleepers` (interrupts off), then what waking takes: the run queue of a CPU.
//! Conditions are looked at outside of it.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering, fence};

use intrusive_collections::{LinkedList, LinkedListAtomicLink, intrusive_adapter};

use super::{IrqLock, Wait, WaitError, Waiter};
use crate::mm::admit;
use crate::task::{self, Task};

/// Tasks that sleep until somebody wakes them to look at a condition again.
///
/// Waking is cheap while nobody waits: one load. Who changes the condition must
/// do so before it wakes; who waits has queued up before it looks.
pub struct WaitQueue {
    /// Whether there are sleepers or pollers; read without the lock.
    is_used: AtomicBool,
    sleepers: IrqLock<Sleepers>,
}

intrusive_adapter!(ByWait = Arc<Task>: Task { wait_link => LinkedListAtomicLink });

struct Sleepers {
    tasks: LinkedList<ByWait>,
    /// By numbers that rise. One program can enlist any number, so nothing here is done to
    /// all of them with the lock held.
    pollers: BTreeMap<u64, Weak<Waiter>>,
    /// The last number.
    enlisted: u64,
    /// Where the next look for pollers that have gone begins.
    swept: u64,
}

impl Default for WaitQueue {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let is_used = self.is_used.load(Ordering::Relaxed);
        f.debug_struct("WaitQueue").field("is_used", &is_used).finish()
    }
}

/// Tasks that are woken with the lock held once, and pollers that are looked at.
const TURN: usize = 32;
/// Pollers that are looked at when one comes: more than come, so that who has gone is
/// found before the list has grown for long.
const LOOKS: usize = 4;

impl WaitQueue {
    /// An empty queue.
    #[track_caller]
    pub const fn new() -> Self {
        Self {
            is_used: AtomicBool::new(false),
            sleepers: IrqLock::new(Sleepers {
                tasks: LinkedList::new(ByWait::NEW),
                pollers: BTreeMap::new(),
                enlisted: 0,
                swept: 0,
            }),
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

    /// Lets `waiter` hear every wake-up, until it is dropped. Without memory for that it
    /// is told so: [`Waiter::is_deaf`].
    pub fn enlist(&self, waiter: &Arc<Waiter>) {
        let is_admitted = admit().is_ok();
        let mut sleepers = self.sleepers.lock();
        // One that listens twice enlists twice in a row; else twice does no harm.
        let last = sleepers.pollers.last_key_value();
        if last.is_none_or(|(_, last)| Weak::as_ptr(last) != Arc::as_ptr(waiter)) {
            sleepers.sweep();
            if is_admitted {
                sleepers.enlist(waiter);
            } else {
                waiter.set_deaf();
            }
        }
        self.is_used.store(true, Ordering::Relaxed);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    #[inline]
    fn anybody(&self) -> bool {
        // Pairs with the fence in `enqueue`: either we see the sleeper here, or it
        // sees the condition that the caller changed before.
        fence(Ordering::SeqCst);
        self.is_used.load(Ordering::Relaxed)
    }

    fn enqueue(&self, task: Arc<Task>) {
        let mut sleepers = self.sleepers.lock();
        sleepers.tasks.push_back(task);
        self.is_used.store(true, Ordering::Relaxed);
        drop(sleepers);
        fence(Ordering::SeqCst);
    }

    /// Takes the current task out; false if a waker had done so.
    fn dequeue(&self, me: &Arc<Task>) -> bool {
        // Only the task itself links, so once a waker has unlinked it, it stays so.
        if !me.wait_link.is_linked() {
            return false;
        }
        let mut sleepers = self.sleepers.lock();
        if !me.wait_link.is_linked() {
            return false;
        }
        // SAFETY: the task is linked, and in this list: only `wait` links a task, the
        // current one, and a task in one queue cannot be pushed to another (`push_back`
        // checks). Each way out of `wait` has called this for its own queue.
        let mut place = unsafe { sleepers.tasks.cursor_mut_from_ptr(Arc::as_ptr(me)) };
        let removed = place.remove();
        self.update(&sleepers);
        drop(sleepers);
        removed.is_some()
    }

    fn update(&self, sleepers: &Sleepers) {
        let is_used = !sleepers.tasks.is_empty() || !sleepers.pollers.is_empty();
        self.is_used.store(is_used, Ordering::Relaxed);
    }

    /// Tells the pollers up to a number, a few with the lock held at a time.
    fn tell_pollers(&self, last: u64) {
        let mut next = Some(0);
        while let Some(first) = next {
            let mut turn = [const { None }; TURN];
            next = self.sleepers.lock().pollers_between(first, last, &mut turn);
            turn.into_iter().flatten().for_each(|poller| poller.notify());
        }
    }

    /// Wakes up to `most`, a few with the lock held at a time: there may be many. Who comes
    /// behind the last one of the first turn is left.
    fn wake(&self, most: usize) -> usize {
        let (mut woken, mut last) = (0, None);
        loop {
            let mut sleepers = self.sleepers.lock();
            let mut is_end = false;
            for _ in 0..TURN {
                let task = if woken < most { sleepers.tasks.pop_front() } else { None };
                let Some(task) = task else {
                    is_end = true;
                    break;
                };
                task.unpark();
                woken += 1;
                is_end = last.is_some_and(|last| core::ptr::eq(last, Arc::as_ptr(&task)));
                if is_end {
                    break;
                }
            }
            if is_end {
                let pollers = sleepers.pollers.last_key_value().map(|(last, _)| *last);
                self.update(&sleepers);
                drop(sleepers);
                if let Some(last) = pollers {
                    self.tell_pollers(last);
                }
                return woken;
            }
            last = last.or_else(|| sleepers.tasks.back().get().map(core::ptr::from_ref));
        }
    }
}

impl Sleepers {
    fn enlist(&mut self, waiter: &Arc<Waiter>) {
        self.enlisted += 1;
        self.pollers.insert(self.enlisted, Arc::downgrade(waiter));
    }

    /// Forgets some of the pollers that have gone.
    fn sweep(&mut self) {
        for _ in 0..LOOKS {
            match self.pollers.range(self.swept..).next() {
                Some((&at, poller)) => {
                    self.swept = at + 1;
                    if poller.strong_count() == 0 {
                        self.pollers.remove(&at);
                    }
                }
                None => self.swept = 0,
            }
        }
    }

    /// Fills `turn` with the pollers between two numbers; where to go on, if it is full.
    fn pollers_between(
        &self,
        first: u64,
        last: u64,
        turn: &mut [Option<Arc<Waiter>>; TURN],
    ) -> Option<u64> {
        let mut pollers = self.pollers.range(first..=last);
        for found in turn {
            let (_, poller) = pollers.next()?;
            *found = poller.upgrade();
        }
        pollers.next().map(|(at, _)| *at)
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

    fn queued(queue: &WaitQueue) -> usize {
        queue.sleepers.lock().tasks.iter().count()
    }

    #[test]
    fn a_task_leaves_from_the_middle() {
        let shared = Arc::new((WaitQueue::new(), AtomicU32::new(0)));
        let (send, ended) = std::sync::mpsc::channel();
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let (shared, send) = (shared.clone(), send.clone());
                let (tell, task) = std::sync::mpsc::channel();
                let there = shared.clone();
                std::thread::spawn(move || {
                    tell.send(Task::current()).unwrap();
                    let is_open = || (shared.1.load(Ordering::SeqCst) > 0).then_some(());
                    let how = shared.0.wait(Wait::interruptible(), is_open);
                    send.send((n, how)).unwrap();
                });
                while queued(&there.0) <= n {
                    std::thread::yield_now();
                }
                task.recv().unwrap()
            })
            .collect();
        tasks[1].raise_interrupt();
        assert_eq!(ended.recv(), Ok((1, Err(WaitError::Interrupted))));
        assert_eq!(queued(&shared.0), 2);
        shared.1.store(1, Ordering::SeqCst);
        for n in [0, 2] {
            assert!(shared.0.wake_one());
            assert_eq!(ended.recv(), Ok((n, Ok(()))));
        }
        assert!(!shared.0.wake_one() && !shared.0.anybody());
    }

    #[test]
    fn a_task_that_a_panic_took_away_is_let_go() {
        let (queue, other) = (WaitQueue::new(), WaitQueue::new());
        let me = Task::current();
        let mut looks = 0;
        let wait = std::panic::AssertUnwindSafe(|| {
            queue.wait_until(|| {
                looks += 1;
                assert!(looks < 2, "queued, then gone");
                None::<()>
            })
        });
        assert!(std::panic::catch_unwind(wait).is_err());
        assert!(me.wait_link.is_linked() && Arc::strong_count(&me) == 3);
        // It cannot be put into a second queue, and leaves the first with the queue.
        let wait = std::panic::AssertUnwindSafe(|| other.wait_until(|| None::<()>));
        assert!(std::panic::catch_unwind(wait).is_err());
        drop(queue);
        assert!(!me.wait_link.is_linked() && Arc::strong_count(&me) == 2);
    }

    #[test]
    fn many_come_and_go_at_once() {
        let queue = Arc::new(WaitQueue::new());
        let rounds = if cfg!(miri) { 20 } else { 400 };
        let left = Arc::new(AtomicU32::new(4));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (queue, left) = (queue.clone(), left.clone());
                std::thread::spawn(move || {
                    for round in 0..rounds {
                        let until = time::monotonic_ns() + (round * (n + 1)) % 50_000;
                        let how = Wait::uninterruptible().deadline_ns(until);
                        assert_eq!(queue.wait(how, || None::<()>), Err(WaitError::TimedOut));
                    }
                    left.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        while left.load(Ordering::SeqCst) > 0 {
            queue.wake_one();
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(queued(&queue) == 0 && !queue.anybody());
    }

    #[test]
    fn all_pollers_hear_and_who_has_gone_is_forgotten() {
        let queue = WaitQueue::new();
        let listed = || queue.sleepers.lock().pollers.len();
        let waiters: Vec<_> = (0..3 * TURN + 1).map(|_| Waiter::new()).collect();
        for waiter in &waiters {
            queue.enlist(&Waiter::new());
            queue.enlist(waiter);
            queue.enlist(waiter);
        }
        assert!(listed() <= waiters.len() + LOOKS, "{}", listed());
        queue.wake_all();
        for waiter in waiters {
            assert_eq!(waiter.wait(Wait::uninterruptible().deadline_ns(0)), Ok(()));
        }
        for _ in 0..3 * TURN {
            queue.enlist(&Waiter::new());
        }
        assert!(listed() <= LOOKS, "{}", listed());
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
