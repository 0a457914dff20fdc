// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Making tasks.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::AtomicBool;

use intrusive_collections::LinkedListAtomicLink;

use super::{Entry, RunState, SchedState, Task, next_id};
use crate::arch;
use crate::cpu::CpuSet;
use crate::mm::{NoMemory, VmSpace};
use crate::sync::SpinLock;

/// Collects what a new task needs.
#[must_use = "a builder does nothing until `build` or `spawn`"]
pub struct TaskBuilder {
    name: &'static str,
    entry: Entry,
    ext: Option<Arc<dyn Any + Send + Sync>>,
    vm_space: Option<Arc<VmSpace>>,
    nice: i8,
    affinity: CpuSet,
}

impl TaskBuilder {
    /// A task that will run `entry` and end when it returns.
    pub fn new(name: &'static str, entry: impl FnOnce() + Send + 'static) -> Self {
        Self {
            name,
            entry: Box::new(entry),
            ext: None,
            vm_space: None,
            nice: 0,
            affinity: CpuSet::ALL,
        }
    }

    /// Attaches data of a higher layer, see [`Task::ext`].
    pub fn ext(mut self, ext: Arc<dyn Any + Send + Sync>) -> Self {
        self.ext = Some(ext);
        self
    }

    /// The address space that is active while the task runs.
    pub fn vm_space(mut self, vm_space: Arc<VmSpace>) -> Self {
        self.vm_space = Some(vm_space);
        self
    }

    /// The nice value, -20 (most) to 19 (least).
    pub fn nice(mut self, nice: i8) -> Self {
        self.nice = nice;
        self
    }

    /// The CPUs that the task may run on.
    pub fn affinity(mut self, affinity: CpuSet) -> Self {
        self.affinity = affinity;
        self
    }

    /// Makes the task; it runs once [`Task::start`] is called.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for its kernel stack.
    pub fn build(self) -> Result<Arc<Task>, NoMemory> {
        Ok(Arc::new(Task {
            id: next_id(),
            name: self.name,
            state: RunState::new_task(),
            is_interrupted: AtomicBool::new(false),
            wait_link: LinkedListAtomicLink::new(),
            sched: SchedState::new(self.nice, self.affinity),
            ext: SpinLock::new(self.ext),
            vm_space: SpinLock::new(self.vm_space),
            entry: SpinLock::new(Some(self.entry)),
            machine: arch::new_task_state()?,
        }))
    }

    /// Makes the task and starts it.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for its kernel stack.
    pub fn spawn(self) -> Result<Arc<Task>, NoMemory> {
        let task = self.build()?;
        task.start();
        Ok(task)
    }

    /// The task object of code that runs already (a boot CPU, a host thread).
    pub(crate) fn adopt(
        name: &'static str,
        state: RunState,
        machine: arch::TaskState,
        affinity: CpuSet,
    ) -> Arc<Task> {
        Arc::new(Task {
            id: next_id(),
            name,
            state,
            is_interrupted: AtomicBool::new(false),
            wait_link: LinkedListAtomicLink::new(),
            sched: SchedState::new(0, affinity),
            ext: SpinLock::new(None),
            vm_space: SpinLock::new(None),
            entry: SpinLock::new(None),
            machine,
        })
    }
}
