// SPDX-License-Identifier: Apache-2.0 OR MIT
//! POSIX per-process timers.
//!
//! Spec: timer_create(2), timer_settime(2), timer_getoverrun(2), sigevent(3).

use alloc::sync::Arc;

use abi::signal::Signal;
use abi::{Result, err, error};
use task::{
    Thread,
    signal::{TimerSignal, new_timer_signal},
};

use crate::{
    ClockId, Itimer,
    event::{Notify, SigEvent},
    expiry::Expiry,
    process_timers::{PosixTimer, ProcessTimers, Timer},
    which::{Slot, TimerClock, read_clock},
};

/// How timer_settime's value is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerMode {
    /// From now.
    Relative,
    /// TIMER_ABSTIME: a time of the clock.
    Absolute,
}

fn timer_clock(thread: &Thread, clock: ClockId) -> Result<TimerClock> {
    match clock {
        ClockId::Realtime | ClockId::RealtimeAlarm | ClockId::Tai => Ok(TimerClock::Realtime),
        ClockId::Monotonic | ClockId::Boottime | ClockId::BoottimeAlarm => {
            Ok(TimerClock::Monotonic)
        }
        ClockId::ProcessCpu => Ok(TimerClock::Cpu),
        ClockId::ThreadCpu | ClockId::CallersCpu => Ok(TimerClock::ThreadCpu(thread.tid())),
        ClockId::NoCpu => err!(EINVAL, "no such clock"),
        ClockId::OtherThread(tid) => clock.now(thread).map(|_| TimerClock::ThreadCpu(tid)),
        ClockId::OtherProcess(pid) if pid == thread.pid() => Ok(TimerClock::Cpu),
        ClockId::OtherProcess(_) => {
            clock.now(thread)?;
            err!(EOPNOTSUPP, "no timers on another process's CPU time")
        }
        _ => err!(EOPNOTSUPP, "no timers on this clock"),
    }
}

impl ClockId {
    /// Refuses clocks that have no timers, which counts before the event is looked at.
    ///
    /// # Errors
    /// `EOPNOTSUPP` for such a clock.
    pub fn check_timers(self) -> Result<()> {
        match self {
            Self::MonotonicRaw | Self::RealtimeCoarse | Self::MonotonicCoarse | Self::Device => {
                err!(EOPNOTSUPP, "no timers on this clock")
            }
            _ => Ok(()),
        }
    }
}

/// Refuses an event for a thread that is not of the caller's process.
///
/// # Errors
/// `EINVAL` for such a thread.
pub fn check_event(thread: &Thread, event: Option<SigEvent>) -> Result<()> {
    if let Some(SigEvent { notify: Notify::Thread(_, tid), .. }) = event {
        let other = thread.pid_namespace().thread(tid).filter(|t| t.pid() == thread.pid());
        other.ok_or(error!(EINVAL, "no such thread of this process"))?;
    }
    Ok(())
}

/// A timer that is about to be made: its number, which no other gets, and its signal's
/// place among those that its user may have.
pub struct NewTimer {
    /// The number.
    pub id: i32,
    signal: TimerSignal,
}

/// What timer_create(2) takes first.
///
/// # Errors
/// `EAGAIN` if the user has RLIMIT_SIGPENDING signals and timers, `ENOMEM`.
pub fn new_timer(thread: &Thread) -> Result<NewTimer> {
    framework::mm::admit()?;
    let timers = ProcessTimers::of(thread.process()).ok_or(error!(ENOMEM))?;
    let signal = new_timer_signal(thread)?;
    let id = timers.state.lock().free_id();
    Ok(NewTimer { id, signal })
}

/// timer_create(2), of what [`new_timer`] gave. Without an event: SIGALRM with the timer's
/// number.
///
/// # Errors
/// `EOPNOTSUPP` for a clock without timers, `EINVAL` for the CPU clock of somebody who is
/// gone, `ENOMEM`.
pub fn timer_create(
    thread: &Thread,
    clock: ClockId,
    event: Option<SigEvent>,
    new: NewTimer,
) -> Result<()> {
    let NewTimer { id, signal } = new;
    let clock = timer_clock(thread, clock)?;
    let timers = ProcessTimers::of(thread.process()).ok_or(error!(ENOMEM))?;
    framework::mm::admit()?;
    let event =
        event.unwrap_or(SigEvent { notify: Notify::Process(Signal::ALRM), value: id as u64 });
    let signal = Arc::new(signal);
    let timer = PosixTimer { clock, event, timer: Timer::default(), signal };
    timers.state.lock().posix.insert(id, timer);
    Ok(())
}

impl crate::process_timers::State {
    fn free_id(&mut self) -> i32 {
        loop {
            let id = self.next_id;
            self.next_id = self.next_id.checked_add(1).unwrap_or(0);
            if !self.posix.contains_key(&id) {
                return id;
            }
        }
    }
}

fn no_such_timer() -> abi::Error {
    error!(EINVAL, "no such timer")
}

/// The timers of the caller's process, and the clock of timer `id`.
fn find(thread: &Thread, id: i32) -> Result<(Arc<ProcessTimers>, TimerClock)> {
    let timers = ProcessTimers::existing(thread.process()).ok_or(no_such_timer())?;
    let clock = timers.state.lock().posix.get(&id).map(|t| t.clock);
    Ok((timers, clock.ok_or(no_such_timer())?))
}

/// timer_settime(2): value 0 stops it. Returns what it was.
///
/// # Errors
/// `EINVAL` if there is no such timer, `ENOMEM` to start it.
pub fn timer_settime(thread: &Thread, id: i32, mode: TimerMode, new: Itimer) -> Result<Itimer> {
    let (timers, clock) = find(thread, id)?;
    let now = read_clock(clock, thread.process());
    let next_ns = match mode {
        TimerMode::Absolute => new.value_ns,
        TimerMode::Relative => now.saturating_add(new.value_ns),
    };
    if new.value_ns != 0 {
        framework::mm::admit()?;
    }
    let expiry = (new.value_ns != 0).then_some(Expiry { next_ns, interval_ns: new.interval_ns });
    let mut state = timers.state.lock();
    let timer = state.posix.get_mut(&id).ok_or(no_such_timer())?;
    timer.signal.forget_overruns();
    let old = timers.replace(&mut state, Slot::Posix(id), expiry, now);
    Ok(Itimer::of(old, now))
}

/// timer_gettime(2).
///
/// # Errors
/// `EINVAL` if there is no such timer.
pub fn timer_gettime(thread: &Thread, id: i32) -> Result<Itimer> {
    let (timers, clock) = find(thread, id)?;
    let now = read_clock(clock, thread.process());
    let state = timers.state.lock();
    let timer = state.posix.get(&id).ok_or(no_such_timer())?;
    Ok(Itimer::of(timer.timer.expiry, now))
}

/// timer_getoverrun(2).
///
/// # Errors
/// `EINVAL` if there is no such timer.
pub fn timer_getoverrun(thread: &Thread, id: i32) -> Result<i32> {
    let (timers, _) = find(thread, id)?;
    let state = timers.state.lock();
    let timer = state.posix.get(&id).ok_or(no_such_timer())?;
    Ok(timer.signal.told_overruns())
}

/// timer_delete(2).
///
/// # Errors
/// `EINVAL` if there is no such timer.
pub fn timer_delete(thread: &Thread, id: i32) -> Result<()> {
    let (timers, _) = find(thread, id)?;
    let mut state = timers.state.lock();
    timers.replace(&mut state, Slot::Posix(id), None, 0);
    let gone = state.posix.remove(&id);
    drop(state);
    gone.map(|timer| timer.signal.end()).ok_or(no_such_timer())
}
