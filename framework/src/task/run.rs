// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting, waking, parking and ending tasks, and what the current one does.

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering;

use super::{Enqueue, Task};
use crate::arch;
use crate::mm::VmSpace;

impl Task {
    /// The task that runs this code.
    #[inline]
    pub fn current() -> Arc<Self> {
        arch::current_task()
    }

    /// Lets a built task run.
    pub fn start(self: &Arc<Self>) {
        if self.state.start() {
            arch::make_runnable(self.clone(), Enqueue::New);
        }
    }

    /// Ends the task's [`park`], or makes its next one return at once.
    pub fn unpark(self: &Arc<Self>) {
        if self.state.wake() {
            arch::make_runnable(self.clone(), Enqueue::Wake);
        }
    }

    /// Asks the task to come out of interruptible waits and out of user mode.
    ///
    /// The request stays until [`Self::clear_interrupt`].
    pub fn raise_interrupt(self: &Arc<Self>) {
        self.is_interrupted.store(true, Ordering::SeqCst);
        self.unpark();
        arch::kick(self);
    }

    /// Changes the address space of the current task, at once.
    pub fn set_vm_space(vm_space: Option<Arc<VmSpace>>) {
        let me = Self::current();
        // The old space must stay alive until the CPU has left it.
        let old = {
            let mut slot = me.vm_space.lock();
            let old = core::mem::replace(&mut *slot, vm_space);
            arch::activate_vm_space(slot.as_ref());
            old
        };
        drop(old);
    }

    /// Drops what the task refers to; it is about to end.
    pub(crate) fn release(&self) {
        let ext = self.ext.lock().take();
        drop(ext);
        let vm_space = self.vm_space.lock().take();
        arch::activate_vm_space(None);
        drop(vm_space);
    }
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
