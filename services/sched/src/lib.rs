// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Scheduling policy: who runs where, and for how long.
//!
//! A fair class after Linux's CFS (weighted virtual run time, wake-up
//! preemption), real-time FIFO and round-robin classes above it, one queue per
//! CPU, idle pull and periodic balancing. The mechanism is the framework's; this
//! crate answers its [`framework::task::Scheduler`] questions and keeps what the
//! `sched_*` system calls set.
//!
//! Locks: each queue has its own, and no two are ever held at once.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod class;
mod core_policy;
mod entity;
mod fair;
mod load;
mod placement;
mod proc;
mod queue;
mod realtime;
mod scheduler;
mod task;
mod weight;

#[cfg(test)]
mod tests;

pub use class::{Caller, Params, Policy, check_params, may_set, priority_range};
pub use load::LoadAverage;
pub use proc::show_schedstat;
pub use scheduler::{init, load_average, running, set_affinity, set_nice, set_params};
pub use task::{inherit, params, rr_interval_ns};

/// The result of a call: errors carry Linux's number.
pub use abi::Result;
