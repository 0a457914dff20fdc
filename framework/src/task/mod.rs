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
mod sched;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::arch;
use crate::cpu::CpuId;
use crate::mm::VmSpace;
use crate::sync::SpinLock;

pub use builder::TaskBuilder;
#[cfg_attr(not(target_os = "none"), allow(unused_imports))]
pub(crate) use sched::scheduler;
pub use sched::{Enqueue, Placement, SchedState, Scheduler, TICK_NS, set_scheduler};

/// The state of a task, for parking and waking.
pub(crate) mod state {
    /// Built, not started.
    pub(crate) const NEW: u32 = 0;
    /// Running, or queued to run.
    pub(crate) const RUNNABLE: u32 = 1;
    /// Runnable, and the next park returns at once.
    pub(crate) const NOTIFIED: u32 = 2;
    /// Not queued: waits for `unpark`.
    pub(crate) const PARKED: u32 = 3;
    /// Never runs again.
    pub(crate) const DEAD: u32 = 4;
}

/// The closure a task runs.
pub(crate) type Entry = Box<dyn FnOnce() + Send>;

/// A kernel thread of execution.
pub struct Task {
    id: u64,
    name: &'static str,
    pub(crate) state: AtomicU32,
    is_interrupted: AtomicBool,
    sched: SchedState,
    ext: SpinLock<Option<Arc<dyn Any + Send + Sync>>>,
    vm_space: SpinLock<Option<Arc<VmSpace>>>,
    /// Where `vm_space` is, for comparing without the lock.
    pub(crate) vm_ptr: AtomicPtr<VmSpace>,
    pub(crate) entry: SpinLock<Option<Entry>>,
    pub(crate) machine: arch::TaskState,
}

impl core::fmt::Debug for Task {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Task {} ({})", self.id, self.name)
    }
}

impl Task {
    /// The task that runs this code.
    #[inline]
    pub fn current() -> Arc<Self> {
        arch::current_task()
    }

    /// A number that no other task has had since boot.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the task was named when it was built.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Lets a built task run.
    pub fn start(self: &Arc<Self>) {
        let old = self.state.compare_exchange(
            state::NEW,
            state::RUNNABLE,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        if old.is_ok() {
            arch::make_runnable(self.clone(), Enqueue::New);
        }
    }

    /// Ends the task's [`park`], or makes its next one return at once.
    pub fn unpark(self: &Arc<Self>) {
        let mut now = self.state.load(Ordering::Acquire);
        loop {
            let next = match now {
                state::RUNNABLE => state::NOTIFIED,
                state::PARKED => state::RUNNABLE,
                _ => return,
            };
            match self.state.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(state::PARKED) => return arch::make_runnable(self.clone(), Enqueue::Wake),
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// What was given to [`TaskBuilder::ext`], if it is a `T` and the task has
    /// not ended.
    pub fn ext<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let ext = self.ext.lock().clone()?;
        ext.downcast().ok()
    }

    /// Asks the task to come out of interruptible waits and out of user mode.
    ///
    /// The request stays until [`Self::clear_interrupt`].
    pub fn raise_interrupt(self: &Arc<Self>) {
        self.is_interrupted.store(true, Ordering::SeqCst);
        self.unpark();
        arch::kick(self);
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

    /// Changes the address space of the current task, at once.
    pub fn set_vm_space(vm_space: Option<Arc<VmSpace>>) {
        let me = Self::current();
        // The old space must stay alive until the CPU has left it.
        let old = {
            let mut slot = me.vm_space.lock();
            let old = core::mem::replace(&mut *slot, vm_space);
            me.vm_ptr.store(space_ptr(slot.as_ref()), Ordering::Relaxed);
            arch::activate_vm_space(slot.as_ref());
            old
        };
        drop(old);
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

    /// Whether the task runs on a CPU right now.
    pub fn is_running(&self) -> bool {
        arch::is_on_cpu(self)
    }

    /// Whether the task sleeps (is parked).
    pub fn is_parked(&self) -> bool {
        self.state.load(Ordering::Relaxed) == state::PARKED
    }

    /// Drops what the task refers to; it is about to end.
    pub(crate) fn release(&self) {
        let ext = self.ext.lock().take();
        drop(ext);
        let vm_space = self.vm_space.lock().take();
        self.vm_ptr.store(core::ptr::null_mut(), Ordering::Relaxed);
        arch::activate_vm_space(None);
        drop(vm_space);
    }
}

fn space_ptr(space: Option<&Arc<VmSpace>>) -> *mut VmSpace {
    space.map_or(core::ptr::null_mut(), |space| Arc::as_ptr(space).cast_mut())
}

/// Calls `f` with what the current task was given as extension, if it is a `T`.
pub fn current_ext<T: Any + Send + Sync, R>(f: impl FnOnce(&T) -> R) -> Option<R> {
    Task::current().ext::<T>().map(|ext| f(&ext))
}

/// Sleeps until somebody calls [`Task::unpark`], or until `deadline_ns`.
///
/// May also return for no reason: callers look at their condition again.
pub fn park(deadline_ns: Option<u64>) {
    arch::park(deadline_ns);
}

/// Lets other tasks run.
pub fn yield_now() {
    arch::yield_now();
}

/// Ends the current task.
pub fn exit() -> ! {
    arch::exit_task()
}

/// Context switches since boot, over all CPUs.
pub fn switches() -> u64 {
    crate::cpu::all().map(|cpu| crate::cpu::times(cpu).switches).sum()
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

fn next_id() -> u64 {
    NEXT_ID.fetch_add(1, Ordering::Relaxed)
}
