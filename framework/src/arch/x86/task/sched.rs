// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Switching tasks: parking, waking, preempting, idling.
//!
//! A CPU holds one reference count of its current task (`CpuLocal::current`). What the
//! policy hands out is taken by one atomic step, or the machine stops ([`RunState`]). A
//! task that parks or is preempted stays on its CPU until the switch is through; who
//! has taken it elsewhere waits for that. While it waits for
//! long, a CPU stands on its idle task, which nobody else ever wants: else two CPUs
//! that exchange their tasks would wait for each other for ever.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use super::context::{TaskState, switch_stacks};
use super::current;
use super::percpu::{self, CpuLocal};
use crate::arch::x86::cpu::{local, preempt};
use crate::arch::x86::irq::apic;
use crate::arch::x86::irq::flags::{self, irq_restore, irq_save};
use crate::arch::x86::mm::request;
use crate::arch::x86::time::{deadline, tsc};
use crate::cpu::CpuId;
use crate::mm::{self, NoMemory, VmSpace};
use crate::task::run_state::{Park, Refusal};
use crate::task::{Enqueue, Task, scheduler};

/// Looks at a task on another CPU before the detour over the idle task; a switch
/// takes less.
const LEAVE_SPINS: u32 = 500;

/// The machine's part of a task that does not run yet.
pub(crate) fn new_task_state() -> Result<TaskState, NoMemory> {
    TaskState::new(task_main)
}

/// Queues a task that is runnable and not queued.
pub(crate) fn make_runnable(task: Arc<Task>, why: Enqueue) {
    let Some(policy) = scheduler() else { crate::fatal("a task starts before the scheduler") };
    let irq = irq_save();
    let placement = policy.enqueue(task, why);
    if placement.preempt {
        resched(placement.cpu);
    }
    irq_restore(irq);
    if flags::irqs_are_on() && preempt::should_preempt() {
        preempt();
    }
}

/// Makes a CPU choose again.
pub(crate) fn resched(cpu: CpuId) {
    if cpu.0 == local::cpu_id() {
        preempt::set_need_resched();
    } else {
        apic::send_ipi(cpu, apic::RESCHEDULE);
    }
}

/// Stops the machine if a task is about to do what it must not.
#[inline]
fn obey<T>(allowed: Result<T, Refusal>) -> T {
    match allowed {
        Ok(value) => value,
        Err(why) => crate::fatal(why),
    }
}

/// Tells the CPU that runs `task` to look at its flags.
pub(crate) fn kick(task: &Arc<Task>) {
    let irq = irq_save();
    let cpu = task.sched().cpu();
    if task.state.is_on_cpu() && cpu.0 != local::cpu_id() {
        apic::send_ipi(cpu, apic::RESCHEDULE);
    }
    irq_restore(irq);
}

/// The slow end of `preempt_enable`: somebody wants this CPU to switch.
#[cold]
pub(crate) fn preempt() {
    if flags::irqs_are_on() {
        let irq = irq_save();
        schedule(true);
        irq_restore(irq);
    }
}

/// The same at the end of an interrupt. They stay off until the interrupted code goes
/// on: else each of a storm's interrupts could come on top of the last, up to the end
/// of the stack.
pub(crate) fn preempt_in_interrupt() {
    schedule(true);
}

pub(crate) fn yield_now() {
    preempt::must_be_free();
    let irq = irq_save();
    if let Some(policy) = scheduler() {
        current::with_current(|me| policy.yielded(percpu::local().id(), me));
    }
    schedule(true);
    irq_restore(irq);
}

pub(crate) fn park(deadline_ns: Option<u64>) {
    preempt::must_be_free();
    let me = current::current_task();
    let irq = irq_save();
    if obey(me.state.park()) == Park::GoesOn {
        irq_restore(irq);
        return;
    }
    let timer = deadline_ns.map(|deadline_ns| deadline::add(deadline_ns, &me));
    drop(me);
    schedule(false);
    irq_restore(irq);
    if let Some(timer) = timer {
        deadline::remove(timer);
    }
}

pub(crate) fn exit_task() -> ! {
    preempt::must_be_free();
    current::with_current(Task::release);
    flags::irq_off();
    current::with_current(|me| obey(me.state.end()));
    schedule(false);
    crate::fatal("a dead task runs")
}

/// Runs what the policy chooses. Interrupts are off; `can_go_on` says that the
/// current task is runnable and not queued.
fn schedule(can_go_on: bool) {
    let cpu = percpu::local();
    let Some(policy) = scheduler() else { return };
    let spent = cpu.account(tsc::monotonic_ns());
    let is_idle = cpu.is_idle.load(Ordering::Relaxed);
    cpu.add(if is_idle { percpu::IDLE } else { percpu::KERNEL }, spent);
    preempt::clear_need_resched();
    let previous = cpu.current();
    let go_on = (can_go_on && !is_idle).then(|| {
        let me = current::current_task();
        obey(me.state.give_back());
        me
    });
    if !can_go_on {
        current::with_current(|me| policy.task_blocked(cpu.id(), me));
    }
    let next = match policy.pick_next(cpu.id(), go_on) {
        Some(next) => {
            obey(next.state.take());
            next
        }
        None => idle_task(),
    };
    if Arc::as_ptr(&next) == previous {
        return;
    }
    if is_idle {
        run_from_idle(cpu, next);
    } else if leaves_soon(&next) {
        switch_to(cpu, next, can_go_on);
    } else {
        // The idle task empties it at once.
        percpu::with_own(|own| own.awaited.set(Some(next)));
        switch_to(cpu, idle_task(), can_go_on);
    }
}

/// Switches from the idle task to `next`, then to what is awaited each time the
/// idle task comes back.
fn run_from_idle(cpu: &'static CpuLocal, next: Arc<Task>) {
    let mut next = Some(next);
    while let Some(task) = next {
        wait_until_left(&task);
        switch_to(cpu, task, true);
        next = percpu::with_own(|own| own.awaited.take());
    }
}

fn idle_task() -> Arc<Task> {
    match percpu::with_own(|own| own.idle.get().cloned()) {
        Some(idle) => idle,
        None => crate::fatal("a CPU without idle task"),
    }
}

/// Waits a little for another CPU to switch away from the task.
#[inline]
fn leaves_soon(task: &Task) -> bool {
    (0..LEAVE_SPINS).any(|n| {
        if n > 0 {
            request::spin_hint();
        }
        !task.state.is_on_cpu()
    })
}

/// Waits for another CPU to switch away from the task. Only idle tasks wait here,
/// so that CPU does not wait for this one.
#[inline]
fn wait_until_left(task: &Task) {
    let mut looks = 0_u32;
    while task.state.is_on_cpu() {
        request::spin_hint();
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LEAVE_SPINS) {
            // Nothing else can be chosen here meanwhile.
            preempt::preempt_disable();
            halt_shortly();
            preempt::preempt_enable();
        }
    }
}

/// How long a CPU halts that waits for one that does not run.
const NAP_NS: u64 = 50_000;

/// See [`crate::arch::nap`].
pub(crate) fn nap() {
    if flags::irqs_are_on() {
        let irq = irq_save();
        halt_shortly();
        irq_restore(irq);
    }
}

/// Halts until an interrupt, at the latest that of the timer. Interrupts are off.
fn halt_shortly() {
    deadline::wake_in(NAP_NS);
    crate::cvm::idle();
}

/// Runs a task that this CPU has taken, or its idle task; it is on no other CPU.
fn switch_to(cpu: &'static CpuLocal, next: Arc<Task>, forced: bool) {
    cpu.add(percpu::SWITCHES, 1);
    let previous = cpu.current();
    // SAFETY: the CPU holds a count of its current task until `finish_switch`.
    let from = unsafe { &*previous };
    from.sched().count_switch(forced);
    // SAFETY: the pointer is null or points to a state that the task owns.
    if let Some(user) = unsafe { from.machine.user.load(Ordering::Relaxed).as_ref() } {
        user.park();
    }
    next.state.arrive();
    next.sched().set_cpu(cpu.id());
    let is_mine = |idle: &Arc<Task>| Arc::ptr_eq(idle, &next);
    let is_idle = percpu::with_own(|own| own.idle.get().is_some_and(is_mine));
    cpu.is_idle.store(is_idle, Ordering::Relaxed);
    let left_space = {
        let space = next.vm_space();
        cpu.set_space(space.as_ref());
        space.as_ref().and_then(VmSpace::activate)
    };
    // `finish_switch` empties both.
    percpu::with_own(|own| {
        own.left_space.set(left_space);
        own.previous.set(previous);
    });
    if !is_idle {
        deadline::start_tick();
    }
    // SAFETY: taken by this CPU (or its idle task) and not on a CPU before: the saved
    // stack pointer is complete, and nobody else's.
    let rsp = unsafe { *next.machine.rsp.get() };
    cpu.set_current(next);
    // SAFETY: `rsp` is the stack of a task that waits in `switch_stacks` or was
    // made by `TaskState::new`; interrupts are off.
    unsafe { switch_stacks(from.machine.rsp.get(), rsp) };
    // Another CPU, perhaps: nothing computed above is valid but our own locals.
    finish_switch();
}

/// The first thing on the new task's stack: lets go of the previous task.
fn finish_switch() {
    let (previous, left_space) =
        percpu::with_own(|own| (own.previous.replace(core::ptr::null()), own.left_space.take()));
    // SAFETY: the count that the CPU held of its current task, from `into_raw`; set by
    // the `switch_to` just made.
    let previous = unsafe { Arc::from_raw(previous) };
    previous.state.leave();
    drop(left_space);
}

/// Where a new task starts, on its own stack, with interrupts off.
extern "C" fn task_main() -> ! {
    finish_switch();
    flags::irq_on();
    let entry = current::with_current(|me| me.entry.lock().take()).flatten();
    if let Some(entry) = entry {
        entry();
    }
    exit_task()
}

pub(crate) fn activate_vm_space(space: Option<&Arc<VmSpace>>) {
    preempt::preempt_disable();
    percpu::local().set_space(space);
    let left = match space {
        Some(space) => VmSpace::activate(space),
        None => mm::activate_kernel(),
    };
    preempt::preempt_enable();
    drop(left);
}

/// How long a CPU of a CVM looks around before it halts: a fifth of a millisecond,
/// and a bound that does not rest on the clock.
const LOOKS_PER_MS: u64 = 5;
const MAX_LOOKS: u32 = 20_000;

/// Waits with open eyes; whether something came to be run. Interrupts are off.
fn look_around(begin: u64) -> bool {
    for _ in 0..MAX_LOOKS {
        flags::take_interrupts();
        if preempt::need_resched() {
            return true;
        }
        if !is_short(begin) {
            break;
        }
        request::spin_hint();
    }
    false
}

fn is_short(begin: u64) -> bool {
    tsc::ticks().wrapping_sub(begin) < tsc::tsc_khz() / LOOKS_PER_MS
}

/// The idle task's life.
///
/// To halt in a CVM is a call to the host, which costs more than what most devices take
/// to answer. So a CPU whose last wait was short looks around for a while first.
pub(crate) fn idle() -> ! {
    preempt::must_be_free();
    flags::irq_off();
    let mut was_short = false;
    loop {
        schedule(true);
        let begin = if crate::cvm::is_confidential() { tsc::ticks() } else { 0 };
        if was_short && look_around(begin) {
            continue;
        }
        if !preempt::need_resched() {
            crate::cvm::idle();
        }
        was_short = crate::cvm::is_confidential() && is_short(begin);
    }
}
