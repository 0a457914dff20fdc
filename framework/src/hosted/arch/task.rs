// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Hosted tasks: one thread of `std` each.

use std::cell::RefCell;
use std::thread::Thread;
use std::time::Duration;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use super::machine::must_be_free;
use crate::cpu::CpuSet;
use crate::mm::{NoMemory, UserFault, VmSpace};
use crate::sync::Once;
use crate::task::run_state::{Park, Refusal};
use crate::task::{Enqueue, RunState, Task, TaskBuilder};
use crate::user::x86::{FPU_SOFTWARE_BYTES, FXSAVE_BYTES, UserRegs};
use crate::user::{BadFpu, Trap};

/// What the backend keeps with a task.
pub(crate) struct TaskState {
    thread: Once<Thread>,
}

pub(crate) fn new_task_state() -> Result<TaskState, NoMemory> {
    Ok(TaskState { thread: Once::new() })
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Task>>> = const { RefCell::new(None) };
}

/// The task of this thread; a thread of the test runner gets one when it asks.
pub(crate) fn current_task() -> Arc<Task> {
    CURRENT.with_borrow_mut(|current| {
        current
            .get_or_insert_with(|| {
                let machine = TaskState { thread: Once::new() };
                let _ = machine.thread.set(std::thread::current());
                TaskBuilder::adopt("hosted", RunState::adopted(), machine, CpuSet::ALL)
            })
            .clone()
    })
}

pub(crate) fn make_runnable(task: Arc<Task>, why: Enqueue) {
    match why {
        Enqueue::Wake => {
            if let Some(thread) = task.machine.thread.get() {
                thread.unpark();
            }
        }
        Enqueue::New => {
            std::thread::spawn(move || {
                obey(task.state.take());
                let _ = task.machine.thread.set(std::thread::current());
                CURRENT.set(Some(task.clone()));
                let entry = task.entry.lock().take();
                if let Some(entry) = entry {
                    entry();
                }
                task.release();
                obey(task.state.end());
            });
        }
    }
}

pub(crate) fn park(deadline_ns: Option<u64>) {
    must_be_free();
    let me = current_task();
    if obey(me.state.park()) == Park::GoesOn {
        return;
    }
    while me.state.is_parked() {
        match deadline_ns {
            None => std::thread::park(),
            Some(deadline) => {
                let left = deadline.saturating_sub(super::machine::monotonic_ns());
                if left == 0 {
                    break;
                }
                std::thread::park_timeout(Duration::from_nanos(left));
            }
        }
    }
    // Past the deadline the task wakes itself.
    if me.state.is_parked() {
        me.state.wake();
    }
    obey(me.state.take());
}

/// Stops if a task is about to do what it must not.
fn obey<T>(allowed: Result<T, Refusal>) -> T {
    match allowed {
        Ok(value) => value,
        Err(why) => crate::fatal(why),
    }
}

pub(crate) fn yield_now() {
    must_be_free();
    std::thread::yield_now();
}

/// Ends the thread by unwinding past the task's closure, without a message.
pub(crate) fn exit_task() -> ! {
    must_be_free();
    let me = current_task();
    me.release();
    obey(me.state.end());
    std::panic::resume_unwind(Box::new(()))
}

pub(crate) fn kick(_: &Arc<Task>) {}

pub(crate) fn activate_vm_space(_: Option<&Arc<VmSpace>>) {}

/// No space's addresses are the kernel's here: all go through the tables.
pub(crate) fn is_active_space(_: *const ()) -> bool {
    false
}

#[cfg(debug_assertions)]
pub(crate) fn with_held<R>(f: impl FnOnce(&mut crate::sync::Held) -> R) -> Option<R> {
    use crate::sync::Held;
    thread_local! {
        static HELD: RefCell<Held> = const { RefCell::new(Held::new()) };
    }
    HELD.try_with(|held| f(&mut held.borrow_mut())).ok()
}

/// The user half of a hosted task: only the segment bases exist.
pub(crate) struct UserState {
    fs_base: AtomicU64,
    gs_base: AtomicU64,
}

impl UserState {
    pub(crate) fn new() -> Result<Self, NoMemory> {
        Ok(Self { fs_base: AtomicU64::new(0), gs_base: AtomicU64::new(0) })
    }

    pub(crate) fn fork(&self) -> Result<Self, NoMemory> {
        Ok(Self {
            fs_base: AtomicU64::new(self.fs_base()),
            gs_base: AtomicU64::new(self.gs_base()),
        })
    }

    pub(crate) fn fs_base(&self) -> u64 {
        self.fs_base.load(Ordering::Relaxed)
    }

    pub(crate) fn gs_base(&self) -> u64 {
        self.gs_base.load(Ordering::Relaxed)
    }

    pub(crate) fn set_fs_base(&self, base: u64) {
        self.fs_base.store(base, Ordering::Relaxed);
    }

    pub(crate) fn set_gs_base(&self, base: u64) {
        self.gs_base.store(base, Ordering::Relaxed);
    }

    pub(crate) fn save_fpu(&self, out: &mut [u8]) -> usize {
        let len = out.len().min(fpu_size());
        out.iter_mut().take(len).for_each(|byte| *byte = 0);
        len
    }

    pub(crate) fn load_fpu(&self, _: &[u8; FXSAVE_BYTES]) -> Result<(), BadFpu> {
        Ok(())
    }

    pub(crate) fn save_fpu_to(
        &self,
        space: &VmSpace,
        addr: usize,
        software: &[u8; FPU_SOFTWARE_BYTES],
    ) -> Result<(), UserFault> {
        let mut image = [0; 832];
        image[FXSAVE_BYTES - FPU_SOFTWARE_BYTES..FXSAVE_BYTES].copy_from_slice(software);
        space.write(addr, &image)
    }

    pub(crate) fn load_fpu_from(&self, space: &VmSpace, addr: usize) -> Result<(), BadFpu> {
        space.read(addr, &mut [0; 832]).map_err(|_| BadFpu)
    }

    pub(crate) fn clear(&self) {}

    pub(crate) fn reset(&self) {
        self.set_fs_base(0);
        self.set_gs_base(0);
    }
}

pub(crate) fn fpu_size() -> usize {
    832
}

pub(crate) fn fpu_features() -> u64 {
    7
}

/// There is no user mode here: every run ends at once with an event.
pub(crate) fn run_user(_: &mut UserRegs, _: &UserState, _: &mut u64) -> Trap {
    must_be_free();
    Trap::Event
}
