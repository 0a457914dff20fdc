// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Scheduling: policies, nice values, CPU affinity.

use crate::arg::{RawPid, UserPtr};
use crate::cx::Context;
use abi::capability::Caps;
use abi::resource::Resource;
use abi::sched::{PRIO_PGRP, PRIO_PROCESS, PRIO_USER, SCHED_DEADLINE, SCHED_EXT};
use abi::time::Timespec;
use abi::{Result, err, error};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use cred::Cred;
use framework::cpu::{self, CpuSet};
use framework::task::Task;
use sched::{Caller, Params, Policy};
use task::{Pgid, Pid, Process, Scheduling, Thread, Tid};

/// Bytes of the CPU mask that the kernel keeps.
const MASK_BYTES: usize = 8;

/// sched_yield(2).
pub(crate) fn sys_sched_yield(_cx: &mut Context) -> Result<()> {
    framework::task::yield_now();
    Ok(())
}

/// What a call names: a thread, or what is left of the one that led a zombie.
enum Target {
    Living(Arc<Thread>, Arc<Task>),
    Ended(Arc<Process>, Scheduling),
}

impl Target {
    /// The target of a number; zero is the caller.
    fn of(cx: &Context, tid: RawPid) -> Result<Self> {
        if tid.0 < 0 {
            return err!(EINVAL, "negative thread");
        }
        let gone = error!(ESRCH, "no such thread");
        let thread = match tid.0 {
            0 => Some(cx.thread.clone()),
            tid => cx.pid_namespace().thread(Tid::from_raw(tid)),
        };
        if let Some(thread) = thread
            && let Some(task) = thread.task()
        {
            return Ok(Self::Living(thread, task));
        }
        let process = cx.pid_namespace().process(Pid::from_raw(tid.0)).ok_or(gone)?;
        let last = process.last_scheduling().ok_or(gone)?;
        Ok(Self::Ended(process, last))
    }

    fn scheduling(&self) -> Scheduling {
        match self {
            Self::Living(_, task) => Scheduling::of(task),
            Self::Ended(_, last) => *last,
        }
    }

    /// Whose it is, if it has anybody's credentials any more.
    fn cred(&self) -> Option<Arc<Cred>> {
        match self {
            Self::Living(thread, _) => Some(thread.cred()),
            Self::Ended(process, _) => process.cred(),
        }
    }

    /// Sets policy and priority; nothing comes of it for what has ended.
    fn change(&self, cx: &Context, new: Params) -> Result<()> {
        match self {
            Self::Living(thread, task) => change(cx, thread, task, new),
            Self::Ended(process, last) => {
                let owner = process.cred().unwrap_or_else(|| cx.cred());
                let caller = caller_of(cx, &owner, process, process.nice());
                sched::may_set(last.params, new, &caller)
            }
        }
    }
}

/// As [`Target::of`], for the calls that do not tell a negative number from one that nobody
/// has.
fn affine(cx: &Context, tid: RawPid) -> Result<Target> {
    if tid.0 < 0 { err!(ESRCH, "negative thread") } else { Target::of(cx, tid) }
}

fn is_owner(caller: &Cred, target: &Cred) -> bool {
    caller.euid == target.euid || caller.euid == target.uid
}

/// Whether the caller's capabilities allow changes to somebody: nobody has what the caller lacks.
fn is_as_able(caller: &Cred, target: &Cred) -> bool {
    caller.caps.permitted.contains(target.caps.permitted)
}

/// What counts of the caller for changes to somebody of `process`.
fn caller_of(cx: &Context, target: &Cred, process: &Process, nice: i8) -> Caller {
    let cred = cx.cred();
    let limit = |resource| process.rlimit(resource).cur;
    Caller {
        has_sys_nice: cred.capable(Caps::SYS_NICE),
        is_owner: is_owner(&cred, target) && is_as_able(&cred, target),
        rtprio_limit: limit(Resource::Rtprio),
        lowest_nice: lowest_nice(limit(Resource::Nice)),
        nice,
    }
}

fn change(cx: &Context, thread: &Thread, task: &Arc<Task>, new: Params) -> Result<()> {
    let caller = caller_of(cx, &thread.cred(), thread.process(), task.sched().nice());
    sched::may_set(sched::params(task), new, &caller)?;
    sched::set_params(task, new);
    // Timers of real-time threads have no slack.
    if new.policy.is_realtime() {
        thread.set_timer_slack_ns(Some(0));
    } else if thread.timer_slack_ns() == 0 {
        thread.set_timer_slack_ns(None);
    }
    Ok(())
}

fn read_priority(cx: &Context, param: UserPtr<i32>) -> Result<i32> {
    if param.addr() == 0 { err!(EINVAL, "no parameters") } else { param.read(cx.vm()) }
}

/// sched_setscheduler(2).
pub(crate) fn sys_sched_setscheduler(
    cx: &mut Context,
    tid: RawPid,
    policy: i32,
    param: UserPtr<i32>,
) -> Result<()> {
    if policy < 0 || tid.0 < 0 {
        return err!(EINVAL);
    }
    let priority = read_priority(cx, param)?;
    let target = Target::of(cx, tid)?;
    target.change(cx, sched::check_params(policy, priority)?)
}

/// sched_setparam(2).
pub(crate) fn sys_sched_setparam(cx: &mut Context, tid: RawPid, param: UserPtr<i32>) -> Result<()> {
    if tid.0 < 0 {
        return err!(EINVAL);
    }
    let priority = read_priority(cx, param)?;
    let target = Target::of(cx, tid)?;
    let policy = target.scheduling().params.raw_policy();
    target.change(cx, sched::check_params(policy, priority)?)
}

/// sched_getscheduler(2).
pub(crate) fn sys_sched_getscheduler(cx: &mut Context, tid: RawPid) -> Result<usize> {
    Ok(Target::of(cx, tid)?.scheduling().params.raw_policy() as usize)
}

/// sched_getparam(2).
pub(crate) fn sys_sched_getparam(cx: &mut Context, tid: RawPid, param: UserPtr<i32>) -> Result<()> {
    if param.addr() == 0 {
        return err!(EINVAL, "no room for parameters");
    }
    let now = Target::of(cx, tid)?.scheduling();
    param.write(cx.vm(), &i32::from(now.params.priority))
}

/// Of the policies that nobody can have here, deadline and BPF's, only the priorities are known.
fn priorities(raw: i32) -> Result<core::ops::RangeInclusive<i32>> {
    match (raw, Policy::from_raw(raw)) {
        (_, Some(policy)) => Ok(sched::priority_range(policy)),
        (SCHED_DEADLINE | SCHED_EXT, None) => Ok(0..=0),
        _ => err!(EINVAL, "unknown policy"),
    }
}

/// sched_get_priority_max(2).
pub(crate) fn sys_sched_get_priority_max(_cx: &mut Context, raw: i32) -> Result<usize> {
    Ok(*priorities(raw)?.end() as usize)
}

/// sched_get_priority_min(2).
pub(crate) fn sys_sched_get_priority_min(_cx: &mut Context, raw: i32) -> Result<usize> {
    Ok(*priorities(raw)?.start() as usize)
}

/// sched_rr_get_interval(2).
pub(crate) fn sys_sched_rr_get_interval(
    cx: &mut Context,
    tid: RawPid,
    interval: UserPtr<Timespec>,
) -> Result<()> {
    let now = Target::of(cx, tid)?.scheduling();
    interval.write(cx.vm(), &Timespec::from_ns(now.interval_ns))
}

/// sched_setaffinity(2): CPUs beyond the kernel's mask are dropped.
pub(crate) fn sys_sched_setaffinity(
    cx: &mut Context,
    tid: RawPid,
    len: u32,
    mask: UserPtr<u8>,
) -> Result<()> {
    let mut bytes = [0_u8; MASK_BYTES];
    let wanted = bytes.get_mut(..MASK_BYTES.min(len as usize)).unwrap_or_default();
    if !wanted.is_empty() {
        cx.vm().read(mask.addr(), wanted)?;
    }
    let target = affine(cx, tid)?;
    let cred = cx.cred();
    let owns =
        target.cred().is_some_and(|other| is_owner(&cred, &other) && is_as_able(&cred, &other));
    if !owns && !cred.capable(Caps::SYS_NICE) {
        return err!(EPERM, "somebody else's thread");
    }
    let wanted = CpuSet::from_bits(u64::from_le_bytes(bytes));
    match target {
        Target::Living(_, task) => sched::set_affinity(&task, wanted),
        Target::Ended(..) if wanted.intersection(online()).is_empty() => {
            err!(EINVAL, "no CPU that there is")
        }
        Target::Ended(..) => Ok(()),
    }
}

fn online() -> CpuSet {
    cpu::all().fold(CpuSet::EMPTY, |mut set, cpu| {
        set.insert(cpu);
        set
    })
}

/// sched_getaffinity(2): returns how many bytes it wrote.
pub(crate) fn sys_sched_getaffinity(
    cx: &mut Context,
    tid: RawPid,
    len: u32,
    mask: UserPtr<u8>,
) -> Result<usize> {
    let len = len as usize;
    // The bits are counted in 32 bits, as on Linux.
    if ((len as u32).wrapping_mul(8) as usize) < cpu::count()
        || !len.is_multiple_of(size_of::<u64>())
    {
        return err!(EINVAL, "size of the mask");
    }
    let now = affine(cx, tid)?.scheduling();
    let allowed = now.affinity.intersection(online());
    cx.vm().write(mask.addr(), &allowed.bits().to_le_bytes())?;
    Ok(MASK_BYTES)
}

/// The processes of a group or user that a priority call means.
fn priority_targets(cx: &Context, which: u32, who: u32) -> Result<Vec<Arc<Process>>> {
    let caller = cx.thread.process();
    let is_meant: Box<dyn Fn(&Process) -> bool> = match which {
        PRIO_PGRP => {
            let group = if who == 0 { caller.group_id() } else { Pgid::from_raw(who as i32) };
            Box::new(move |process| process.group_id() == group)
        }
        PRIO_USER => {
            let uid = if who == 0 { cx.cred().uid } else { who };
            Box::new(move |process| process.cred().is_some_and(|cred| cred.uid == uid))
        }
        _ => return err!(EINVAL, "which"),
    };
    let mut meant = Vec::new();
    for process in cx.pid_namespace().processes().filter(|process| is_meant(process)) {
        meant.try_reserve(1).map_err(|_| error!(ENOMEM))?;
        meant.push(process);
    }
    if which == PRIO_PGRP {
        // As on Linux the last one's error counts, which is the oldest's of a group.
        meant.reverse();
    }
    if meant.is_empty() { err!(ESRCH) } else { Ok(meant) }
}

/// The one thread of PRIO_PROCESS.
fn one_target(cx: &Context, who: u32) -> Result<Target> {
    let tid = i32::try_from(who).map_err(|_| error!(ESRCH, "no such thread"))?;
    Target::of(cx, RawPid(tid))
}

/// getpriority(2): 20 less the lowest nice value, so that no result is negative.
pub(crate) fn sys_getpriority(cx: &mut Context, which: u32, who: u32) -> Result<usize> {
    let nice = if which == PRIO_PROCESS {
        match one_target(cx, who)? {
            Target::Living(thread, _) => thread.nice(),
            Target::Ended(process, _) => process.nice(),
        }
    } else {
        let mut lowest = i8::MAX;
        for process in priority_targets(cx, which, who)? {
            let threads = process.threads()?;
            let least = threads.iter().map(|thread| thread.nice()).min();
            lowest = lowest.min(least.unwrap_or_else(|| process.nice()));
        }
        lowest
    };
    usize::try_from(20 - i32::from(nice)).map_err(|_| error!(EINVAL))
}

/// setpriority(2): of one thread, or of all in a group or of a user.
pub(crate) fn sys_setpriority(cx: &mut Context, which: u32, who: u32, nice: i32) -> Result<()> {
    let nice = nice.clamp(-20, 19);
    if which == PRIO_PROCESS {
        return match one_target(cx, who)? {
            Target::Living(thread, _) => set_nice(cx, &thread, nice),
            Target::Ended(process, _) => set_last_nice(cx, &process, nice),
        };
    }
    let mut result = Ok(());
    for process in priority_targets(cx, which, who)? {
        let threads = process.threads()?;
        if threads.is_empty() {
            result = set_last_nice(cx, &process, nice).and(result);
        }
        for thread in threads {
            result = set_nice(cx, &thread, nice).and(result);
        }
    }
    result
}

/// As [`set_nice`], for what is still told of who has ended.
fn set_last_nice(cx: &Context, process: &Process, nice: i32) -> Result<()> {
    let owner = process.cred().unwrap_or_else(|| cx.cred());
    let limit = process.rlimit(Resource::Nice).cur;
    may_set_nice(cx, &owner, i32::from(process.nice()), limit, nice)?;
    process.note_nice(nice as i8);
    Ok(())
}

/// Sets one thread's nice value, if the caller may.
fn set_nice(cx: &Context, thread: &Thread, nice: i32) -> Result<()> {
    let limit = thread.process().rlimit(Resource::Nice).cur;
    may_set_nice(cx, &thread.cred(), i32::from(thread.nice()), limit, nice)?;
    thread.set_nice(nice as i8);
    Ok(())
}

/// Whether the caller may change the nice value of somebody with these credentials and this limit.
fn may_set_nice(cx: &Context, owner: &Cred, now: i32, limit: u64, nice: i32) -> Result<()> {
    let cred = cx.cred();
    let has_sys_nice = cred.capable(Caps::SYS_NICE);
    if !has_sys_nice && !is_owner(&cred, owner) {
        return err!(EPERM, "somebody else's thread");
    }
    if nice < now && nice < lowest_nice(limit) && !has_sys_nice {
        return err!(EACCES, "below the limit");
    }
    if !has_sys_nice && !is_as_able(&cred, owner) {
        return err!(EPERM, "somebody who may do more");
    }
    Ok(())
}

/// The lowest nice value that `RLIMIT_NICE` allows.
fn lowest_nice(limit: u64) -> i32 {
    20 - limit.min(40) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nice_limit() {
        assert_eq!(lowest_nice(0), 20);
        assert_eq!(lowest_nice(40), -20);
        assert_eq!(lowest_nice(u64::MAX), -20);
        assert_eq!(lowest_nice(1), 19);
    }
}
