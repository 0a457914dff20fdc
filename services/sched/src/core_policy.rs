// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy over all CPUs, free of clocks and interrupts.
//!
//! [`CorePolicy`] is generic over its tasks and is told the time, so the tests
//! drive it through simulated seconds; [`crate::scheduler`] connects it to the
//! framework. CPUs are plain indices below [`CorePolicy::cpu_count`].
//!
//! Locks: the `queue` of a CPU (interrupts off); no two at once, and nothing is locked
//! inside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use framework::sync::IrqLock;

use crate::entity::Entity;
use crate::load::LoadTracker;
use crate::queue::{Arrival, RunQueue};

/// Ticks between two looks at the other queues of a busy CPU.
const BALANCE_TICKS: u32 = 8;
/// Ticks after which even a difference of one task is turned round, so that three
/// tasks share two CPUs.
const ROTATE_TICKS: u32 = 64;

/// A queue, and what others may see of it without its lock.
pub(crate) struct CpuQueue<T> {
    pub(crate) queue: IrqLock<RunQueue<T>>,
    pub(crate) waiting: AtomicUsize,
    pub(crate) runnable: AtomicUsize,
    min_vruntime: AtomicU64,
}

impl<T: Entity> CpuQueue<T> {
    fn new() -> Self {
        Self {
            queue: IrqLock::new(RunQueue::new()),
            waiting: AtomicUsize::new(0),
            runnable: AtomicUsize::new(0),
            min_vruntime: AtomicU64::new(0),
        }
    }

    /// Makes the queue's figures visible; its lock is held.
    #[inline]
    pub(crate) fn publish(&self, queue: &RunQueue<T>) {
        let waiting = queue.waiting();
        self.waiting.store(waiting, Relaxed);
        self.runnable.store(waiting + usize::from(queue.running_id().is_some()), Relaxed);
        self.min_vruntime.store(queue.min_vruntime(), Relaxed);
    }
}

/// Where a task was put, and whether that CPU should choose again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) cpu: usize,
    pub(crate) preempt: bool,
}

/// The queues of all CPUs.
pub(crate) struct CorePolicy<T> {
    cpus: Vec<CpuQueue<T>>,
    /// One bit for each CPU that has nothing to run.
    pub(crate) idle: AtomicU64,
    pub(crate) load: LoadTracker,
}

impl<T: Entity> CorePolicy<T> {
    pub(crate) fn new(cpu_count: usize) -> Self {
        let cpus: Vec<_> = (0..cpu_count.clamp(1, 64)).map(|_| CpuQueue::new()).collect();
        let idle = AtomicU64::new(u64::MAX >> (64 - cpus.len()));
        Self { cpus, idle, load: LoadTracker::new() }
    }

    pub(crate) fn cpu_count(&self) -> usize {
        self.cpus.len()
    }

    pub(crate) fn cpu(&self, cpu: usize) -> Option<&CpuQueue<T>> {
        self.cpus.get(cpu)
    }

    pub(crate) fn cpus(&self) -> impl Iterator<Item = (usize, &CpuQueue<T>)> {
        self.cpus.iter().enumerate()
    }

    /// One bit for each CPU.
    pub(crate) fn all_cpus(&self) -> u64 {
        u64::MAX >> (64 - self.cpus.len())
    }

    /// Tasks that wait or run, on all CPUs.
    pub(crate) fn runnable(&self) -> usize {
        self.cpus.iter().map(|cpu| cpu.runnable.load(Relaxed)).sum()
    }

    /// Queues a runnable task; `waker` is the CPU that asks.
    pub(crate) fn enqueue(&self, task: Arc<T>, why: Arrival, waker: usize, now: u64) -> Put {
        let cpu = self.choose_cpu(&*task, why, waker);
        self.put(task, cpu, why, now)
    }

    /// Queues a task on a given CPU.
    pub(crate) fn put(&self, task: Arc<T>, cpu: usize, why: Arrival, now: u64) -> Put {
        let Some(target) = self.cpus.get(cpu) else { return Put { cpu, preempt: false } };
        let from = task.queue().unwrap_or(cpu);
        let base = self.cpus.get(from).map_or(0, |from| from.min_vruntime.load(Relaxed));
        task.set_queue(cpu);
        let mut queue = target.queue.lock();
        let base = if from == cpu { queue.min_vruntime() } else { base };
        let preempt = queue.arrive(task, why, base, now);
        target.publish(&queue);
        Put { cpu, preempt }
    }

    /// What `cpu` runs next; `prev` ran there and can go on. `kick` makes another
    /// CPU choose again.
    pub(crate) fn pick_next(
        &self,
        cpu: usize,
        prev: Option<Arc<T>>,
        now: u64,
        kick: impl Fn(usize),
    ) -> Option<Arc<T>> {
        let own = self.cpus.get(cpu)?;
        let mut prev = prev;
        loop {
            let mut queue = own.queue.lock();
            if let Some(prev) = prev.take() {
                queue.put_back(prev);
            }
            let Some(next) = queue.take_next() else {
                own.publish(&queue);
                drop(queue);
                if self.pull(cpu, 1, now) {
                    continue;
                }
                return self.go_idle(cpu, now);
            };
            if next.affinity() & (1 << cpu) == 0 && next.affinity() & self.all_cpus() != 0 {
                own.publish(&queue);
                drop(queue);
                let put = self.enqueue(next, Arrival::Moved, cpu, now);
                if put.preempt {
                    kick(put.cpu);
                }
                continue;
            }
            queue.run(&next, now);
            own.publish(&queue);
            drop(queue);
            self.unset_idle(cpu);
            return Some(next);
        }
    }

    /// Marks `cpu` as idle, unless something came in meanwhile.
    fn go_idle(&self, cpu: usize, now: u64) -> Option<Arc<T>> {
        self.idle.fetch_or(1 << cpu, Relaxed);
        let own = self.cpus.get(cpu)?;
        let mut queue = own.queue.lock();
        let next = queue.take_next()?;
        queue.run(&next, now);
        own.publish(&queue);
        drop(queue);
        self.unset_idle(cpu);
        Some(next)
    }

    #[inline]
    fn unset_idle(&self, cpu: usize) {
        let bit = 1 << cpu;
        if self.idle.load(Relaxed) & bit != 0 {
            self.idle.fetch_and(!bit, Relaxed);
        }
    }

    /// The current task of `cpu` sleeps or ended.
    pub(crate) fn blocked(&self, cpu: usize, task: &T) {
        if let Some(own) = self.cpus.get(cpu) {
            let mut queue = own.queue.lock();
            queue.block(task, cpu);
            own.publish(&queue);
        }
    }

    /// The current task of `cpu` gives way.
    pub(crate) fn yielded(&self, cpu: usize) {
        if let Some(own) = self.cpus.get(cpu) {
            own.queue.lock().yielded();
        }
    }

    /// Time passes on a busy CPU; true asks for [`CorePolicy::pick_next`].
    pub(crate) fn tick(&self, cpu: usize, task: &T, now: u64, kick: impl Fn(usize)) -> bool {
        self.load.sample(now, || self.runnable());
        let Some(own) = self.cpus.get(cpu) else { return false };
        let (mut resched, ticks, waiting) = {
            let mut queue = own.queue.lock();
            let resched = queue.tick(task, now);
            own.publish(&queue);
            (resched, queue.ticks, queue.waiting())
        };
        if task.affinity() & (1 << cpu) == 0 {
            resched = true;
        }
        if self.cpus.len() > 1 {
            if waiting > 0 {
                self.push_to_idle(cpu, now, kick);
            }
            // Out of step with the other CPUs, lest they pull a task to and fro.
            let turn = ticks.wrapping_add(cpu as u32 * 3 * BALANCE_TICKS);
            if turn.is_multiple_of(ROTATE_TICKS) {
                self.pull(cpu, waiting + 1, now);
            } else if turn.is_multiple_of(BALANCE_TICKS) {
                self.pull(cpu, waiting + 2, now);
            }
        }
        resched
    }

    /// Applies a change of parameters, nice value or CPUs to a task that may be
    /// queued or running; returns the CPU that should choose again.
    pub(crate) fn change(&self, task: &T, now: u64, apply: impl FnOnce(&T)) -> Option<usize> {
        let Some((cpu, own)) = task.queue().and_then(|cpu| Some((cpu, self.cpus.get(cpu)?))) else {
            apply(task);
            return None;
        };
        let mut queue = own.queue.lock();
        let waiting = queue.remove(task);
        apply(task);
        queue.refresh(task);
        own.publish(&queue);
        let runs_here = queue.running_id() == Some(task.id());
        drop(queue);
        match waiting {
            Some(waiting) => {
                let put = self.enqueue(waiting, Arrival::Moved, cpu, now);
                put.preempt.then_some(put.cpu)
            }
            None => runs_here.then_some(cpu),
        }
    }
}
