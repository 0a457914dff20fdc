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
use task::{Pgid, Process, Thread, Tid};

/// Bytes of the CPU mask that the kernel keeps.
const MASK_BYTES: usize = 8;

/// sched_yield(2).
pub(crate) fn sys_sched_yield(_cx: &mut Context) -> Result<()> {
    framework::task::yield_now();
    Ok(())
}

/// The thread that a call names; zero is the caller.
fn target(cx: &Context, tid: RawPid) -> Result<(Arc<Thread>, Arc<Task>)> {
    let thread = match tid.0 {
        0 => cx.thread.clone(),
        ..0 => return err!(EINVAL, "negative thread"),
        tid => cx.pid_namespace().thread(Tid::from_raw(tid)).ok_or(error!(ESRCH))?,
    };
    let task = thread.task().ok_or(error!(ESRCH))?;
    Ok((thread, task))
}

/// As [`target`], for the calls that do not tell a negative number from one that nobody has.
fn affine(cx: &Context, tid: RawPid) -> Result<(Arc<Thread>, Arc<Task>)> {
    if tid.0 < 0 { err!(ESRCH, "negative thread") } else { target(cx, tid) }
}

fn is_owner(caller: &Cred, target: &Cred) -> bool {
    caller.euid == target.euid || caller.euid == target.uid
}

fn change(cx: &Context, thread: &Thread, task: &Arc<Task>, new: Params) -> Result<()> {
    let cred = cx.cred();
    let limit = |resource| thread.process().rlimit(resource).cur;
    let caller = Caller {
        has_sys_nice: cred.capable(Caps::SYS_NICE),
        is_owner: is_owner(&cred, &thread.cred()),
        rtprio_limit: limit(Resource::Rtprio),
        lowest_nice: lowest_nice(limit(Resource::Nice)),
        nice: task.sched().nice(),
    };
    sched::may_set(sched::params(task), new, &caller)?;
    sched::set_params(task, new);
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
    let (thread, task) = target(cx, tid)?;
    change(cx, &thread, &task, sched::check_params(policy, priority)?)
}

/// sched_setparam(2).
pub(crate) fn sys_sched_setparam(cx: &mut Context, tid: RawPid, param: UserPtr<i32>) -> Result<()> {
    if tid.0 < 0 {
        return err!(EINVAL);
    }
    let priority = read_priority(cx, param)?;
    let (thread, task) = target(cx, tid)?;
    let policy = sched::params(&task).raw_policy();
    change(cx, &thread, &task, sched::check_params(policy, priority)?)
}

/// sched_getscheduler(2).
pub(crate) fn sys_sched_getscheduler(cx: &mut Context, tid: RawPid) -> Result<usize> {
    let (_, task) = target(cx, tid)?;
    Ok(sched::params(&task).raw_policy() as usize)
}

/// sched_getparam(2).
pub(crate) fn sys_sched_getparam(cx: &mut Context, tid: RawPid, param: UserPtr<i32>) -> Result<()> {
    if param.addr() == 0 {
        return err!(EINVAL, "no room for parameters");
    }
    let (_, task) = target(cx, tid)?;
    param.write(cx.vm(), &i32::from(sched::params(&task).priority))
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
    let (_, task) = target(cx, tid)?;
    interval.write(cx.vm(), &Timespec::from_ns(sched::rr_interval_ns(&task)))
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
    cx.vm().read(mask.addr(), wanted)?;
    let (thread, task) = affine(cx, tid)?;
    let cred = cx.cred();
    if !is_owner(&cred, &thread.cred()) && !cred.capable(Caps::SYS_NICE) {
        return err!(EPERM, "somebody else's thread");
    }
    sched::set_affinity(&task, CpuSet::from_bits(u64::from_le_bytes(bytes)))
}

/// sched_getaffinity(2): returns how many bytes it wrote.
pub(crate) fn sys_sched_getaffinity(
    cx: &mut Context,
    tid: RawPid,
    len: u32,
    mask: UserPtr<u8>,
) -> Result<usize> {
    let len = len as usize;
    if len.saturating_mul(8) < cpu::count() || !len.is_multiple_of(size_of::<u64>()) {
        return err!(EINVAL, "size of the mask");
    }
    let (_, task) = affine(cx, tid)?;
    let online = cpu::all().fold(CpuSet::EMPTY, |mut set, cpu| {
        set.insert(cpu);
        set
    });
    let allowed = task.sched().affinity().intersection(online);
    cx.vm().write(mask.addr(), &allowed.bits().to_le_bytes())?;
    Ok(MASK_BYTES)
}

/// The processes that a priority call means.
fn priority_targets(cx: &Context, which: u32, who: u32) -> Result<Vec<Arc<Process>>> {
    let caller = cx.thread.process();
    let is_meant: Box<dyn Fn(&Process) -> bool> = match which {
        PRIO_PROCESS if who == 0 => return Ok([caller.clone()].into()),
        PRIO_PROCESS => {
            let tid = i32::try_from(who).ok().map(Tid::from_raw);
            let thread = tid.and_then(|tid| cx.pid_namespace().thread(tid));
            return Ok([thread.ok_or(error!(ESRCH))?.process().clone()].into());
        }
        PRIO_PGRP => {
            let group = if who == 0 { caller.group_id() } else { Pgid::from_raw(who as i32) };
            Box::new(move |process| process.group_id() == group)
        }
        PRIO_USER => {
            let uid = if who == 0 { cx.cred().uid } else { who };
            Box::new(move |process| process.leader().is_some_and(|l| l.cred().uid == uid))
        }
        _ => return err!(EINVAL, "which"),
    };
    let mut meant = Vec::new();
    for process in cx.pid_namespace().processes().filter(|process| is_meant(process)) {
        meant.try_reserve(1).map_err(|_| error!(ENOMEM))?;
        meant.push(process);
    }
    if meant.is_empty() { err!(ESRCH) } else { Ok(meant) }
}

/// getpriority(2): 20 less the lowest nice value, so that no result is negative.
pub(crate) fn sys_getpriority(cx: &mut Context, which: u32, who: u32) -> Result<usize> {
    let targets = priority_targets(cx, which, who)?;
    let nice = targets.iter().map(|process| i32::from(process.nice())).min().unwrap_or(0);
    usize::try_from(20 - nice).map_err(|_| error!(EINVAL))
}

/// setpriority(2).
pub(crate) fn sys_setpriority(cx: &mut Context, which: u32, who: u32, nice: i32) -> Result<()> {
    let nice = nice.clamp(-20, 19);
    let cred = cx.cred();
    let has_sys_nice = cred.capable(Caps::SYS_NICE);
    let mut result = Ok(());
    for process in priority_targets(cx, which, who)? {
        let Some(leader) = process.leader() else { continue };
        if !has_sys_nice && !is_owner(&cred, &leader.cred()) {
            result = err!(EPERM, "somebody else's process");
            continue;
        }
        let limit = lowest_nice(process.rlimit(Resource::Nice).cur);
        if nice < i32::from(process.nice()) && nice < limit && !has_sys_nice {
            result = err!(EACCES, "below the limit");
            continue;
        }
        process.set_nice(nice as i8);
    }
    result
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
