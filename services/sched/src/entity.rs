// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the policy needs to know of a task.
//!
//! [`Entity`] is implemented by the framework's `Task`, and by a simulated one
//! in tests. The four policy words of a task are used as the constants say.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use framework::task::Task;

use crate::class::{Params, Policy, is_packed_realtime};
use crate::weight;

/// Virtual run time, in the terms of the queue the task is or was in.
const VRUNTIME: usize = 0;
/// The run time that has been turned into virtual run time.
const ACCOUNTED: usize = 1;
/// The packed [`Params`].
const PARAMS: usize = 2;
/// The queue that the task is in or was in last, plus one; 0 before the first.
const QUEUE: usize = 3;

/// A schedulable thing.
pub(crate) trait Entity: Send + Sync {
    fn id(&self) -> u64;
    fn nice(&self) -> i8;
    fn affinity(&self) -> u64;
    fn run_time_ns(&self) -> u64;
    fn words(&self) -> &[AtomicU64; 4];

    fn word(&self, index: usize) -> u64 {
        self.words().get(index).map_or(0, |word| word.load(Relaxed))
    }

    fn set_word(&self, index: usize, value: u64) {
        if let Some(word) = self.words().get(index) {
            word.store(value, Relaxed);
        }
    }

    fn vruntime(&self) -> u64 {
        self.word(VRUNTIME)
    }

    fn set_vruntime(&self, vruntime: u64) {
        self.set_word(VRUNTIME, vruntime);
    }

    fn params(&self) -> Params {
        Params::unpack(self.word(PARAMS))
    }

    /// Whether a real-time policy is set.
    #[inline]
    fn is_realtime(&self) -> bool {
        is_packed_realtime(self.word(PARAMS))
    }

    /// The packed parameters; 0 for plain `SCHED_OTHER`.
    #[inline]
    fn packed_params(&self) -> u64 {
        self.word(PARAMS)
    }

    fn set_params(&self, params: Params) {
        self.set_word(PARAMS, params.pack());
    }

    fn queue(&self) -> Option<usize> {
        self.word(QUEUE).checked_sub(1).map(|cpu| cpu as usize)
    }

    fn set_queue(&self, cpu: usize) {
        self.set_word(QUEUE, cpu as u64 + 1);
    }

    /// The weight in the fair class.
    #[inline]
    fn weight(&self) -> u64 {
        if self.packed_params() == 0 && self.nice() == 0 {
            return weight::NICE_0;
        }
        match self.params().policy {
            Policy::Idle => weight::IDLE,
            Policy::Other | Policy::Batch | Policy::Fifo | Policy::RoundRobin => {
                weight::of_nice(self.nice())
            }
        }
    }

    /// Turns run time since the last call into virtual run time; returns it in nanoseconds.
    fn account(&self) -> u64 {
        let now = self.run_time_ns();
        let ran = now.saturating_sub(self.word(ACCOUNTED));
        if ran > 0 {
            self.set_word(ACCOUNTED, now);
            let step = weight::virtual_ns(ran, self.weight());
            self.set_vruntime(self.vruntime().saturating_add(step));
        }
        ran
    }
}

impl Entity for Task {
    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn nice(&self) -> i8 {
        self.sched().nice()
    }

    fn affinity(&self) -> u64 {
        self.sched().affinity().bits()
    }

    fn run_time_ns(&self) -> u64 {
        self.sched().run_time_ns()
    }

    fn words(&self) -> &[AtomicU64; 4] {
        &self.sched().policy
    }
}
