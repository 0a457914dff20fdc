// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Scheduling policies and priorities.
//!
//! Spec: sched(7), sched_setscheduler(2), getpriority(2).

/// Fair.
pub const SCHED_OTHER: i32 = 0;
/// Real-time, until it blocks or yields.
pub const SCHED_FIFO: i32 = 1;
/// Real-time, in turn with its equals.
pub const SCHED_RR: i32 = 2;
/// Fair, never preempts on waking.
pub const SCHED_BATCH: i32 = 3;
/// Fair, with hardly any weight.
pub const SCHED_IDLE: i32 = 5;
/// Earliest deadline first.
pub const SCHED_DEADLINE: i32 = 6;
/// By a program in BPF.
pub const SCHED_EXT: i32 = 7;
/// Beside the policy: children start as [`SCHED_OTHER`].
pub const SCHED_RESET_ON_FORK: i32 = 0x4000_0000;

/// `which` of getpriority(2): a process.
pub const PRIO_PROCESS: u32 = 0;
/// `which`: a process group.
pub const PRIO_PGRP: u32 = 1;
/// `which`: a user.
pub const PRIO_USER: u32 = 2;
