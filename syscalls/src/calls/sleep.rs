// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sleeping.

use crate::arg::UserPtr;
use crate::calls::deadline::Duration;
use crate::cx::Context;
use crate::row::Outcome;
use abi::capability::Caps;
use abi::time::{TIMER_ABSTIME, Timespec};
use abi::{Errno, Result, err, nr};
use task::RestartBlock;
use time::{ClockId, sleep_until};

/// nanosleep(2).
pub(crate) fn sys_nanosleep(
    cx: &mut Context,
    wanted: UserPtr<Timespec>,
    left: Option<UserPtr<Timespec>>,
) -> Result<()> {
    let wanted = wanted.read(cx.vm())?.to_ns()?;
    sleep_relative(cx, ClockId::Monotonic, wanted, left, nr::NANOSLEEP)
}

/// clock_nanosleep(2).
pub(crate) fn sys_clock_nanosleep(
    cx: &mut Context,
    clock: ClockId,
    flags: u32,
    wanted: UserPtr<Timespec>,
    left: Option<UserPtr<Timespec>>,
) -> Result<Outcome> {
    clock.check_sleepable()?;
    let wanted = wanted.read(cx.vm())?.to_ns()?;
    clock.check_sleeper(&cx.thread)?;
    if matches!(clock, ClockId::RealtimeAlarm | ClockId::BoottimeAlarm) {
        if flags & !TIMER_ABSTIME != 0 {
            return err!(EINVAL, "flags");
        }
        cx.require(Caps::WAKE_ALARM)?;
    }
    if flags & TIMER_ABSTIME == 0 {
        sleep_relative(cx, clock, wanted, left, nr::CLOCK_NANOSLEEP)?;
        return Ok(Outcome::Return(0));
    }
    match sleep_until(&cx.thread, clock, wanted) {
        Ok(()) => Ok(Outcome::Return(0)),
        Err(error) if error.errno() == Errno::EINTR => Ok(Outcome::RestartNoHand),
        Err(error) => Err(error),
    }
}

/// Sleeps for a duration; a signal leaves what is left of it at `left`.
fn sleep_relative(
    cx: &mut Context,
    clock: ClockId,
    ns: u64,
    left: Option<UserPtr<Timespec>>,
    number: u64,
) -> Result<()> {
    // A duration does not care for the setting of the real time.
    let clock = if clock == ClockId::Realtime { ClockId::Monotonic } else { clock };
    let deadline_ns = match cx.resumed_deadline.take() {
        Some(deadline) => deadline,
        None => clock.now(&cx.thread)?.saturating_add(ns),
    };
    let result = sleep_until(&cx.thread, clock, deadline_ns);
    if let Err(error) = &result
        && error.errno() == Errno::EINTR
    {
        if let Some(left) = left {
            let rest = deadline_ns.saturating_sub(clock.now(&cx.thread)?);
            left.write(cx.vm(), &Timespec::from_ns(rest))?;
        }
        cx.thread.set_restart(RestartBlock { number, deadline_ns });
    }
    result
}
