// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The hook for scheduling policy.
//!
//! The framework owns the mechanism: it switches contexts, accounts time and
//! sends interrupts between CPUs. Policy lives in `services/sched` behind
//! [`Scheduler`]; all its methods run with interrupts off and must not sleep,
//! log or allocate without bound.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use super::Task;
use crate::cpu::{CpuId, CpuSet};
use crate::sync::Once;

/// Why a task becomes runnable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueue {
    /// It was started.
    New,
    /// It slept and was woken.
    Wake,
}

/// Where a task was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The CPU that will run it.
    pub cpu: CpuId,
    /// Whether that CPU should choose again at once (it idles, or the new task
    /// should run before its current one). The framework tells it.
    pub preempt: bool,
}

/// Decides which runnable task runs where, and for how long.
///
/// A task given to [`Self::enqueue`], or to [`Self::pick_next`] as `prev`, is the
/// policy's to keep until `pick_next` returns it. The framework never enqueues a
/// task that the policy already keeps.
pub trait Scheduler: Send + Sync {
    /// Queues a task that has become runnable. Honour [`SchedState::affinity`].
    fn enqueue(&self, task: Arc<Task>, why: Enqueue) -> Placement;

    /// Chooses what `cpu` runs next; `None` lets it idle.
    ///
    /// `prev` is the task that ran there, when it can go on running (preempted or
    /// yielding); its run time is up to date. May take tasks from other CPUs.
    fn pick_next(&self, cpu: CpuId, prev: Option<Arc<Task>>) -> Option<Arc<Task>>;

    /// The current task of `cpu` has gone to sleep or ended; its time is up to date.
    fn task_blocked(&self, cpu: CpuId, task: &Task) {
        let _ = (cpu, task);
    }

    /// Called every [`TICK_NS`] on each CPU that is not idle; true asks for
    /// [`Self::pick_next`].
    fn tick(&self, cpu: CpuId, current: &Task) -> bool;

    /// The current task gives way to others.
    fn yielded(&self, cpu: CpuId, current: &Task) {
        let _ = (cpu, current);
    }
}

/// Time between two calls of [`Scheduler::tick`] on a busy CPU, in nanoseconds.
pub const TICK_NS: u64 = 4_000_000;

static SCHEDULER: Once<Box<dyn Scheduler>> = Once::new();

/// Installs the scheduling policy; the first call counts.
pub fn set_scheduler(scheduler: Box<dyn Scheduler>) {
    let _ = SCHEDULER.set(scheduler);
}

#[cfg_attr(not(target_os = "none"), allow(dead_code))]
pub(crate) fn scheduler() -> Option<&'static dyn Scheduler> {
    SCHEDULER.get().map(|scheduler| &**scheduler)
}

/// What policy and framework keep with each task. All fields are atomics: the
/// policy reads and writes them under its own locks.
#[derive(Debug)]
pub struct SchedState {
    nice: AtomicI32,
    affinity: AtomicU64,
    cpu: AtomicU32,
    run_time_ns: AtomicU64,
    user_time_ns: AtomicU64,
    switches: [AtomicU64; 2],
    /// Free for the policy (virtual run time, …).
    pub policy: [AtomicU64; 4],
}

impl SchedState {
    pub(crate) fn new(nice: i8, affinity: CpuSet) -> Self {
        Self {
            nice: AtomicI32::new(nice.into()),
            affinity: AtomicU64::new(affinity.bits()),
            cpu: AtomicU32::new(0),
            run_time_ns: AtomicU64::new(0),
            user_time_ns: AtomicU64::new(0),
            switches: [const { AtomicU64::new(0) }; 2],
            policy: [const { AtomicU64::new(0) }; 4],
        }
    }

    /// The nice value, -20 to 19.
    pub fn nice(&self) -> i8 {
        self.nice.load(Ordering::Relaxed) as i8
    }

    /// Changes the nice value; clamped to -20..=19.
    pub fn set_nice(&self, nice: i8) {
        self.nice.store(i32::from(nice).clamp(-20, 19), Ordering::Relaxed);
    }

    /// The CPUs that the task may run on.
    pub fn affinity(&self) -> CpuSet {
        CpuSet::from_bits(self.affinity.load(Ordering::Relaxed))
    }

    /// Changes the CPUs that the task may run on; takes effect when it is next
    /// queued.
    pub fn set_affinity(&self, affinity: CpuSet) {
        self.affinity.store(affinity.bits(), Ordering::Relaxed);
    }

    /// The CPU that runs the task, or ran it last.
    pub fn cpu(&self) -> CpuId {
        CpuId(self.cpu.load(Ordering::Relaxed))
    }

    /// Time that the task has run, in nanoseconds.
    pub fn run_time_ns(&self) -> u64 {
        self.run_time_ns.load(Ordering::Relaxed)
    }

    /// The sampled share of it in user mode, in nanoseconds.
    pub fn user_time_ns(&self) -> u64 {
        self.user_time_ns.load(Ordering::Relaxed).min(self.run_time_ns())
    }

    /// How often the task went to sleep, and how often it was preempted.
    pub fn switches(&self) -> (u64, u64) {
        let [voluntary, forced] = &self.switches;
        (voluntary.load(Ordering::Relaxed), forced.load(Ordering::Relaxed))
    }
}

#[cfg_attr(not(target_os = "none"), allow(dead_code))]
impl SchedState {
    pub(crate) fn set_cpu(&self, cpu: CpuId) {
        self.cpu.store(cpu.0, Ordering::Relaxed);
    }

    pub(crate) fn add_run_time(&self, ns: u64) {
        // Only the CPU that runs the task writes.
        let sum = self.run_time_ns.load(Ordering::Relaxed).wrapping_add(ns);
        self.run_time_ns.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn add_user_time(&self, ns: u64) {
        let sum = self.user_time_ns.load(Ordering::Relaxed).wrapping_add(ns);
        self.user_time_ns.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn count_switch(&self, forced: bool) {
        let [voluntary, preempted] = &self.switches;
        let counter = if forced { preempted } else { voluntary };
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}
