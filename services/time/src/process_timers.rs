// SPDX-License-Identifier: Apache-2.0 OR MIT
//! All timers of one process, attached to it.
//!
//! Locks: `state` (preemption off), then the queue of due times; signals are sent outside
//! of it.

use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};
use core::any::Any;

use abi::signal::{SigInfo, SigSet, Signal};
use framework::{sync::SpinLock, time::monotonic_ns};
use task::{
    Companion, Process,
    signal::{TimerSignal, drop_flushed, send_timer_signal, send_to_process},
};

use crate::{
    event::{Notify, SigEvent},
    expiry::{Due, Expiry},
    queue::{self, Place, Timers},
    which::{Slot, TimerClock, read_clock},
};

/// The least time between two looks at a timer that repeats: a program that
/// asks for nanoseconds must not keep the timer task running.
const LEAST_PAUSE_NS: u64 = 50_000;

/// A timer's state: running or not, and its place in the queue.
#[derive(Clone, Copy, Default)]
pub(crate) struct Timer {
    pub(crate) expiry: Option<Expiry>,
    place: Option<Place>,
}

/// A timer of timer_create(2).
pub(crate) struct PosixTimer {
    pub(crate) clock: TimerClock,
    pub(crate) event: SigEvent,
    pub(crate) timer: Timer,
    pub(crate) signal: Arc<TimerSignal>,
}

pub(crate) struct State {
    pub(crate) intervals: [Timer; 3],
    /// The intervals that were last set, in ns; the one of real time ends with its timer.
    pub(crate) idle_intervals: [u64; 3],
    pub(crate) posix: BTreeMap<i32, PosixTimer>,
    pub(crate) next_id: i32,
}

/// The timers of one process.
pub(crate) struct ProcessTimers {
    me: Weak<Self>,
    process: Weak<Process>,
    pub(crate) state: SpinLock<State>,
}

impl ProcessTimers {
    /// The timers of `process`, made if it has none yet.
    pub(crate) fn of(process: &Arc<Process>) -> Option<Arc<Self>> {
        let companion = process.companion_or(|| {
            Arc::new_cyclic(|me| Self {
                me: me.clone(),
                process: Arc::downgrade(process),
                state: SpinLock::new(State {
                    intervals: [Timer::default(); 3],
                    idle_intervals: [0; 3],
                    posix: BTreeMap::new(),
                    next_id: 0,
                }),
            })
        });
        let any: Arc<dyn Any + Send + Sync> = companion;
        any.downcast().ok()
    }

    /// The timers of `process` if it has any.
    pub(crate) fn existing(process: &Process) -> Option<Arc<Self>> {
        let any: Arc<dyn Any + Send + Sync> = process.companion()?;
        any.downcast().ok()
    }

    /// Starts or stops the timer at `slot`; gives back what it was.
    pub(crate) fn replace(
        &self,
        state: &mut State,
        slot: Slot,
        expiry: Option<Expiry>,
        now_ns: u64,
    ) -> Option<Expiry> {
        let timer = state.timer(slot)?;
        let old = timer.expiry.take();
        if let Some(place) = timer.place.take() {
            queue::remove(place);
        }
        timer.expiry = expiry;
        if let Some(expiry) = expiry {
            let wait = expiry.next_ns.saturating_sub(now_ns);
            let due = monotonic_ns().saturating_add(wait);
            timer.place = Some(queue::insert(due, self.me.clone(), slot));
        }
        old
    }

    fn perform(&self, process: &Arc<Process>, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Interval(signal) => {
                let _ = send_to_process(process, SigInfo::kernel(signal));
            }
            Action::Posix { id, notify, value, missed } => {
                self.notify(process, id, notify, value, missed);
            }
        }
    }

    /// Sends a POSIX timer's signal, or counts an overrun if it still waits.
    fn notify(&self, process: &Arc<Process>, id: i32, notify: Notify, value: u64, missed: u64) {
        let (signal, thread) = match notify {
            Notify::Nothing => return,
            Notify::Process(signal) => (signal, None),
            Notify::Thread(signal, tid) => {
                let thread = process.pid_namespace().thread(tid);
                match thread.filter(|t| t.pid() == process.pid()) {
                    Some(thread) => (signal, Some(thread)),
                    None => return,
                }
            }
        };
        if SigSet::STOPPING.contains(signal) || signal == Signal::CONT {
            drop_flushed(process, thread.as_ref());
        }
        let waiting = {
            let state = self.state.lock();
            let Some(timer) = state.posix.get(&id) else { return };
            timer.signal.expire(missed)
        };
        if let Some(waiting) = waiting {
            let info = SigInfo::timer(signal, id, 0, value);
            send_timer_signal(process, thread.as_ref(), info, waiting);
        }
    }

    /// Stops and forgets all POSIX timers, and with `all` the others too.
    fn clear(&self, what: Clear) {
        let (posix, intervals) = {
            let mut state = self.state.lock();
            let intervals = match what {
                Clear::All => core::mem::take(&mut state.intervals),
                Clear::Posix => Default::default(),
            };
            (core::mem::take(&mut state.posix), intervals)
        };
        posix.values().for_each(|posix| posix.signal.end());
        let timers = posix.values().map(|posix| &posix.timer).chain(&intervals);
        timers.filter_map(|timer| timer.place).for_each(queue::remove);
    }
}

impl Timers for ProcessTimers {
    fn look(&self, slot: Slot, place: Place) {
        let Some(process) = self.process.upgrade() else { return };
        let Some(clock) = self.state.lock().clock(slot) else { return };
        let now = read_clock(clock, &process);
        let action = {
            let mut state = self.state.lock();
            let Some(timer) = state.timer(slot) else { return };
            if timer.place != Some(place) {
                return; // Stopped or set anew meanwhile.
            }
            timer.place = None;
            let Some(expiry) = timer.expiry else { return };
            let (then, missed) = match expiry.advance(now) {
                Due::NotYet => (Some(expiry), None),
                Due::Expired { missed, then } => (then, Some(missed)),
            };
            timer.expiry = then;
            if let Some(then) = then {
                let wait = then.next_ns.saturating_sub(now).max(LEAST_PAUSE_NS);
                let due = monotonic_ns().saturating_add(wait);
                timer.place = Some(queue::insert(due, self.me.clone(), slot));
            }
            missed.map(|missed| state.action(slot, missed))
        };
        if let Some(action) = action {
            self.perform(&process, action);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clear {
    Posix,
    All,
}

/// What an expired timer does.
enum Action {
    Nothing,
    Interval(Signal),
    Posix { id: i32, notify: Notify, value: u64, missed: u64 },
}

impl State {
    pub(crate) fn timer(&mut self, slot: Slot) -> Option<&mut Timer> {
        match slot {
            Slot::Interval(which) => self.intervals.get_mut(which as usize),
            Slot::Posix(id) => self.posix.get_mut(&id).map(|t| &mut t.timer),
        }
    }

    fn clock(&self, slot: Slot) -> Option<TimerClock> {
        match slot {
            Slot::Interval(which) => Some(which.clock()),
            Slot::Posix(id) => self.posix.get(&id).map(|t| t.clock),
        }
    }

    fn action(&self, slot: Slot, missed: u64) -> Action {
        match slot {
            Slot::Interval(which) => Action::Interval(which.signal()),
            Slot::Posix(id) => match self.posix.get(&id) {
                Some(t) => {
                    Action::Posix { id, notify: t.event.notify, value: t.event.value, missed }
                }
                None => Action::Nothing,
            },
        }
    }
}

impl Companion for ProcessTimers {
    fn on_exec(&self) {
        self.clear(Clear::Posix);
    }

    fn on_exit(&self) {
        self.clear(Clear::All);
    }
}
