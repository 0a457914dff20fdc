// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The hook for scheduling policy.
//!
//! The framework owns the mechanism: it switches contexts, accounts time and
//! sends interrupts between CPUs. Policy lives in `services/sched` behind
//! [`Scheduler`]; all its methods run with interrupts off and must not sleep,
//! log or allocate without bound.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::Task;
use crate::cpu::CpuId;
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
    /// Queues a task that has become runnable. Honour [`super::SchedState::affinity`].
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

pub(crate) fn scheduler() -> Option<&'static dyn Scheduler> {
    SCHEDULER.get().map(|scheduler| &**scheduler)
}
