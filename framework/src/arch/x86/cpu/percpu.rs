// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The per-CPU block that GS points to, interrupt state and preemption.
//!
//! The first fields are known to the assembly by offset. Each is touched only by
//! its own CPU, with interrupts off or by single instructions.

use alloc::sync::Arc;
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::arch::x86::task::sched;
use crate::cpu::{CpuId, CpuTimes, MAX_CPUS};
use crate::mm::VmSpace;
use crate::task::Task;

/// Set in `preempt` while nobody wants a reschedule, so that zero means "may and
/// should switch".
const NO_RESCHED: u32 = 1 << 31;

/// What one CPU owns.
#[repr(C, align(128))]
pub(crate) struct CpuLocal {
    /// Its own address, for `mov reg, gs:[0]`.
    myself: AtomicPtr<Self>,
    preempt: UnsafeCell<u32>,
    id: u32,
    /// The task that runs; the CPU holds one reference count of it.
    current: AtomicPtr<Task>,
    kernel_rsp: u64,
    frame_top: u64,
    scratch: u64,
    tss: AtomicU64,
    /// The task that was switched away from, until the next one has taken over.
    pub(crate) previous: UnsafeCell<*const Task>,
    /// The address space that the last switch left; dropped behind it.
    pub(crate) left_space: UnsafeCell<Option<Arc<VmSpace>>>,
    pub(crate) idle: UnsafeCell<Option<Arc<Task>>>,
    /// What the idle task runs next, once another CPU has left it.
    pub(crate) awaited: UnsafeCell<Option<Arc<Task>>>,
    pub(crate) apic_id: AtomicU32,
    pub(crate) is_idle: AtomicBool,
    pub(crate) switched_ns: AtomicU64,
    pub(crate) times: [AtomicU64; 5],
}

/// Indices of `CpuLocal::times`.
pub(crate) const USER: usize = 0;
pub(crate) const KERNEL: usize = 1;
pub(crate) const IDLE: usize = 2;
pub(crate) const INTERRUPTS: usize = 3;
pub(crate) const SWITCHES: usize = 4;

pub(crate) const CPU_KERNEL_RSP: usize = offset_of!(CpuLocal, kernel_rsp);
pub(crate) const CPU_FRAME_TOP: usize = offset_of!(CpuLocal, frame_top);
pub(crate) const CPU_SCRATCH: usize = offset_of!(CpuLocal, scratch);
pub(crate) const CPU_TSS: usize = offset_of!(CpuLocal, tss);
const CPU_PREEMPT: usize = offset_of!(CpuLocal, preempt);
const CPU_ID: usize = offset_of!(CpuLocal, id);
const CPU_CURRENT: usize = offset_of!(CpuLocal, current);

// SAFETY: fields that other CPUs touch are atomics; the cells are touched only by
// the CPU that owns the block.
unsafe impl Sync for CpuLocal {}

impl CpuLocal {
    const fn new(id: u32) -> Self {
        Self {
            myself: AtomicPtr::new(core::ptr::null_mut()),
            preempt: UnsafeCell::new(NO_RESCHED),
            id,
            current: AtomicPtr::new(core::ptr::null_mut()),
            kernel_rsp: 0,
            frame_top: 0,
            scratch: 0,
            tss: AtomicU64::new(0),
            previous: UnsafeCell::new(core::ptr::null()),
            left_space: UnsafeCell::new(None),
            idle: UnsafeCell::new(None),
            awaited: UnsafeCell::new(None),
            apic_id: AtomicU32::new(0),
            is_idle: AtomicBool::new(false),
            switched_ns: AtomicU64::new(0),
            times: [const { AtomicU64::new(0) }; 5],
        }
    }

    pub(crate) fn id(&self) -> CpuId {
        CpuId(self.id)
    }

    /// Adds to a counter of this CPU; interrupts are off.
    pub(crate) fn add(&self, which: usize, amount: u64) {
        if let Some(counter) = self.times.get(which) {
            let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
            counter.store(sum, Ordering::Relaxed);
        }
    }

    /// Tells entry code where the CPU's TSS is.
    pub(crate) fn set_tss(&self, tss: u64) {
        self.tss.store(tss, Ordering::Relaxed);
    }

    pub(crate) fn current_ptr(&self) -> *const Task {
        self.current.load(Ordering::Relaxed)
    }

    pub(crate) fn set_current(&self, task: *const Task) {
        self.current.store(task.cast_mut(), Ordering::Relaxed);
    }
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
static CPUS: [CpuLocal; MAX_CPUS] = {
    let mut cpus = [const { CpuLocal::new(0) }; MAX_CPUS];
    let mut n = 0;
    while n < MAX_CPUS {
        cpus[n].id = n as u32;
        n += 1;
    }
    cpus
};

/// CPUs that have come up.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// Points GS of this CPU to its block.
///
/// # Safety
/// Once for each CPU, before anything that asks for the current CPU.
pub(crate) unsafe fn install(id: u32) -> &'static CpuLocal {
    let Some(cpu) = CPUS.get(id as usize) else { crate::cvm::halt() };
    let base = core::ptr::from_ref(cpu);
    cpu.myself.store(base.cast_mut(), Ordering::Relaxed);
    // SAFETY: the kernel is compiled without thread-local storage: GS is ours.
    unsafe {
        asm!("wrgsbase {}", in(reg) base.expose_provenance(), options(nomem, nostack, preserves_flags))
    };
    cpu
}

/// The block of this CPU. The caller keeps interrupts (or preemption) off as long
/// as it means "this CPU".
#[inline]
pub(crate) fn local() -> &'static CpuLocal {
    let base: *const CpuLocal;
    // SAFETY: GS points to this CPU's block, whose first word is its address.
    unsafe {
        asm!("mov {}, gs:[0]", out(reg) base, options(nostack, preserves_flags, pure, readonly))
    };
    // SAFETY: blocks are statics.
    unsafe { &*base }
}

/// The block of any CPU.
pub(crate) fn of(cpu: CpuId) -> &'static CpuLocal {
    match CPUS.get(cpu.index()) {
        Some(cpu) => cpu,
        None => crate::fatal("no such CPU"),
    }
}

pub(crate) fn cpu_count() -> usize {
    COUNT.load(Ordering::Relaxed) as usize
}

pub(crate) fn set_cpu_count(count: u32) {
    COUNT.store(count, Ordering::Relaxed);
}

#[inline]
pub(crate) fn cpu_id() -> u32 {
    let id: u32;
    // SAFETY: GS points to this CPU's block.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) id, const CPU_ID, options(nostack, preserves_flags, readonly))
    };
    id
}

pub(crate) fn cpu_times(cpu: CpuId) -> CpuTimes {
    let at = |n: usize| of(cpu).times.get(n).map_or(0, |t| t.load(Ordering::Relaxed));
    CpuTimes {
        user_ns: at(USER),
        kernel_ns: at(KERNEL),
        idle_ns: at(IDLE),
        interrupts: at(INTERRUPTS),
        switches: at(SWITCHES),
    }
}

/// Whether interrupts were on.
#[derive(Clone, Copy)]
pub(crate) struct IrqState(u64);

/// Turns interrupts off; says what they were.
#[inline]
pub(crate) fn irq_save() -> IrqState {
    let flags: u64;
    // SAFETY: the stack is ours; turning interrupts off endangers no memory.
    unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
    IrqState(flags)
}

/// Puts interrupts back as they were.
#[inline]
pub(crate) fn irq_restore(state: IrqState) {
    if state.0 & 0x200 != 0 {
        irq_on();
    }
}

#[inline]
pub(crate) fn irq_on() {
    // SAFETY: interrupt handlers are installed before the first call.
    unsafe { asm!("sti") };
}

#[inline]
pub(crate) fn irq_off() {
    // SAFETY: turning interrupts off endangers no memory.
    unsafe { asm!("cli") };
}

/// Sleeps until an interrupt, which is handled; interrupts are off.
#[inline]
pub(crate) fn wait_for_interrupt() {
    // SAFETY: handlers are installed. STI takes effect after HLT has started, so a
    // wake-up that came since the caller's last look still ends the HLT.
    unsafe { asm!("sti", "hlt", "cli") };
}

/// Handles the interrupts that wait; interrupts are off before and after.
#[inline]
pub(crate) fn take_interrupts() {
    // SAFETY: handlers are installed. They run behind the NOP, which STI protects.
    unsafe { asm!("sti", "nop", "cli") };
}

pub(crate) fn irqs_are_on() -> bool {
    let flags: u64;
    // SAFETY: the stack is ours.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags, options(preserves_flags)) };
    flags & 0x200 != 0
}

/// Keeps the current task on its CPU until [`preempt_enable`].
#[inline]
pub(crate) fn preempt_disable() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe { asm!("inc dword ptr gs:[{}]", const CPU_PREEMPT, options(nostack)) };
}

/// Ends [`preempt_disable`]; switches tasks if that has been waiting.
#[inline]
pub(crate) fn preempt_enable() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe {
        asm!("dec dword ptr gs:[{}]", "jz {}", const CPU_PREEMPT, label { sched::preempt() });
    }
}

/// Asks this CPU to switch tasks as soon as it may.
pub(crate) fn set_need_resched() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe { asm!("and dword ptr gs:[{}], 0x7fffffff", const CPU_PREEMPT, options(nostack)) };
}

pub(crate) fn clear_need_resched() {
    // SAFETY: one instruction on this CPU's own counter.
    unsafe { asm!("or dword ptr gs:[{}], 0x80000000", const CPU_PREEMPT, options(nostack)) };
}

/// Whether a switch is wanted and nothing forbids it.
#[inline]
pub(crate) fn should_preempt() -> bool {
    let count: u32;
    // SAFETY: reads this CPU's own counter.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) count, const CPU_PREEMPT, options(nostack, preserves_flags, readonly))
    };
    count == 0
}

/// Whether a switch is wanted.
pub(crate) fn need_resched() -> bool {
    let count: u32;
    // SAFETY: reads this CPU's own counter.
    unsafe {
        asm!("mov {:e}, gs:[{}]", out(reg) count, const CPU_PREEMPT, options(nostack, preserves_flags, readonly))
    };
    count & NO_RESCHED == 0
}

#[inline]
fn current_ptr() -> *const Task {
    let task: *const Task;
    // SAFETY: GS points to this CPU's block; one instruction, so the CPU cannot
    // change in between.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) task, const CPU_CURRENT, options(nostack, preserves_flags, readonly))
    };
    task
}

/// The current task.
///
/// # Safety
/// There must be tasks already, and the reference must not leave the current task:
/// it is good as long as that runs.
#[inline]
pub(crate) unsafe fn current_ref<'a>() -> &'a Task {
    // SAFETY: not null once there are tasks (caller); the CPU holds a count of its
    // current task, and the caller stays within that task's life.
    unsafe { &*current_ptr() }
}

/// Calls `f` with the current task, if there is one yet.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&Task) -> R) -> Option<R> {
    // SAFETY: the CPU that runs this code holds a count of its current task, and
    // that task, being the one that runs `f`, cannot end before `f` returns.
    unsafe { current_ptr().as_ref() }.map(f)
}

#[inline]
pub(crate) fn current_task() -> Arc<Task> {
    let task = current_ptr();
    if task.is_null() {
        crate::fatal("there are no tasks yet");
    }
    // SAFETY: the pointer came from `Arc::into_raw`, and the running task holds
    // (through its CPU) a count while it runs.
    unsafe { Arc::increment_strong_count(task) };
    // SAFETY: the count was just added for it.
    unsafe { Arc::from_raw(task) }
}

/// Calls `f` with the record of locks held by the current task.
#[cfg(debug_assertions)]
pub(crate) fn with_held<R>(f: impl FnOnce(&mut crate::task::held::Held) -> R) -> Option<R> {
    if !super::cpuid::is_booted() {
        return None;
    }
    let state = irq_save();
    let result = with_current(|task| {
        // SAFETY: only the running task reaches its own record, and interrupts are off.
        let held = unsafe { &mut *task.machine.held.get() };
        f(held)
    });
    irq_restore(state);
    result
}

#[inline]
pub(crate) fn spin_hint() {
    crate::arch::x86::mm::shootdown::serve();
    core::hint::spin_loop();
}
