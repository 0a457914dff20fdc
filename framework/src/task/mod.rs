// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tasks: kernel threads of execution, and the hook for scheduling policy.
//!
//! A [`Task`] runs a closure on a kernel stack of its own; a user thread is a
//! task whose closure loops over [`crate::user::UserContext::run`]. This module
//! owns starting, parking, waking and ending tasks; which runnable task runs
//! where is the business of the installed [`Scheduler`].
//!
//! Locks: `ext`, `vm_space` and `entry` are leaves (preemption off).

mod builder;
mod run;
pub(crate) mod run_state;
mod sched;
mod state;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use intrusive_collections::LinkedListAtomicLink;

use crate::arch;
use crate::cpu::CpuId;
use crate::mm::VmSpace;
use crate::sync::SpinLock;

pub use builder::TaskBuilder;
pub use run::{current_ext, exit, park, switches, yield_now};
pub(crate) use run_state::RunState;
pub(crate) use sched::scheduler;
pub use sched::{Enqueue, Placement, Scheduler, TICK_NS, set_scheduler};
pub use state::SchedState;

/// The closure a task runs.
pub(crate) type Entry = Box<dyn FnOnce() + Send>;

/// A kernel thread of execution.
pub struct Task {
    id: u64,
    name: &'static str,
    pub(crate) state: RunState,
    is_interrupted: AtomicBool,
    /// The place in the wait queue that the task sleeps in.
    pub(crate) wait_link: LinkedListAtomicLink,
    sched: SchedState,
    ext: SpinLock<Option<Arc<dyn Any + Send + Sync>>>,
    vm_space: SpinLock<Option<Arc<VmSpace>>>,
    pub(crate) entry: SpinLock<Option<Entry>>,
    pub(crate) machine: arch::TaskState,
}

impl core::fmt::Debug for Task {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Task {} ({})", self.id, self.name)
    }
}

impl Task {
    /// A number that no other task has had since boot.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the task was named when it was built.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What was given to [`TaskBuilder::ext`], if it is a `T` and the task has
    /// not ended.
    pub fn ext<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let ext = self.ext.lock().clone()?;
        ext.downcast().ok()
    }

    /// Takes the request back (the task itself does, when it has looked).
    #[inline]
    pub fn clear_interrupt(&self) {
        self.is_interrupted.store(false, Ordering::SeqCst);
    }

    /// Whether the request stands.
    #[inline]
    pub fn interrupt_pending(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    /// The address space that is active while the task runs.
    pub fn vm_space(&self) -> Option<Arc<VmSpace>> {
        self.vm_space.lock().clone()
    }

    /// Time that the task has run, in nanoseconds.
    pub fn run_time_ns(&self) -> u64 {
        self.sched.run_time_ns()
    }

    /// The task's share of [`Self::run_time_ns`] in user mode, in nanoseconds
    /// (sampled).
    pub fn user_time_ns(&self) -> u64 {
        self.sched.user_time_ns()
    }

    /// What the scheduling policy keeps with the task.
    pub fn sched(&self) -> &SchedState {
        &self.sched
    }

    /// The CPU that the task runs on, or last ran on.
    pub fn cpu(&self) -> CpuId {
        self.sched.cpu()
    }

    /// Whether the task sleeps (is parked).
    pub fn is_parked(&self) -> bool {
        self.state.is_parked()
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}
