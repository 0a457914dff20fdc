// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One CPU's queue: both classes, what runs now, and the clock of fairness.

use alloc::sync::Arc;

use crate::class::{Params, Policy, is_packed_realtime};
use crate::entity::Entity;
use crate::fair::FairQueue;
use crate::realtime::{Place, RealtimeQueue};
use crate::weight::virtual_ns;

/// In this time each waiting fair task should have run once.
const LATENCY_NS: u64 = 12_000_000;
/// No fair task runs for less, unless it is preempted by a waking one.
const MIN_SLICE_NS: u64 = 3_000_000;
/// A waking task preempts only if it is this much behind the running one.
const WAKEUP_NS: u64 = 1_000_000;
/// A task that slept starts at most this much before the others.
const SLEEPER_CREDIT_NS: u64 = 6_000_000;
/// From twice as many waiting tasks on, a new one starts less far behind the others, and one
/// that slept less far before them: of a thousand that sleep and wake, each would otherwise
/// use up its whole credit before a new one has its first turn.
const CROWD: u64 = 8;
/// The turn of `SCHED_RR`.
pub(crate) const ROUND_ROBIN_NS: u64 = 100_000_000;

/// What runs on the CPU.
#[derive(Clone, Copy)]
struct Running {
    id: u64,
    /// The packed parameters.
    params: u64,
    weight: u64,
    /// When it had run for `accounted`.
    vruntime: u64,
    accounted: u64,
    started_ns: u64,
    /// Its run time when its slice began.
    slice_start: u64,
    yielded: bool,
}

/// How a task comes to a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was just made.
    New,
    /// It slept.
    Wake,
    /// It waited in another queue.
    Moved,
}

/// Waiting tasks of one CPU.
pub(crate) struct RunQueue<T> {
    fair: FairQueue<T>,
    realtime: RealtimeQueue<T>,
    running: Option<Running>,
    /// Never decreases; new and woken tasks are placed around it.
    min_vruntime: u64,
    pub(crate) ticks: u32,
}

impl<T: Entity> RunQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            fair: FairQueue::new(),
            realtime: RealtimeQueue::new(),
            running: None,
            min_vruntime: 0,
            ticks: 0,
        }
    }

    /// How many wait.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.fair.len() + self.realtime.len()
    }

    /// How many wait or run.
    #[inline]
    pub(crate) fn runnable(&self) -> usize {
        self.waiting() + usize::from(self.running.is_some())
    }

    #[inline]
    pub(crate) fn min_vruntime(&self) -> u64 {
        self.min_vruntime
    }

    /// Adds a task. `base` is the minimum of the queue it was in last. True if it
    /// should run before the current one.
    #[inline]
    pub(crate) fn arrive(&mut self, task: Arc<T>, why: Arrival, base: u64, now: u64) -> bool {
        if task.is_realtime() {
            let preempts = self.realtime_preempts(task.params());
            self.realtime.insert(task, Place::Back);
            return preempts;
        }
        let params = task.packed_params();
        let weight = task.weight();
        let vruntime = self.place(task.vruntime(), why, base, weight);
        task.set_vruntime(vruntime);
        let preempts = why != Arrival::New && self.fair_preempts(params, vruntime, weight, now)
            || self.running.is_none();
        self.fair.insert(task);
        preempts
    }

    /// The virtual run time of an arriving task in the terms of this queue.
    #[inline]
    fn place(&self, vruntime: u64, why: Arrival, base: u64, weight: u64) -> u64 {
        if why == Arrival::New {
            let start = self.in_crowd(MIN_SLICE_NS);
            return self.min_vruntime.saturating_add(virtual_ns(start, weight));
        }
        let floor = match why {
            Arrival::Wake => self.min_vruntime.saturating_sub(self.in_crowd(SLEEPER_CREDIT_NS)),
            Arrival::New | Arrival::Moved => 0,
        };
        if vruntime >= base {
            let ahead = (vruntime - base).min(virtual_ns(LATENCY_NS, weight));
            self.min_vruntime.saturating_add(ahead)
        } else {
            self.min_vruntime.saturating_sub(base - vruntime).max(floor)
        }
    }

    /// What is left of `ns` among as many as wait here.
    #[inline]
    fn in_crowd(&self, ns: u64) -> u64 {
        ns / (self.fair.len() as u64 / CROWD).max(1)
    }

    fn realtime_preempts(&self, params: Params) -> bool {
        self.running.is_none_or(|running| {
            !is_packed_realtime(running.params)
                || Params::unpack(running.params).priority < params.priority
        })
    }

    #[inline]
    fn fair_preempts(&self, params: u64, vruntime: u64, weight: u64, now: u64) -> bool {
        let Some(running) = &self.running else { return true };
        // Plain tasks, which most are, have 0 here.
        if params | running.params != 0 {
            let (woken, runs) = (Params::unpack(params).policy, Params::unpack(running.params));
            match (woken, runs.policy) {
                (_, Policy::Fifo | Policy::RoundRobin) | (Policy::Batch | Policy::Idle, _) => {
                    return false;
                }
                (Policy::Other, Policy::Idle) => return true,
                _ => {}
            }
        }
        let ran = virtual_ns(now.saturating_sub(running.started_ns), running.weight);
        let gone = running.vruntime.saturating_add(ran);
        gone > vruntime.saturating_add(virtual_ns(WAKEUP_NS, weight))
    }

    /// Takes back the task that ran and can go on.
    #[inline]
    pub(crate) fn put_back(&mut self, task: Arc<T>) {
        task.account();
        let running = self.running.take();
        let yielded = running.is_some_and(|running| running.yielded);
        if task.is_realtime() {
            let turn_over = running.is_some_and(|running| turn_is_over(&running, &*task));
            let place = if yielded || turn_over { Place::Back } else { Place::Front };
            self.realtime.insert(task, place);
            return;
        }
        if let Some(first) = self.fair.first_vruntime().filter(|_| yielded) {
            task.set_vruntime(task.vruntime().max(first.saturating_add(1)));
        }
        self.fair.insert(task);
    }

    /// True if the task that ran may go on without a look at the queue.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.fair.first_vruntime().is_none() && self.realtime.len() == 0
    }

    /// The running task went to sleep. Another CPU may have woken and queued it
    /// already, so its virtual run time may be in the terms of another queue.
    #[inline]
    pub(crate) fn block(&mut self, task: &T, cpu: usize) {
        let Some(running) = self.running.take() else { return };
        if !is_packed_realtime(running.params) {
            let ran = task.run_time_ns().saturating_sub(running.accounted);
            self.advance(running.vruntime.saturating_add(virtual_ns(ran, running.weight)));
        }
        if task.queue() == Some(cpu) {
            task.account();
        }
    }

    /// Takes what runs next.
    #[inline]
    pub(crate) fn take_next(&mut self) -> Option<Arc<T>> {
        self.running = None;
        self.realtime.pop().or_else(|| self.fair.pop())
    }

    /// Takes a task for another CPU: one that may run on a CPU of `mask`.
    pub(crate) fn steal(&mut self, mask: u64) -> Option<Arc<T>> {
        self.realtime.steal(mask).or_else(|| self.fair.steal(mask))
    }

    /// Takes a given task out, if it waits here.
    pub(crate) fn remove(&mut self, task: &T) -> Option<Arc<T>> {
        self.fair.remove(task).or_else(|| self.realtime.remove(task))
    }

    /// Notes that `task` runs from `now` on.
    #[inline]
    pub(crate) fn run(&mut self, task: &T, now: u64) {
        let params = task.packed_params();
        let vruntime = task.vruntime();
        let slice_start = task.run_time_ns();
        self.running = Some(Running {
            id: task.id(),
            params,
            weight: task.weight(),
            vruntime,
            accounted: slice_start,
            started_ns: now,
            slice_start,
            yielded: false,
        });
        if !is_packed_realtime(params) {
            self.advance(vruntime);
        }
    }

    #[inline]
    fn advance(&mut self, running: u64) {
        let least = self.fair.first_vruntime().map_or(running, |first| first.min(running));
        self.min_vruntime = self.min_vruntime.max(least);
    }

    /// The running task gives way.
    pub(crate) fn yielded(&mut self) {
        if let Some(running) = &mut self.running {
            running.yielded = true;
        }
    }

    /// The running task's class or weight changed.
    pub(crate) fn refresh(&mut self, task: &T) {
        if let Some(running) = &mut self.running
            && running.id == task.id()
        {
            running.params = task.packed_params();
            running.weight = task.weight();
        }
    }

    /// The task that runs.
    pub(crate) fn running_id(&self) -> Option<u64> {
        self.running.map(|running| running.id)
    }

    /// True if `task`, which runs, must give way.
    pub(crate) fn tick(&mut self, task: &T, now: u64) -> bool {
        task.account();
        self.ticks = self.ticks.wrapping_add(1);
        let Some(running) = &mut self.running else { return !self.is_empty() };
        running.vruntime = task.vruntime();
        running.accounted = task.run_time_ns();
        running.started_ns = now;
        let running = *running;
        if let Some(highest) = self.realtime.highest() {
            let priority = Params::unpack(running.params).priority;
            return !is_packed_realtime(running.params)
                || highest > priority
                || (highest == priority && turn_is_over(&running, task));
        }
        if is_packed_realtime(running.params) {
            return false;
        }
        self.advance(running.vruntime);
        let Some(first) = self.fair.first_vruntime() else { return false };
        let ran = task.run_time_ns().saturating_sub(running.slice_start);
        if ran < MIN_SLICE_NS {
            return false;
        }
        let share = LATENCY_NS / self.runnable() as u64;
        let slice = (share * running.weight / crate::weight::NICE_0).max(MIN_SLICE_NS);
        ran >= slice.min(4 * LATENCY_NS) || running.vruntime > first.saturating_add(slice)
    }
}

fn turn_is_over<T: Entity>(running: &Running, task: &T) -> bool {
    Params::unpack(running.params).policy == Policy::RoundRobin
        && task.run_time_ns().saturating_sub(running.slice_start) >= ROUND_ROBIN_NS
}
