// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Names, limits, mounts and adjustable values of a process.

use abi::capability::Caps;
use abi::oom::*;
use abi::{Result, err, error};
use cred::{IdRange, UserNamespace};
use pseudofs::{Text, parse_i64, put};

use super::limits;
use super::target::Target;
use crate::Process;

/// /proc/PID/comm.
pub(crate) fn comm(target: &Target, out: &mut Text) -> Result<()> {
    out.push(&super::figures::name(target)?);
    out.push(b"\n");
    Ok(())
}

/// Names a thread; only the process itself may.
pub(crate) fn set_comm(target: &Target, data: &[u8]) -> Result<()> {
    let thread = target.thread()?;
    let is_own = crate::current().is_some_and(|me| me.pid() == thread.pid());
    if !is_own {
        return err!(EINVAL, "another process");
    }
    let name = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    thread.set_comm(name);
    Ok(())
}

/// /proc/PID/cgroup, as the reader sees it: all are in the root of the one hierarchy.
pub(crate) fn cgroup(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?;
    let reader = crate::current().ok_or(error!(ESRCH, "not a process"))?;
    put!(out, "0::{}\n", reader.namespaces().cgroup.group());
    Ok(())
}

/// /proc/PID/loginuid and sessionid: not set, without a newline.
pub(crate) fn loginuid(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?;
    put!(out, "{}", u32::MAX);
    Ok(())
}

/// /proc/PID/uid_map.
pub(crate) fn uid_map(target: &Target, out: &mut Text) -> Result<()> {
    id_map(user_namespace(target)?.uid_map(), out);
    Ok(())
}

/// /proc/PID/gid_map.
pub(crate) fn gid_map(target: &Target, out: &mut Text) -> Result<()> {
    id_map(user_namespace(target)?.gid_map(), out);
    Ok(())
}

/// The user namespace of a process, a zombie's included.
fn user_namespace(target: &Target) -> Result<&'static UserNamespace> {
    let cred = target.process()?.cred().ok_or(error!(ESRCH, "no such process"))?;
    Ok(cred.user_namespace)
}

fn id_map(ranges: &[IdRange], out: &mut Text) {
    for range in ranges {
        put!(out, "{:10} {:10} {:10}\n", range.inside, range.outside, range.count);
    }
}

/// /proc/PID/setgroups.
pub(crate) fn setgroups(target: &Target, out: &mut Text) -> Result<()> {
    target.process()?;
    put!(out, "allow\n");
    Ok(())
}

/// /proc/PID/timerslack_ns.
pub(crate) fn timerslack(target: &Target, out: &mut Text) -> Result<()> {
    let slack = target.thread().map_or(0, |thread| thread.timer_slack_ns());
    put!(out, "{slack}\n");
    Ok(())
}

/// /proc/PID/personality.
pub(crate) fn personality(target: &Target, out: &mut Text) -> Result<()> {
    put!(out, "{:08x}\n", target.process()?.personality());
    Ok(())
}

/// /proc/PID/limits.
pub(crate) fn limits(target: &Target, out: &mut Text) -> Result<()> {
    let process = target.process()?;
    let rows = abi::resource::Resource::ALL.iter().map(|resource| {
        let limit = process.rlimit(*resource);
        (limit.cur, limit.max)
    });
    limits::limits(out, rows);
    Ok(())
}

/// /proc/PID/oom_score: 0 to 2000, by memory in use and adjustment.
pub(crate) fn oom_score(target: &Target, out: &mut Text) -> Result<()> {
    let process = target.process()?;
    let pages = process.memory_pages();
    let total = framework::mm::stats().total_pages.max(1);
    put!(out, "{}\n", score(pages, total, process.oom_score_adj()));
    Ok(())
}

/// Linux's badness, scaled to the range that programs expect.
fn score(resident: usize, total: usize, adjustment: i16) -> usize {
    if i64::from(adjustment) == OOM_SCORE_ADJ_MIN {
        return 0;
    }
    let used = (resident * 1000 / total.max(1)) as i64;
    let points = (1000 + used + i64::from(adjustment)).max(0) * 2 / 3;
    usize::try_from(points).unwrap_or(0)
}

/// /proc/PID/oom_score_adj.
pub(crate) fn oom_score_adj(target: &Target, out: &mut Text) -> Result<()> {
    put!(out, "{}\n", target.process()?.oom_score_adj());
    Ok(())
}

/// Sets the adjustment.
pub(crate) fn set_oom_score_adj(target: &Target, data: &[u8]) -> Result<()> {
    let value = parse_i64(data)?;
    if !(OOM_SCORE_ADJ_MIN..=OOM_SCORE_ADJ_MAX).contains(&value) {
        return err!(EINVAL, "out of range");
    }
    adjust(&*target.process()?, value as i16)
}

fn adjust(process: &Process, value: i16) -> Result<()> {
    let may_lower = crate::current().is_none_or(|me| me.cred().capable(Caps::SYS_RESOURCE));
    if value < process.oom_score_adj() && !may_lower {
        return err!(EACCES, "lowering needs CAP_SYS_RESOURCE");
    }
    process.set_oom_score_adj(value);
    Ok(())
}

/// /proc/PID/oom_adj: the old scale.
pub(crate) fn oom_adj(target: &Target, out: &mut Text) -> Result<()> {
    let value = i64::from(target.process()?.oom_score_adj());
    let old = match value {
        OOM_SCORE_ADJ_MAX => OOM_ADJUST_MAX,
        _ => value * -OOM_DISABLE / OOM_SCORE_ADJ_MAX,
    };
    put!(out, "{old}\n");
    Ok(())
}

/// Sets the adjustment by the old scale.
pub(crate) fn set_oom_adj(target: &Target, data: &[u8]) -> Result<()> {
    let old = parse_i64(data)?;
    if !(OOM_DISABLE..=OOM_ADJUST_MAX).contains(&old) {
        return err!(EINVAL, "out of range");
    }
    let value = match old {
        OOM_ADJUST_MAX => OOM_SCORE_ADJ_MAX,
        _ => old * OOM_SCORE_ADJ_MAX / -OOM_DISABLE,
    };
    adjust(&*target.process()?, value as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores() {
        assert_eq!(score(365, 118_755, 0), 668);
        assert_eq!(score(0, 100, -1000), 0);
        assert_eq!(score(100, 100, 1000), 2000);
    }
}
