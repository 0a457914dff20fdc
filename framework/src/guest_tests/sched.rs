// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tasks: waking, deadlines, preemption, interrupting programs.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::program;
use crate::cpu::CpuSet;
use crate::sync::{Mutex, Wait, WaitError, WaitQueue};
use crate::task::{Task, TaskBuilder};
use crate::user::Trap;
use crate::{check, time};

crate::kernel_test! {
    fn deadlines_are_kept() {
        let queue = WaitQueue::new();
        let start_ns = time::monotonic_ns();
        let how = Wait::interruptible().deadline_ns(start_ns + 5_000_000);
        check!(queue.wait(how, || None::<()>) == Err(WaitError::TimedOut));
        let slept_ns = time::monotonic_ns() - start_ns;
        check!(slept_ns >= 5_000_000);
    }

    fn two_tasks_wake_each_other() {
        let turn = Arc::new((WaitQueue::new(), AtomicU64::new(0)));
        let other = turn.clone();
        let spawned = TaskBuilder::new("pong", move || {
            for n in 0..500 {
                other.0.wait_until(|| (other.1.load(Ordering::SeqCst) == 2 * n + 1).then_some(()));
                other.1.fetch_add(1, Ordering::SeqCst);
                other.0.wake_all();
            }
        });
        check!(spawned.spawn().is_ok());
        for n in 0..500 {
            turn.1.fetch_add(1, Ordering::SeqCst);
            turn.0.wake_all();
            turn.0.wait_until(|| (turn.1.load(Ordering::SeqCst) == 2 * n + 2).then_some(()));
        }
    }

    fn tasks_leave_a_queue_from_the_middle() {
        let shared = Arc::new((WaitQueue::new(), AtomicU64::new(0)));
        for n in 1..=6_u64 {
            let shared = shared.clone();
            let spawned = TaskBuilder::new("impatient", move || {
                for round in 0..200 {
                    let patience_ns = 1_000 * (n * round % 40);
                    let how = Wait::uninterruptible().deadline_ns(time::monotonic_ns() + patience_ns);
                    let _ = shared.0.wait(how, || None::<()>);
                }
                shared.1.fetch_add(1, Ordering::SeqCst);
            });
            check!(spawned.spawn().is_ok());
        }
        while shared.1.load(Ordering::SeqCst) < 6 {
            shared.0.wake_one();
            crate::task::yield_now();
        }
        check!(!shared.0.wake_one());
    }

    fn a_mutex_counts_for_many_tasks() {
        let sum = Arc::new((Mutex::new(0u64), AtomicU64::new(0)));
        for _ in 0..4 {
            let sum = sum.clone();
            let spawned = TaskBuilder::new("adder", move || {
                for _ in 0..200 {
                    *sum.0.lock() += 1;
                    crate::task::yield_now();
                }
                sum.1.fetch_add(1, Ordering::SeqCst);
            });
            check!(spawned.spawn().is_ok());
        }
        while sum.1.load(Ordering::SeqCst) < 4 {
            crate::task::yield_now();
        }
        check!(*sum.0.lock() == 800);
    }

    fn cpus_exchange_their_tasks() {
        // Each task asks for the other CPU again and again. Its CPU then often chooses a
        // task that the other CPU is about to leave, and the other way round.
        let ended = Arc::new(AtomicU64::new(0));
        let cpus: Vec<_> = crate::cpu::all().take(2).collect();
        for n in 0..4 {
            let (ended, cpus) = (ended.clone(), cpus.clone());
            let spawned = TaskBuilder::new("wanderer", move || {
                for &cpu in cpus.iter().cycle().skip(n).take(4000) {
                    Task::current().sched().set_affinity(CpuSet::of(cpu));
                    crate::task::yield_now();
                }
                ended.fetch_add(1, Ordering::SeqCst);
            });
            check!(spawned.spawn().is_ok());
        }
        while ended.load(Ordering::SeqCst) < 4 {
            crate::task::yield_now();
        }
    }

    fn a_busy_kernel_task_is_preempted() {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..crate::cpu::count() {
            let stop = stop.clone();
            let spawned = TaskBuilder::new("busy", move || {
                while !stop.load(Ordering::Relaxed) {
                    core::hint::spin_loop();
                }
            });
            check!(spawned.spawn().is_ok());
        }
        let queue = WaitQueue::new();
        let how = Wait::uninterruptible().deadline_ns(time::monotonic_ns() + 20_000_000);
        check!(queue.wait(how, || None::<()>) == Err(WaitError::TimedOut));
        stop.store(true, Ordering::Relaxed);
    }

    fn an_interrupt_takes_a_program_out_of_its_loop() {
        // jmp self
        let (_space, mut context) = program(&[0xeb, 0xfe])?;
        let me = Task::current();
        let spawned = TaskBuilder::new("interrupter", move || {
            let queue = WaitQueue::new();
            let how = Wait::uninterruptible().deadline_ns(time::monotonic_ns() + 5_000_000);
            let _ = queue.wait(how, || None::<()>);
            me.raise_interrupt();
        });
        check!(spawned.spawn().is_ok());
        check!(context.run() == Trap::Event);
        Task::current().clear_interrupt();
    }

    fn run_time_is_accounted() {
        let before = Task::current().run_time_ns();
        let end = time::monotonic_ns() + 10_000_000;
        while time::monotonic_ns() < end {}
        crate::task::yield_now();
        check!(Task::current().run_time_ns() > before);
    }

    fn ended_tasks_give_their_memory_back() {
        let run = || {
            let done = Arc::new(AtomicU64::new(0));
            for _ in 0..20 {
                let done = done.clone();
                let spawned = TaskBuilder::new("short", move || {
                    done.fetch_add(1, Ordering::SeqCst);
                });
                check!(spawned.spawn().is_ok());
            }
            while done.load(Ordering::SeqCst) < 20 {
                crate::task::yield_now();
            }
            Ok(())
        };
        run()?;
        let before = crate::mm::stats().free_pages;
        for _ in 0..20 {
            run()?;
        }
        let after = crate::mm::stats().free_pages;
        check!(after + 256 > before);
    }
}
