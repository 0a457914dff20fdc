// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy connected to the framework, and the calls that change it.

use alloc::boxed::Box;
use alloc::sync::Arc;

use abi::err;
use framework::cpu::{self, CpuId, CpuSet};
use framework::sync::Once;
use framework::task::{Enqueue, Placement, Scheduler, Task, set_scheduler};
use framework::time::monotonic_ns;

use crate::Result;
use crate::class::Params;
use crate::core_policy::{CorePolicy, Put};
use crate::load::LoadAverage;
use crate::queue::Arrival;

static POLICY: Once<CorePolicy<Task>> = Once::new();

/// The framework's view of the policy.
struct Hook(&'static CorePolicy<Task>);

/// Installs the policy; to be called once the number of CPUs is final.
pub fn init() {
    let policy = POLICY.call_once(|| CorePolicy::new(cpu::count()));
    set_scheduler(Box::new(Hook(policy)));
    crate::proc::init();
}

impl Scheduler for Hook {
    fn enqueue(&self, task: Arc<Task>, why: Enqueue) -> Placement {
        let why = match why {
            Enqueue::New => Arrival::New,
            Enqueue::Wake => Arrival::Wake,
        };
        let Put { cpu, preempt } =
            self.0.enqueue(task, why, cpu::current().index(), monotonic_ns());
        Placement { cpu: CpuId::new(cpu).unwrap_or(CpuId::BOOT), preempt }
    }

    fn pick_next(&self, cpu: CpuId, prev: Option<Arc<Task>>) -> Option<Arc<Task>> {
        self.0.pick_next(cpu.index(), prev, monotonic_ns(), kick)
    }

    fn task_blocked(&self, cpu: CpuId, task: &Task) {
        self.0.blocked(cpu.index(), task);
    }

    fn tick(&self, cpu: CpuId, current: &Task) -> bool {
        self.0.tick(cpu.index(), current, monotonic_ns(), kick)
    }

    fn yielded(&self, cpu: CpuId, _current: &Task) {
        self.0.yielded(cpu.index());
    }
}

fn kick(cpu: usize) {
    if let Some(cpu) = CpuId::new(cpu) {
        cpu::resched(cpu);
    }
}

/// Applies a change to a task wherever it is.
fn change(task: &Task, apply: impl FnOnce(&Task)) {
    match POLICY.get() {
        Some(policy) => {
            if let Some(cpu) = policy.change(task, monotonic_ns(), apply) {
                kick(cpu);
            }
        }
        None => apply(task),
    }
}

/// Tasks that run or wait to run.
pub fn running() -> usize {
    POLICY.get().map_or(1, |policy| policy.runnable())
}

/// The load averages over 1, 5 and 15 minutes.
pub fn load_average() -> [LoadAverage; 3] {
    POLICY.get().map_or_else(Default::default, |policy| {
        policy.load.sample(monotonic_ns(), || policy.runnable());
        policy.load.averages()
    })
}

/// Changes the nice value of a task, clamped to -20..=19.
pub fn set_nice(task: &Task, nice: i8) {
    change(task, |task| task.sched().set_nice(nice));
}

/// Changes the policy and parameters of a task. The caller checked permissions.
pub fn set_params(task: &Task, params: Params) {
    change(task, |task| crate::entity::Entity::set_params(task, params));
}

/// Changes the CPUs that a task may run on; those that do not exist are ignored.
///
/// # Errors
/// `EINVAL` if no CPU of `affinity` exists.
pub fn set_affinity(task: &Task, affinity: CpuSet) -> Result<()> {
    let mut online = CpuSet::EMPTY;
    cpu::all().for_each(|cpu| online.insert(cpu));
    let affinity = affinity.intersection(online);
    if affinity.is_empty() {
        return err!(EINVAL, "no such CPU");
    }
    change(task, |task| task.sched().set_affinity(affinity));
    Ok(())
}
