// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`SchedState`]: what policy and framework keep with each task.

use core::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::cpu::{CpuId, CpuSet};

/// All fields are atomics: the
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
