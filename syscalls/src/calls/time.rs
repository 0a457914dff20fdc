// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reading and setting clocks.

use crate::arg::{FromArg, Regs, UserPtr};
use crate::calls::deadline::Duration;
use crate::cx::Context;
use crate::line::Line;
use abi::time::{Timespec, Timeval, Timezone, Tms};
use abi::{Result, err};
use task::NS_PER_TICK;
use time::ClockId;

/// Time zones reach 15 hours each way.
const MAX_MINUTES_WEST: i32 = 15 * 60;

impl FromArg for ClockId {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Self::from_number(regs.take() as i32)
    }

    fn show(&self, line: &mut Line<'_>) {
        line.text(match self {
            Self::Realtime => "CLOCK_REALTIME",
            Self::Monotonic => "CLOCK_MONOTONIC",
            Self::ProcessCpu => "CLOCK_PROCESS_CPUTIME_ID",
            Self::ThreadCpu => "CLOCK_THREAD_CPUTIME_ID",
            Self::MonotonicRaw => "CLOCK_MONOTONIC_RAW",
            Self::RealtimeCoarse => "CLOCK_REALTIME_COARSE",
            Self::MonotonicCoarse => "CLOCK_MONOTONIC_COARSE",
            Self::Boottime => "CLOCK_BOOTTIME",
            Self::RealtimeAlarm => "CLOCK_REALTIME_ALARM",
            Self::BoottimeAlarm => "CLOCK_BOOTTIME_ALARM",
            Self::Tai => "CLOCK_TAI",
            Self::CallersCpu => "CPU clock of the thread",
            Self::Device => "clock device",
            Self::NoCpu => "no CPU clock",
            Self::OtherProcess(_) => "CPU clock of a process",
            Self::OtherThread(_) => "CPU clock of a thread",
        });
    }
}

/// clock_gettime(2).
pub(crate) fn sys_clock_gettime(
    cx: &mut Context,
    clock: ClockId,
    out: UserPtr<Timespec>,
) -> Result<()> {
    let now = clock.now(&cx.thread)?;
    out.write(cx.vm(), &Timespec::from_ns(now))
}

/// clock_settime(2).
pub(crate) fn sys_clock_settime(
    cx: &mut Context,
    clock: ClockId,
    new: UserPtr<Timespec>,
) -> Result<()> {
    clock.check_settable()?;
    let ns = new.read(cx.vm())?.to_ns()?;
    clock.set(ns, &cx.cred())
}

/// clock_getres(2).
pub(crate) fn sys_clock_getres(
    cx: &mut Context,
    clock: ClockId,
    out: Option<UserPtr<Timespec>>,
) -> Result<()> {
    let resolution = clock.resolution_ns(&cx.thread)?;
    match out {
        Some(out) => out.write(cx.vm(), &Timespec::from_ns(resolution)),
        None => Ok(()),
    }
}

/// gettimeofday(2); the time zone is always Greenwich.
pub(crate) fn sys_gettimeofday(
    cx: &mut Context,
    time: Option<UserPtr<Timeval>>,
    zone: Option<UserPtr<Timezone>>,
) -> Result<()> {
    if let Some(time) = time {
        time.write(cx.vm(), &Timeval::from_ns(framework::time::realtime_ns()))?;
    }
    match zone {
        Some(zone) => zone.write(cx.vm(), &Timezone::default()),
        None => Ok(()),
    }
}

/// settimeofday(2).
pub(crate) fn sys_settimeofday(
    cx: &mut Context,
    time: Option<UserPtr<Timeval>>,
    zone: Option<UserPtr<Timezone>>,
) -> Result<()> {
    let time = match time {
        Some(time) => Some(time.read(cx.vm())?.to_ns()?),
        None => None,
    };
    if let Some(zone) = zone {
        let zone = zone.read(cx.vm())?;
        if !(-MAX_MINUTES_WEST..=MAX_MINUTES_WEST).contains(&zone.minutes_west) {
            return err!(EINVAL, "time zone");
        }
        cx.require(abi::capability::Caps::SYS_TIME)?;
    }
    match time {
        Some(ns) => ClockId::Realtime.set(ns, &cx.cred()),
        None => Ok(()),
    }
}

/// time(2).
pub(crate) fn sys_time(cx: &mut Context, out: Option<UserPtr<i64>>) -> Result<usize> {
    let seconds = Timespec::from_ns(framework::time::realtime_ns()).sec;
    if let Some(out) = out {
        out.write(cx.vm(), &seconds)?;
    }
    Ok(seconds as usize)
}

/// times(2).
pub(crate) fn sys_times(cx: &mut Context, out: Option<UserPtr<Tms>>) -> Result<usize> {
    if let Some(out) = out {
        let own = cx.process().rusage();
        let children = cx.process().children_rusage();
        let ticks = |ns: u64| (ns / NS_PER_TICK) as i64;
        let times = Tms {
            utime: ticks(own.user_ns),
            stime: ticks(own.system_ns),
            cutime: ticks(children.user_ns),
            cstime: ticks(children.system_ns),
        };
        out.write(cx.vm(), &times)?;
    }
    Ok((framework::time::monotonic_ns() / NS_PER_TICK) as usize)
}
