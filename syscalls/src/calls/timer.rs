// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Interval timers and POSIX timers.

use crate::arg::UserPtr;
use crate::calls::deadline::Duration;
use crate::cx::Context;
use abi::capability::Caps;
use abi::time::{Itimerspec, Itimerval, Sigevent, TIMER_ABSTIME, Timespec, Timeval};
use abi::{Result, error};
use time::{ClockId, Itimer, SigEvent, TimerMode, WhichTimer};

fn decode(value: impl Duration, interval: impl Duration) -> Result<Itimer> {
    Ok(Itimer { value_ns: value.to_ns()?, interval_ns: interval.to_ns()? })
}

/// A timer that runs never shows zero.
fn to_itimerval(timer: Itimer) -> Itimerval {
    let value = if timer.value_ns == 0 { 0 } else { timer.value_ns.max(1000) };
    Itimerval { interval: Timeval::from_ns(timer.interval_ns), value: Timeval::from_ns(value) }
}

fn to_itimerspec(timer: Itimer) -> Itimerspec {
    Itimerspec {
        interval: Timespec::from_ns(timer.interval_ns),
        value: Timespec::from_ns(timer.value_ns),
    }
}

/// getitimer(2).
pub(crate) fn sys_getitimer(cx: &mut Context, which: i32, out: UserPtr<Itimerval>) -> Result<()> {
    let timer = time::get_itimer(&cx.thread, WhichTimer::from_number(which)?);
    out.write(cx.vm(), &to_itimerval(timer))
}

/// setitimer(2): without a new value the timer stops.
pub(crate) fn sys_setitimer(
    cx: &mut Context,
    which: i32,
    new: Option<UserPtr<Itimerval>>,
    old: Option<UserPtr<Itimerval>>,
) -> Result<()> {
    let new = match new {
        Some(new) => {
            let new = new.read(cx.vm())?;
            decode(new.value, new.interval)?
        }
        None => Itimer::default(),
    };
    let previous = time::set_itimer(&cx.thread, WhichTimer::from_number(which)?, new)?;
    match old {
        Some(old) => old.write(cx.vm(), &to_itimerval(previous)),
        None => Ok(()),
    }
}

/// alarm(2).
pub(crate) fn sys_alarm(cx: &mut Context, seconds: u32) -> Result<usize> {
    Ok(time::alarm(&cx.thread, seconds)? as usize)
}

/// timer_create(2).
pub(crate) fn sys_timer_create(
    cx: &mut Context,
    clock: i32,
    event: Option<UserPtr<Sigevent>>,
    id: UserPtr<i32>,
) -> Result<()> {
    let raw = match event {
        Some(event) => Some(event.read(cx.vm())?),
        None => None,
    };
    let clock = ClockId::from_number(clock)?;
    clock.check_timers()?;
    // Its number is used up whatever comes of the timer.
    let new = time::new_timer(&cx.thread)?;
    let event = match raw {
        Some(raw) => Some(SigEvent::from_fields(
            raw.notify,
            raw.signo,
            task::Tid::from_raw(raw.tid),
            raw.value,
        )?),
        None => None,
    };
    time::check_event(&cx.thread, event)?;
    id.write(cx.vm(), &new.id)?;
    if matches!(clock, ClockId::RealtimeAlarm | ClockId::BoottimeAlarm) {
        cx.require(Caps::WAKE_ALARM)?;
    }
    time::timer_create(&cx.thread, clock, event, new)
}

/// timer_settime(2).
pub(crate) fn sys_timer_settime(
    cx: &mut Context,
    id: i32,
    flags: u32,
    new: Option<UserPtr<Itimerspec>>,
    old: Option<UserPtr<Itimerspec>>,
) -> Result<()> {
    let new = new.ok_or(error!(EINVAL, "no value"))?.read(cx.vm())?;
    let new = decode(new.value, new.interval)?;
    let mode = if flags & TIMER_ABSTIME != 0 { TimerMode::Absolute } else { TimerMode::Relative };
    let previous = time::timer_settime(&cx.thread, id, mode, new)?;
    match old {
        Some(old) => old.write(cx.vm(), &to_itimerspec(previous)),
        None => Ok(()),
    }
}

/// timer_gettime(2).
pub(crate) fn sys_timer_gettime(cx: &mut Context, id: i32, out: UserPtr<Itimerspec>) -> Result<()> {
    let timer = time::timer_gettime(&cx.thread, id)?;
    out.write(cx.vm(), &to_itimerspec(timer))
}

/// timer_getoverrun(2).
pub(crate) fn sys_timer_getoverrun(cx: &mut Context, id: i32) -> Result<usize> {
    Ok(time::timer_getoverrun(&cx.thread, id)? as usize)
}

/// timer_delete(2).
pub(crate) fn sys_timer_delete(cx: &mut Context, id: i32) -> Result<()> {
    time::timer_delete(&cx.thread, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_timers_never_show_zero() {
        let shown = to_itimerval(Itimer { value_ns: 3, interval_ns: 0 });
        assert_eq!(shown.value.usec, 1);
        assert_eq!(to_itimerval(Itimer::default()).value.usec, 0);
    }
}
