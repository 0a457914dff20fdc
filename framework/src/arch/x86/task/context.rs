// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the machine keeps with a task: its stack, where it was interrupted, and the switch to it.

use alloc::sync::Arc;
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicPtr, Ordering};

use super::fpu::UserState;
use crate::arch::x86::irq::flags;
use crate::mm::{KernelStack, NoMemory};

/// The machine's part of a [`Task`].
pub(crate) struct TaskState {
    /// Freed with the task; the boot code of a CPU has its own.
    _stack: Option<KernelStack>,
    /// The stack pointer while the task does not run.
    pub(crate) rsp: UnsafeCell<u64>,
    /// The user state that this task runs; a count of it is in `user_owner`.
    pub(crate) user: AtomicPtr<UserState>,
    user_owner: UnsafeCell<Option<Arc<UserState>>>,
    #[cfg(debug_assertions)]
    pub(crate) held: UnsafeCell<crate::sync::Held>,
}

// SAFETY: `rsp` is touched by the CPU that switches from or to the task, ordered
// by its `RunState`; `user_owner` and `held` only by the task itself.
unsafe impl Sync for TaskState {}

global_asm!(include_str!("switch.S"));

unsafe extern "C" {
    /// Saves the stack pointer of the current task and goes on with the next one's.
    pub(super) fn switch_stacks(save: *mut u64, next: u64);
    fn task_start();
}

impl TaskState {
    /// A new stack, set up so that the first switch to it calls `main`.
    pub(super) fn new(main: extern "C" fn() -> !) -> Result<Self, NoMemory> {
        let stack = KernelStack::new()?;
        // Six saved registers, `main` in RBX, the return address, and one word so that
        // the stack is aligned as after a call.
        let rsp = stack.top() - 8 * 8;
        let (main, start) = (main as *const () as u64, task_start as *const () as u64);
        let words: [u64; 8] = [0, 0, 0, 0, main, 0, start, 0];
        let at = core::ptr::with_exposed_provenance_mut::<[u64; 8]>(rsp);
        // SAFETY: the top 64 bytes of a fresh stack that is mapped and ours alone.
        unsafe { at.write(words) };
        let mut state = Self::without_stack(Some(stack));
        *state.rsp.get_mut() = rsp as u64;
        Ok(state)
    }

    /// For the code that booted a CPU, which has a stack already.
    pub(crate) fn for_boot() -> Self {
        Self::without_stack(None)
    }

    fn without_stack(stack: Option<KernelStack>) -> Self {
        Self {
            _stack: stack,
            rsp: UnsafeCell::new(0),
            user: AtomicPtr::new(core::ptr::null_mut()),
            user_owner: UnsafeCell::new(None),
            #[cfg(debug_assertions)]
            held: UnsafeCell::new(crate::sync::Held::new()),
        }
    }

    /// Makes `user` the user state of the current task, whose state this is.
    pub(crate) fn adopt_user(&self, user: &Arc<UserState>) {
        if self.user.load(Ordering::Relaxed).cast_const() == Arc::as_ptr(user) {
            return;
        }
        user.set_owner();
        let state = flags::irq_save();
        // SAFETY: only the running task comes here for itself, with interrupts off.
        let slot = unsafe { &mut *self.user_owner.get() };
        if let Some(old) = slot.as_deref() {
            old.park();
            old.set_adopted(false);
        }
        let old = slot.replace(user.clone());
        self.user.store(Arc::as_ptr(user).cast_mut(), Ordering::Relaxed);
        user.set_adopted(true);
        flags::irq_restore(state);
        drop(old);
    }
}

impl Drop for TaskState {
    fn drop(&mut self) {
        if let Some(user) = self.user_owner.get_mut() {
            user.set_adopted(false);
        }
    }
}
