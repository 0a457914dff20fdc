// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`RunState`]: who may run a task, decided by one atomic step.
//!
//! A task is queued exactly from its start, its wake-up or its preemption until a CPU
//! takes it by [`RunState::take`]; whatever a policy hands out besides is refused. Who has
//! taken a task, it alone, then waits until the CPU that ran it before is off its stack.
//!
//! Written over a [`Word`] so that loom can try all interleavings
//! (`RUSTFLAGS="--cfg loom" cargo test -p nacre-framework --lib loom`).

use core::sync::atomic::{AtomicU32, Ordering};

/// Built, not started.
const NEW: u32 = 0;
/// The policy's to hand out, once.
const QUEUED: u32 = 1;
/// Taken by a CPU.
const RUNNING: u32 = 2;
/// Waits for [`RunState::wake`].
const PARKED: u32 = 3;
/// Never runs again.
const DEAD: u32 = 4;
/// A CPU's own: never queued, parked or ended.
const IDLE: u32 = 5;
/// With QUEUED and RUNNING: the next park returns at once.
const NOTIFIED: u32 = 1 << 8;

/// An atomic number, of the machine or of loom.
pub(crate) trait Word {
    /// A word that holds `value`.
    fn new(value: u32) -> Self;
    /// Reads it.
    fn load(&self, order: Ordering) -> u32;
    /// Writes it.
    fn store(&self, value: u32, order: Ordering);
    /// Puts `new` in place of `old`; what was there, if it was something else. Acquires
    /// and releases.
    fn replace(&self, old: u32, new: u32) -> Result<(), u32>;
}

impl Word for AtomicU32 {
    #[inline]
    fn new(value: u32) -> Self {
        Self::new(value)
    }
    #[inline]
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }
    #[inline]
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
    #[inline]
    fn replace(&self, old: u32, new: u32) -> Result<(), u32> {
        self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).map(|_| ())
    }
}

/// Why a task must not do what it was about to: a reason for a stop.
pub(crate) type Refusal = &'static str;

/// What [`RunState::park`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Park {
    /// The task sleeps as soon as its CPU switches.
    Sleeps,
    /// It was woken before: it goes on.
    GoesOn,
}

/// The run state of a task.
///
/// # Invariants
/// `phase` goes from QUEUED to RUNNING only in `take`, by one step, so between there and
/// the task's own next step one CPU has it. `has_cpu` is written by that CPU alone: set
/// when it has waited for zero, cleared when it is off the task's stack.
pub(crate) struct RunState<W = AtomicU32> {
    phase: W,
    /// Whether a CPU is on the task's stack.
    has_cpu: W,
}

impl<W: Word> RunState<W> {
    /// Of a task that was built and not started.
    pub(crate) fn new_task() -> Self {
        Self { phase: W::new(NEW), has_cpu: W::new(0) }
    }

    /// Of code that runs already and is to be a task.
    #[cfg_attr(target_os = "none", expect(dead_code, reason = "for threads of the build machine"))]
    pub(crate) fn adopted() -> Self {
        Self { phase: W::new(RUNNING), has_cpu: W::new(1) }
    }

    /// Of code that runs already and is to be its CPU's idle task.
    pub(crate) fn idle() -> Self {
        Self { phase: W::new(IDLE), has_cpu: W::new(1) }
    }

    /// Starts the task; true if it is to be queued, false if it was started before.
    pub(crate) fn start(&self) -> bool {
        self.phase.replace(NEW, QUEUED).is_ok()
    }

    /// Ends the task's [`Self::park`], or makes its next one return at once. True if it is
    /// to be queued.
    #[inline]
    pub(crate) fn wake(&self) -> bool {
        let mut now = self.phase.load(Ordering::Relaxed);
        loop {
            // Also what is notified already is written: who sees the mark sees what the
            // waker did before.
            let next = match now & !NOTIFIED {
                PARKED => QUEUED,
                QUEUED | RUNNING => now | NOTIFIED,
                _ => return false,
            };
            match self.phase.replace(now, next) {
                Ok(()) => return now == PARKED,
                Err(seen) => now = seen,
            }
        }
    }

    /// The running task goes to sleep.
    ///
    /// # Errors
    /// A [`Refusal`] for a task that must go on.
    #[inline]
    pub(crate) fn park(&self) -> Result<Park, Refusal> {
        match self.phase.replace(RUNNING, PARKED) {
            Ok(()) => Ok(Park::Sleeps),
            Err(seen) if seen == RUNNING | NOTIFIED => {
                // Nobody but the task itself changes this.
                let _ = self.phase.replace(seen, RUNNING);
                Ok(Park::GoesOn)
            }
            Err(IDLE) => Err("an idle task, or the boot code, waits"),
            Err(_) => Err("the scheduling policy waits"),
        }
    }

    /// The running task is given back to the policy.
    ///
    /// # Errors
    /// A [`Refusal`] if it is not running.
    #[inline]
    pub(crate) fn give_back(&self) -> Result<(), Refusal> {
        let refusal = "the scheduling policy switches tasks";
        self.change(|phase| (phase == RUNNING).then_some(QUEUED).ok_or(refusal))
    }

    /// Takes a task that the policy handed out. The caller has it for itself, and runs it
    /// when [`Self::is_on_cpu`] has become false.
    ///
    /// # Errors
    /// A [`Refusal`] if the task was not the policy's to hand out.
    #[inline]
    pub(crate) fn take(&self) -> Result<(), Refusal> {
        self.change(|phase| match phase {
            QUEUED => Ok(RUNNING),
            NEW => Err("the scheduling policy runs a task that was not started"),
            RUNNING => Err("the scheduling policy runs a task that a CPU has"),
            PARKED => Err("the scheduling policy runs a task that sleeps"),
            DEAD => Err("the scheduling policy runs a task that has ended"),
            _ => Err("the scheduling policy runs an idle task"),
        })
    }

    /// The running task ends.
    ///
    /// # Errors
    /// A [`Refusal`] for a task that must go on.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        let refusal = "an idle task, or the scheduling policy, ends";
        self.change(|phase| (phase == RUNNING).then_some(DEAD).ok_or(refusal))
    }

    /// Changes the phase, and leaves it notified if it was.
    #[inline]
    fn change(&self, next: impl Fn(u32) -> Result<u32, Refusal>) -> Result<(), Refusal> {
        let mut now = self.phase.load(Ordering::Relaxed);
        loop {
            let next = next(now & !NOTIFIED)? | now & NOTIFIED;
            match self.phase.replace(now, next) {
                Ok(()) => return Ok(()),
                Err(seen) => now = seen,
            }
        }
    }

    /// A CPU that has taken the task comes to its stack; nobody is there.
    #[inline]
    pub(crate) fn arrive(&self) {
        self.has_cpu.store(1, Ordering::Relaxed);
    }

    /// The CPU has left the task's stack: whoever takes the task may run it.
    #[inline]
    pub(crate) fn leave(&self) {
        self.has_cpu.store(0, Ordering::Release);
    }

    /// Whether a CPU is on the task's stack. When not, all that was done there has
    /// happened before.
    #[inline]
    pub(crate) fn is_on_cpu(&self) -> bool {
        self.has_cpu.load(Ordering::Acquire) != 0
    }

    /// Whether the task sleeps.
    pub(crate) fn is_parked(&self) -> bool {
        self.phase.load(Ordering::Relaxed) == PARKED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type State = RunState<AtomicU32>;

    fn queued() -> State {
        let state = State::new_task();
        assert!(state.start());
        state
    }

    #[test]
    fn a_task_is_taken_once_each_time_it_is_queued() {
        let state = queued();
        assert!(!state.start());
        assert_eq!(state.take(), Ok(()));
        assert_eq!(state.take(), Err("the scheduling policy runs a task that a CPU has"));
        assert_eq!(state.give_back(), Ok(()));
        assert_eq!(state.give_back(), Err("the scheduling policy switches tasks"));
        assert_eq!(state.take(), Ok(()));
        assert_eq!(state.park(), Ok(Park::Sleeps));
        assert_eq!(state.take(), Err("the scheduling policy runs a task that sleeps"));
        assert!(state.wake());
        assert_eq!((state.take(), state.take().is_ok()), (Ok(()), false));
        assert_eq!(state.end(), Ok(()));
        assert_eq!(state.take(), Err("the scheduling policy runs a task that has ended"));
        assert!(!state.wake() && !state.start());
    }

    #[test]
    fn what_may_not_run_is_refused() {
        assert_eq!(
            State::new_task().take(),
            Err("the scheduling policy runs a task that was not started")
        );
        let idle = State::idle();
        assert_eq!(idle.take(), Err("the scheduling policy runs an idle task"));
        assert_eq!(idle.park(), Err("an idle task, or the boot code, waits"));
        assert!(idle.give_back().is_err() && idle.end().is_err() && !idle.wake());
    }

    #[test]
    fn a_wake_up_before_the_park_counts_once() {
        let state = queued();
        assert!(!state.wake() && !state.wake());
        assert_eq!(state.take(), Ok(()));
        assert_eq!(state.park(), Ok(Park::GoesOn));
        assert_eq!(state.park(), Ok(Park::Sleeps));
        assert_eq!(state.park(), Err("the scheduling policy waits"));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicU32 as LoomU32};
    use loom::thread;

    impl Word for LoomU32 {
        fn new(value: u32) -> Self {
            Self::new(value)
        }
        fn load(&self, order: Ordering) -> u32 {
            self.load(order)
        }
        fn store(&self, value: u32, order: Ordering) {
            self.store(value, order);
        }
        fn replace(&self, old: u32, new: u32) -> Result<(), u32> {
            self.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).map(|_| ())
        }
    }

    /// A task: its state, and its stack, which loom watches.
    struct Model {
        state: RunState<LoomU32>,
        stack: UnsafeCell<u32>,
        event: AtomicBool,
    }

    impl Model {
        fn running() -> Arc<Self> {
            let state = RunState::adopted();
            Arc::new(Self { state, stack: UnsafeCell::new(0), event: AtomicBool::new(false) })
        }

        fn use_stack(&self) {
            self.stack.with_mut(|stack| unsafe { *stack += 1 });
        }

        /// A CPU that was handed the task by its policy; whether it has run it.
        fn run(&self) -> bool {
            if self.state.take().is_err() {
                return false;
            }
            while self.state.is_on_cpu() {
                thread::yield_now();
            }
            self.state.arrive();
            self.use_stack();
            true
        }

        fn leave(&self) {
            self.use_stack();
            self.state.leave();
        }
    }

    #[test]
    fn loom_two_cpus_get_one_preempted_task() {
        loom::model(|| {
            let task = Model::running();
            task.use_stack();
            task.state.give_back().unwrap();
            let other = task.clone();
            let elsewhere = thread::spawn(move || other.run());
            // The CPU that it was preempted on gets it too, and need not leave it then.
            let here = task.state.take().is_ok();
            if here {
                task.use_stack();
            } else {
                task.leave();
            }
            assert!(elsewhere.join().unwrap() != here);
        });
    }

    #[test]
    fn loom_two_cpus_get_one_woken_task() {
        loom::model(|| {
            let task = Model::running();
            let cpus = [0, 1].map(|_| {
                let task = task.clone();
                thread::spawn(move || task.state.wake() && task.run())
            });
            let slept = task.state.park() == Ok(Park::Sleeps);
            if slept {
                task.leave();
            } else {
                task.use_stack();
            }
            let runs = cpus.map(|cpu| usize::from(cpu.join().unwrap()));
            assert_eq!(runs.iter().sum::<usize>(), usize::from(slept));
        });
    }

    #[test]
    fn loom_no_wake_up_is_lost() {
        loom::model(|| {
            let task = Model::running();
            let waker = task.clone();
            // A first wake-up without an event, so that the second may find the mark.
            assert!(!task.state.wake());
            let waker = thread::spawn(move || {
                waker.event.store(true, Ordering::Relaxed);
                waker.state.wake()
            });
            assert_eq!(task.state.park(), Ok(Park::GoesOn));
            let seen = task.event.load(Ordering::Relaxed);
            let sleeps = !seen && task.state.park() == Ok(Park::Sleeps);
            // Asleep without having seen the event: then the waker queues the task.
            assert!(waker.join().unwrap() == sleeps);
        });
    }
}
