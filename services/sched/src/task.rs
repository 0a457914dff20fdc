// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a task has of scheduling parameters, and what its children get.

use framework::task::Task;

use crate::class::{Params, Policy};
use crate::entity::Entity;
use crate::queue::ROUND_ROBIN_NS;

/// The policy and parameters of a task.
pub fn params(task: &Task) -> Params {
    Entity::params(task)
}

/// Gives a new task its parent's policy, nice value and CPUs; call it before the
/// task starts.
pub fn inherit(parent: &Task, child: &Task) {
    let mut params = params(parent);
    let mut nice = parent.sched().nice();
    if params.reset_on_fork {
        if params.policy.is_realtime() {
            nice = 0;
            params.policy = Policy::Other;
        }
        nice = nice.max(0);
        params = Params { policy: params.policy, ..Params::default() };
    }
    child.set_params(params);
    child.sched().set_nice(nice);
    child.sched().set_affinity(parent.sched().affinity());
}

/// sched_rr_get_interval(2): the time slice of `SCHED_RR`. The others have none, and
/// Linux says 0 of fair tasks too as long as their slice is below its tick.
pub fn rr_interval_ns(task: &Task) -> u64 {
    match params(task).policy {
        Policy::RoundRobin => ROUND_ROBIN_NS,
        Policy::Fifo | Policy::Other | Policy::Batch | Policy::Idle => 0,
    }
}
