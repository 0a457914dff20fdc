// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A machine of simulated CPUs and tasks, one step a millisecond.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use crate::class::Params;
use crate::core_policy::CorePolicy;
use crate::entity::Entity;
use crate::queue::Arrival;

const MS: u64 = 1_000_000;
const TICK_MS: u64 = 4;

/// A simulated task: runs `work` ms, sleeps `pause` ms, and so on.
#[derive(Default)]
pub(super) struct Sim {
    id: u64,
    nice: i8,
    affinity: AtomicU64,
    run_ns: AtomicU64,
    words: [AtomicU64; 4],
    work: u64,
    pause: u64,
    yields: bool,
    left: AtomicU64,
    runnable_since: AtomicU64,
    worst_wait: AtomicU64,
}

impl Sim {
    pub(super) fn busy(nice: i8) -> Self {
        Self { nice, affinity: AtomicU64::new(u64::MAX), work: u64::MAX, ..Self::default() }
    }

    pub(super) fn periodic(nice: i8, work: u64, pause: u64) -> Self {
        Self { work, pause, ..Self::busy(nice) }
    }

    pub(super) fn on(self, cpus: u64) -> Self {
        self.affinity.store(cpus, Relaxed);
        self
    }

    pub(super) fn with(self, params: Params) -> Self {
        Entity::set_params(&self, params);
        self
    }

    pub(super) fn yielding(self) -> Self {
        Self { yields: true, ..self }
    }

    pub(super) fn run_ms(&self) -> u64 {
        self.run_ns.load(Relaxed) / MS
    }

    /// The longest time in ms that it was runnable and did not run.
    pub(super) fn worst_wait(&self) -> u64 {
        self.worst_wait.load(Relaxed)
    }
}

impl Sim {
    pub(super) fn forget_waits(&self) {
        self.worst_wait.store(0, Relaxed);
    }
}

impl Entity for Sim {
    fn id(&self) -> u64 {
        self.id
    }

    fn nice(&self) -> i8 {
        self.nice
    }

    fn affinity(&self) -> u64 {
        self.affinity.load(Relaxed)
    }

    fn run_time_ns(&self) -> u64 {
        self.run_ns.load(Relaxed)
    }

    fn words(&self) -> &[AtomicU64; 4] {
        &self.words
    }
}

pub(super) struct Machine {
    pub(super) policy: CorePolicy<Sim>,
    pub(super) tasks: Vec<Arc<Sim>>,
    pub(super) idle_ms: Vec<u64>,
    current: Vec<Option<Arc<Sim>>>,
    resched: RefCell<Vec<bool>>,
    sleeping: Vec<(u64, Arc<Sim>)>,
    now_ms: u64,
}

impl Machine {
    pub(super) fn new(cpus: usize) -> Self {
        Self {
            policy: CorePolicy::new(cpus),
            tasks: Vec::new(),
            idle_ms: vec![0; cpus],
            current: vec![None; cpus],
            resched: RefCell::new(vec![true; cpus]),
            sleeping: Vec::new(),
            now_ms: 0,
        }
    }

    fn now(&self) -> u64 {
        self.now_ms * MS
    }

    fn wake(&self, task: Arc<Sim>, why: Arrival) {
        task.left.store(task.work, Relaxed);
        task.runnable_since.store(self.now_ms, Relaxed);
        let put = self.policy.enqueue(task, why, 0, self.now());
        if put.preempt {
            self.resched.borrow_mut()[put.cpu] = true;
        }
    }

    pub(super) fn spawn(&mut self, sim: Sim) {
        let task = Arc::new(Sim { id: self.tasks.len() as u64 + 1, ..sim });
        self.tasks.push(task.clone());
        self.wake(task, Arrival::New);
    }

    /// Ends a task, which must be running for the policy to notice.
    pub(super) fn end(&mut self, index: usize) {
        let task = self.tasks[index].clone();
        while !self.current.iter().flatten().any(|t| t.id == task.id) {
            self.run(1);
        }
        for cpu in 0..self.current.len() {
            if self.current[cpu].as_ref().is_some_and(|t| t.id == task.id) {
                self.current[cpu] = None;
                self.policy.blocked(cpu, &task);
                self.resched.borrow_mut()[cpu] = true;
            }
        }
    }

    /// A running task parks, and is queued elsewhere before its CPU has noticed.
    pub(super) fn wake_while_blocking(&mut self, index: usize, cpus: u64) {
        let task = self.tasks[index].clone();
        while self.current[0].as_ref().is_none_or(|t| t.id != task.id) {
            self.run(1);
        }
        task.affinity.store(cpus, Relaxed);
        self.current[0] = None;
        self.wake(task.clone(), Arrival::Wake);
        self.policy.blocked(0, &task);
        self.resched.borrow_mut()[0] = true;
    }

    pub(super) fn rebind(&mut self, index: usize, cpus: u64) {
        let task = self.tasks[index].clone();
        let cpu = self.policy.change(&*task, self.now(), |t| t.affinity.store(cpus, Relaxed));
        if let Some(cpu) = cpu {
            self.resched.borrow_mut()[cpu] = true;
        }
    }

    pub(super) fn set_params(&mut self, index: usize, params: Params) {
        let task = self.tasks[index].clone();
        let cpu = self.policy.change(&*task, self.now(), |t| Entity::set_params(t, params));
        if let Some(cpu) = cpu {
            self.resched.borrow_mut()[cpu] = true;
        }
    }

    pub(super) fn runnable(&self) -> usize {
        self.current.iter().flatten().count()
            + (0..self.current.len())
                .filter_map(|cpu| self.policy.cpu(cpu))
                .map(|cpu| cpu.queue.lock().waiting())
                .sum::<usize>()
    }

    pub(super) fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.step();
        }
    }

    fn step(&mut self) {
        let due: Vec<_> = self.sleeping.extract_if(.., |(at, _)| *at <= self.now_ms).collect();
        for (_, task) in due {
            self.wake(task, Arrival::Wake);
        }
        // A CPU that is told by another to choose may come before it in order.
        for cpu in (0..self.current.len()).chain(0..self.current.len()) {
            self.choose(cpu);
        }
        self.now_ms += 1;
        for cpu in 0..self.current.len() {
            self.run_current(cpu);
        }
    }

    fn choose(&mut self, cpu: usize) {
        if !core::mem::take(&mut self.resched.borrow_mut()[cpu]) {
            return;
        }
        let prev = self.current[cpu].take();
        let prev_id = prev.as_ref().map(|task| task.id);
        if let Some(prev) = &prev {
            prev.runnable_since.store(self.now_ms, Relaxed);
        }
        let next = self.policy.pick_next(cpu, prev, self.now(), |cpu| {
            self.resched.borrow_mut()[cpu] = true;
        });
        if let Some(next) = &next
            && Some(next.id) != prev_id
        {
            assert!(next.affinity() & (1 << cpu) != 0, "task on a forbidden CPU");
            assert!(!self.current.iter().flatten().any(|t| t.id == next.id), "runs twice");
            let wait = self.now_ms - next.runnable_since.load(Relaxed);
            next.worst_wait.fetch_max(wait, Relaxed);
        }
        self.current[cpu] = next;
    }

    fn run_current(&mut self, cpu: usize) {
        let Some(task) = self.current[cpu].clone() else {
            self.idle_ms[cpu] += 1;
            return;
        };
        task.run_ns.fetch_add(MS, Relaxed);
        if task.left.fetch_sub(1, Relaxed) == 1 {
            self.current[cpu] = None;
            self.policy.blocked(cpu, &task);
            self.sleeping.push((self.now_ms + task.pause, task));
            self.resched.borrow_mut()[cpu] = true;
            return;
        }
        if task.yields {
            self.policy.yielded(cpu);
            self.resched.borrow_mut()[cpu] = true;
        }
        if self.now_ms.is_multiple_of(TICK_MS) {
            let asks = self.policy.tick(cpu, &task, self.now(), |cpu| {
                self.resched.borrow_mut()[cpu] = true;
            });
            if asks {
                self.resched.borrow_mut()[cpu] = true;
            }
        }
    }
}
