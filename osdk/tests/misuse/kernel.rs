// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A kernel of safe code that does what would break memory safety, if it could.
//!
//! The first word of its command line names the deed; `osdk/tests/misuse.rs` knows the
//! reason for which the framework must stop each.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(not(target_os = "none"), allow(dead_code, unused_imports))]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use framework::cpu::{self, CpuId};
use framework::host::PortRange;
use framework::irq::{self, IrqHandler};
use framework::mm::{Cow, Frame, Perms, VmSpace};
use framework::sync::{SpinLock, Wait, WaitQueue};
use framework::task::{self, Enqueue, Placement, Scheduler, Task, TaskBuilder};
use framework::time::monotonic_ns;
use framework::user::UserContext;

framework::main!(start);

#[cfg(not(target_os = "none"))]
fn main() {}

/// The queue of all CPUs, and what the policy hands out against the rules.
static QUEUE: SpinLock<VecDeque<Arc<Task>>> = SpinLock::new(VecDeque::new());
static BAD: SpinLock<Option<Arc<Task>>> = SpinLock::new(None);
static YIELDS: AtomicBool = AtomicBool::new(false);
static HELD: SpinLock<()> = SpinLock::new(());
static CONTEXT: SpinLock<Option<UserContext>> = SpinLock::new(None);

fn deed() -> &'static str {
    framework::cmdline::get().init_args.first().map_or("", |word| word.name)
}

struct Policy;

impl Scheduler for Policy {
    fn enqueue(&self, task: Arc<Task>, _: Enqueue) -> Placement {
        QUEUE.lock().push_back(task);
        // Another CPU looks by itself, at its next tick.
        Placement { cpu: CpuId::BOOT, preempt: true }
    }

    fn pick_next(&self, cpu: CpuId, prev: Option<Arc<Task>>) -> Option<Arc<Task>> {
        if YIELDS.swap(false, Ordering::SeqCst) {
            task::yield_now();
        }
        let bad = BAD.lock().take();
        if bad.is_some() {
            return bad;
        }
        let mut queue = QUEUE.lock();
        queue.extend(prev);
        let next = queue.pop_front();
        if cpu == CpuId::BOOT && !queue.is_empty() {
            cpu::all().skip(1).for_each(cpu::resched);
        }
        next
    }

    fn tick(&self, _: CpuId, _: &Task) -> bool {
        true
    }
}

fn start() {
    task::set_scheduler(Box::new(Policy));
    match deed() {
        "boot-waits" => task::park(None),
        "boot-ends" => task::exit(),
        "boot-locked" => core::mem::forget(HELD.lock()),
        "idle" => *BAD.lock() = Some(Task::current()),
        _ => {}
    }
    spawn(run);
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Arc<Task> {
    let Ok(task) = TaskBuilder::new("misuse", run).spawn() else { framework::fatal("no memory") };
    task
}

fn sleep_ms(ms: u64) {
    let how = Wait::uninterruptible().deadline_ns(monotonic_ns() + ms * 1_000_000);
    let _ = WaitQueue::new().wait(how, || None::<()>);
}

/// Hands `task` out, although the policy does not have it.
fn hand_out(task: Arc<Task>) {
    *BAD.lock() = Some(task);
    sleep_ms(1);
}

fn run() {
    match deed() {
        "new" => match TaskBuilder::new("new", || {}).build() {
            Ok(task) => hand_out(task),
            Err(_) => framework::fatal("no memory"),
        },
        "dead" => {
            let task = spawn(|| {});
            sleep_ms(20);
            hand_out(task);
        }
        "sleeping" => {
            let task = spawn(|| task::park(None));
            sleep_ms(20);
            hand_out(task);
        }
        "twice" => {
            static BUSY: AtomicU32 = AtomicU32::new(0);
            let task = spawn(|| while BUSY.fetch_add(1, Ordering::Relaxed) < u32::MAX {});
            while BUSY.load(Ordering::Relaxed) == 0 || task.cpu() == cpu::current() {
                task::yield_now();
            }
            hand_out(task);
        }
        "policy-yields" => {
            YIELDS.store(true, Ordering::SeqCst);
            task::yield_now();
        }
        "sleep-locked" => {
            let _held = HELD.lock();
            task::park(Some(monotonic_ns() + 1_000_000));
        }
        "yield-locked" => {
            let _held = HELD.lock();
            task::yield_now();
        }
        "end-locked" => {
            core::mem::forget(HELD.lock());
            task::exit()
        }
        "forget-locks" => loop {
            core::mem::forget(SpinLock::new(()).lock());
        },
        "program-locked" => {
            let (_space, mut context) = program();
            let _held = HELD.lock();
            context.run();
        }
        "sleep-in-interrupt" => interrupted(),
        "context-of-two" => {
            let (space, mut context) = program();
            spawn(move || {
                Task::set_vm_space(Some(space));
                loop {
                    let context = CONTEXT.lock().take();
                    if let Some(mut context) = context {
                        context.run();
                        return;
                    }
                }
            });
            sleep_ms(20);
            // Its registers stay in this CPU, while the other one takes it.
            context.run();
            *CONTEXT.lock() = Some(context);
            while CONTEXT.lock().is_some() {
                core::hint::spin_loop();
            }
        }
        _ => framework::fatal("no such deed"),
    }
    // Another CPU may be the one that notices.
    sleep_ms(2000);
    framework::fatal("the deed was done");
}

/// A program that makes one system call.
fn program() -> (Arc<VmSpace>, UserContext) {
    const CODE: usize = 0x40_0000;
    let (Ok(space), Ok(text), Ok(mut context)) =
        (VmSpace::new(), Frame::zeroed(), UserContext::new())
    else {
        framework::fatal("no memory");
    };
    text.write(0, &[0x0f, 0x05]);
    let _ = space.map(CODE, text, Perms::READ | Perms::EXEC, Cow::No);
    Task::set_vm_space(Some(space.clone()));
    context.set_pc(CODE as u64);
    (space, context)
}

struct Sleepy;

impl IrqHandler for Sleepy {
    fn handle(&self) {
        task::park(Some(monotonic_ns() + 1_000_000));
    }
}

/// Has the first serial port interrupt.
fn interrupted() {
    const COM1: u16 = 0x3f8;
    let _ = irq::register(4, Arc::new(Sleepy));
    let Ok(port) = PortRange::claim(COM1, "misuse") else { framework::fatal("no port") };
    // To interrupt when there is room; and the gate of its line.
    port.write_u8(1, 2);
    port.write_u8(4, 8);
}
