// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which CPU a task goes to, and which tasks move between CPUs.

use core::sync::atomic::Ordering::Relaxed;

use crate::core_policy::CorePolicy;
use crate::entity::Entity;
use crate::queue::Arrival;

impl<T: Entity> CorePolicy<T> {
    /// The CPU for a task that becomes runnable: the one it ran on last if idle,
    /// the waker's if idle, any idle one, else the less busy of the first two.
    pub(crate) fn choose_cpu(&self, task: &T, why: Arrival, waker: usize) -> usize {
        if self.cpu_count() == 1 {
            return 0;
        }
        let allowed = match task.affinity() & self.all_cpus() {
            // No such CPU (any more): better anywhere than nowhere.
            0 => self.all_cpus(),
            allowed => allowed,
        };
        let last = task.queue().unwrap_or(waker);
        let idle = self.idle.load(Relaxed) & allowed;
        if idle != 0 {
            let bit = |cpu: usize| 1 << cpu;
            let cpu = match idle {
                _ if why != Arrival::New && idle & bit(last) != 0 => last,
                _ if idle & bit(waker) != 0 => waker,
                _ => idle.trailing_zeros() as usize,
            };
            // Taken, so that the next task does not come here too.
            self.idle.fetch_and(!bit(cpu), Relaxed);
            return cpu;
        }
        if why == Arrival::New {
            return self.least_busy(allowed, waker);
        }
        let candidates = [last, waker].into_iter().filter(|cpu| allowed & (1 << cpu) != 0);
        candidates
            .min_by_key(|&cpu| self.runnable_on(cpu) + usize::from(cpu != last))
            .unwrap_or_else(|| self.least_busy(allowed, waker))
    }

    fn runnable_on(&self, cpu: usize) -> usize {
        self.cpu(cpu).map_or(usize::MAX, |cpu| cpu.runnable.load(Relaxed))
    }

    fn least_busy(&self, allowed: u64, waker: usize) -> usize {
        self.cpus()
            .map(|(cpu, _)| cpu)
            .filter(|&cpu| allowed & (1 << cpu) != 0)
            .min_by_key(|&cpu| (self.runnable_on(cpu), usize::from(cpu != waker)))
            .unwrap_or(waker)
    }

    /// Takes a task from the CPU with the most waiting tasks, if they are at least
    /// `at_least`. True if one came.
    pub(crate) fn pull(&self, cpu: usize, at_least: usize, now: u64) -> bool {
        if self.cpu_count() == 1 {
            return false;
        }
        let busiest = self
            .cpus()
            .filter(|(other, _)| *other != cpu)
            .max_by_key(|(_, queue)| queue.waiting.load(Relaxed));
        let Some((_, victim)) = busiest else { return false };
        if victim.waiting.load(Relaxed) < at_least {
            return false;
        }
        let task = {
            let mut queue = victim.queue.lock();
            let task = queue.steal(1 << cpu);
            victim.publish(&queue);
            task
        };
        match task {
            Some(task) => {
                self.put(task, cpu, Arrival::Moved, now);
                true
            }
            None => false,
        }
    }

    /// Gives a waiting task of a busy CPU to an idle one.
    pub(crate) fn push_to_idle(&self, cpu: usize, now: u64, kick: impl Fn(usize)) {
        let idle = self.idle.load(Relaxed) & !(1 << cpu);
        if idle == 0 {
            return;
        }
        let Some(own) = self.cpu(cpu) else { return };
        let task = {
            let mut queue = own.queue.lock();
            let task = queue.steal(idle);
            own.publish(&queue);
            task
        };
        let Some(task) = task else { return };
        let target = (idle & task.affinity()).trailing_zeros() as usize;
        self.idle.fetch_and(!(1 << target), Relaxed);
        self.put(task, target, Arrival::Moved, now);
        kick(target);
    }
}
