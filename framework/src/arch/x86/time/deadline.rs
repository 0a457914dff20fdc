// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Deadlines of sleeping tasks and the scheduling tick, on one APIC timer a CPU.
//!
//! Locks: a CPU's `queue` is a leaf (interrupts off); tasks are woken and dropped outside
//! of it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use super::tsc;
use crate::arch::x86::cpu::{local, preempt};
use crate::arch::x86::irq::apic;
use crate::arch::x86::task::{current, percpu};
use crate::cpu::MAX_CPUS;
use crate::sync::IrqLock;
use crate::task::{TICK_NS, Task, scheduler};

const NEVER: u64 = u64::MAX;
/// Tasks that one interrupt wakes; if more are due, the next one comes at once.
const TURN: usize = 8;
/// But who was interrupted with a spin lock held goes on for so long first: else it would
/// hold the lock until all have been woken.
const BREATH_NS: u64 = 20_000;

/// A deadline that was added: its CPU, time and task.
pub(crate) struct Deadline {
    cpu: usize,
    key: (u64, u64),
}

struct Queue {
    sleepers: BTreeMap<(u64, u64), Arc<Task>>,
}

struct Timer {
    queue: IrqLock<Queue>,
    /// When the APIC timer will fire, and when the next tick is due.
    armed_ns: AtomicU64,
    tick_ns: AtomicU64,
}

static TIMERS: [Timer; MAX_CPUS] = [const {
    Timer {
        queue: IrqLock::new(Queue { sleepers: BTreeMap::new() }),
        armed_ns: AtomicU64::new(NEVER),
        tick_ns: AtomicU64::new(NEVER),
    }
}; MAX_CPUS];

fn timer(cpu: usize) -> &'static Timer {
    match TIMERS.get(cpu) {
        Some(timer) => timer,
        None => crate::fatal("no such CPU"),
    }
}

/// Wakes `task` at `deadline_ns`. Interrupts are off.
pub(crate) fn add(deadline_ns: u64, task: &Arc<Task>) -> Deadline {
    let cpu = local::cpu_id() as usize;
    let key = (deadline_ns, task.id());
    timer(cpu).queue.lock().sleepers.insert(key, task.clone());
    arm(timer(cpu), deadline_ns);
    Deadline { cpu, key }
}

/// Forgets a deadline, if it has not passed.
pub(crate) fn remove(deadline: Deadline) {
    let task = timer(deadline.cpu).queue.lock().sleepers.remove(&deadline.key);
    drop(task);
}

/// Makes sure that a tick will come. Interrupts are off.
#[inline]
pub(crate) fn start_tick() {
    let timer = timer(local::cpu_id() as usize);
    if timer.tick_ns.load(Ordering::Relaxed) == NEVER {
        let tick_ns = tsc::monotonic_ns() + TICK_NS;
        timer.tick_ns.store(tick_ns, Ordering::Relaxed);
        arm(timer, tick_ns);
    }
}

/// Interrupts this CPU in `ns` nanoseconds, if nothing does before. Interrupts are off.
pub(crate) fn wake_in(ns: u64) {
    arm(timer(local::cpu_id() as usize), tsc::monotonic_ns().saturating_add(ns));
}

/// Makes the timer fire at `at_ns` if nothing comes earlier.
fn arm(timer: &Timer, at_ns: u64) {
    if at_ns < timer.armed_ns.load(Ordering::Relaxed) {
        timer.armed_ns.store(at_ns, Ordering::Relaxed);
        apic::arm_timer(at_ns.saturating_sub(tsc::monotonic_ns()).max(1));
    }
}

/// The timer has fired on this CPU: wakes whom it is time for. Interrupts are off.
pub(crate) fn on_timer(from_user: bool, wake: fn(&Arc<Task>)) {
    let timer = timer(local::cpu_id() as usize);
    let now_ns = tsc::monotonic_ns();
    timer.armed_ns.store(NEVER, Ordering::Relaxed);
    preempt::check_depth();
    for _ in 0..TURN {
        let mut queue = timer.queue.lock();
        let due = queue.sleepers.first_entry().filter(|first| first.key().0 <= now_ns);
        let Some(due) = due else { break };
        let task = due.remove();
        drop(queue);
        wake(&task);
    }
    if timer.tick_ns.load(Ordering::Relaxed) <= now_ns {
        tick(timer, now_ns, from_user);
    }
    let first = timer.queue.lock().sleepers.first_key_value().map(|(key, _)| key.0);
    let mut next = first.unwrap_or(NEVER).min(timer.tick_ns.load(Ordering::Relaxed));
    if next == NEVER {
        return;
    }
    if preempt::holds_locks() {
        // Whom it wakes could not run here before.
        next = next.max(tsc::monotonic_ns() + BREATH_NS);
    }
    arm(timer, next);
}

fn tick(timer: &Timer, now_ns: u64, from_user: bool) {
    let cpu = percpu::local();
    timer.tick_ns.store(NEVER, Ordering::Relaxed);
    if cpu.is_idle.load(Ordering::Relaxed) {
        return;
    }
    timer.tick_ns.store(now_ns + TICK_NS, Ordering::Relaxed);
    let spent = cpu.account(now_ns);
    cpu.add(if from_user { percpu::USER } else { percpu::KERNEL }, spent);
    current::with_current(|me| {
        if from_user {
            me.sched().add_user_time(TICK_NS);
        }
        if scheduler().is_some_and(|policy| policy.tick(cpu.id(), me)) {
            preempt::set_need_resched();
        }
    });
}
