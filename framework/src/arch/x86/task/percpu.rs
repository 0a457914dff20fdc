// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`CpuLocal`]: what each CPU keeps to switch tasks, and how it spends its time.

use alloc::sync::Arc;
use core::cell::{Cell, OnceCell};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::current;
use crate::arch::x86::cpu::local::{self, Local};
use crate::arch::x86::irq::flags;
use crate::cpu::{CpuId, CpuTimes, MAX_CPUS};
use crate::mm::VmSpace;
use crate::task::Task;

/// What one CPU owns.
#[repr(C, align(128))]
pub(crate) struct CpuLocal {
    /// First, for GS points to it.
    local: Local,
    own: Own,
    pub(crate) is_idle: AtomicBool,
    pub(super) switched_ns: AtomicU64,
    times: [AtomicU64; 5],
}

/// What no other CPU touches: only [`with_own`] lends it, to the CPU that asks.
pub(super) struct Own {
    /// The task that was switched away from, until the next one has taken over.
    pub(super) previous: Cell<*const Task>,
    /// The address space that the last switch left; dropped behind it.
    pub(super) left_space: Cell<Option<Arc<VmSpace>>>,
    pub(super) idle: OnceCell<Arc<Task>>,
    /// What the idle task runs next, once another CPU has left it.
    pub(super) awaited: Cell<Option<Arc<Task>>>,
}

/// Indices of `CpuLocal::times`.
pub(crate) const USER: usize = 0;
pub(crate) const KERNEL: usize = 1;
pub(super) const IDLE: usize = 2;
pub(crate) const INTERRUPTS: usize = 3;
pub(super) const SWITCHES: usize = 4;

// SAFETY: fields that other CPUs touch are atomics; `own` is private to this file, which
// lends it to the CPU that owns the block alone, for as long as that cannot change.
unsafe impl Sync for CpuLocal {}

impl CpuLocal {
    const fn new(id: u32) -> Self {
        Self {
            local: Local::new(id),
            own: Own {
                previous: Cell::new(core::ptr::null()),
                left_space: Cell::new(None),
                idle: OnceCell::new(),
                awaited: Cell::new(None),
            },
            is_idle: AtomicBool::new(false),
            switched_ns: AtomicU64::new(0),
            times: [const { AtomicU64::new(0) }; 5],
        }
    }

    pub(crate) fn id(&self) -> CpuId {
        CpuId(self.local.id())
    }

    /// The head, which entry code knows.
    pub(crate) fn head(&self) -> &Local {
        &self.local
    }

    /// Adds to a counter of this CPU; interrupts are off.
    pub(crate) fn add(&self, which: usize, amount: u64) {
        if let Some(counter) = self.times.get(which) {
            let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
            counter.store(sum, Ordering::Relaxed);
        }
    }

    /// Adds the time since the last look to the current task. Interrupts are off.
    pub(crate) fn account(&self, now_ns: u64) -> u64 {
        let spent = now_ns.saturating_sub(self.switched_ns.load(Ordering::Relaxed));
        self.switched_ns.store(now_ns, Ordering::Relaxed);
        current::with_current(|me| me.sched().add_run_time(spent));
        spent
    }

    pub(super) fn current(&self) -> *const Task {
        self.local.current().cast()
    }

    /// Makes `task` the current one: the CPU takes this count of it over.
    pub(super) fn set_current(&self, task: Arc<Task>) {
        #[cfg(debug_assertions)]
        self.local.set_held(task.machine.held.get());
        self.local.set_current(Arc::into_raw(task).cast());
    }

    /// Says which address space the current task has.
    pub(super) fn set_space(&self, space: Option<&Arc<VmSpace>>) {
        self.local.set_space(space.map_or(core::ptr::null(), |space| Arc::as_ptr(space).cast()));
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static CPUS: [CpuLocal; MAX_CPUS] = {
    let mut cpus = [const { CpuLocal::new(0) }; MAX_CPUS];
    let mut n = 0;
    while n < MAX_CPUS {
        cpus[n].local = Local::new(n as u32);
        n += 1;
    }
    cpus
};

/// Gives this CPU its block.
///
/// # Safety
/// Once for each CPU, before anything that asks for the current CPU.
pub(crate) unsafe fn install(id: u32) -> &'static CpuLocal {
    let Some(cpu) = CPUS.get(id as usize) else { crate::cvm::halt() };
    // SAFETY: 1. Once for each CPU (caller). 2. The block is a static, and begins
    // with its head.
    unsafe { local::install(core::ptr::from_ref(cpu).cast()) };
    cpu
}

/// The block of this CPU. The caller keeps interrupts (or preemption) off as long
/// as it means "this CPU".
#[inline]
pub(crate) fn local() -> &'static CpuLocal {
    // SAFETY: `install` was given the address of a whole block, a static.
    unsafe { &*local::here().cast() }
}

/// Calls `f` with what this CPU alone touches. Interrupts are off, and `f` does not switch
/// tasks: so the CPU stays the same, and nothing comes in between.
#[inline]
pub(super) fn with_own<R>(f: impl FnOnce(&Own) -> R) -> R {
    debug_assert!(!flags::irqs_are_on(), "a CPU's own cells with interrupts on");
    f(&local().own)
}

pub(crate) fn cpu_times(cpu: CpuId) -> CpuTimes {
    let times = CPUS.get(cpu.index()).map(|cpu| &cpu.times);
    let at = |n: usize| times.and_then(|t| t.get(n)).map_or(0, |t| t.load(Ordering::Relaxed));
    CpuTimes {
        user_ns: at(USER),
        kernel_ns: at(KERNEL),
        idle_ns: at(IDLE),
        interrupts: at(INTERRUPTS),
        switches: at(SWITCHES),
    }
}
