// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Process groups and sessions.

use crate::arg::RawPid;
use crate::cx::Context;
use abi::{Result, err, error};
use task::Pgid;

/// setpgid(2); zeros stand for the caller and for `pid`.
pub(crate) fn sys_setpgid(cx: &mut Context, pid: RawPid, group: RawPid) -> Result<()> {
    if group.0 < 0 || (group.0 == 0 && pid.0 < 0) {
        return err!(EINVAL, "negative group");
    }
    let process = cx.process();
    let pid = if pid.0 == 0 { process.pid() } else { task::Pid::from_raw(pid.0) };
    let group = if group.0 == 0 { pid.own_group() } else { Pgid::from_raw(group.0) };
    let is_thread = cx.pid_namespace().process(pid).is_none()
        && cx.pid_namespace().thread(pid.leading_thread()).is_some();
    if is_thread {
        return err!(EINVAL, "a thread that leads no process");
    }
    process.set_group(pid, group)
}

/// getpgid(2).
pub(crate) fn sys_getpgid(cx: &mut Context, pid: RawPid) -> Result<usize> {
    match pid.0 {
        0 => encode(cx.process().group_id().as_raw()),
        other => encode(cx.pid_namespace().relations(task::Pid::from_raw(other))?.0.as_raw()),
    }
}

/// getpgrp(2).
pub(crate) fn sys_getpgrp(cx: &mut Context) -> Result<usize> {
    encode(cx.process().group_id().as_raw())
}

/// setsid(2).
pub(crate) fn sys_setsid(cx: &mut Context) -> Result<usize> {
    encode(cx.process().start_session()?.as_raw())
}

/// getsid(2).
pub(crate) fn sys_getsid(cx: &mut Context, pid: RawPid) -> Result<usize> {
    match pid.0 {
        0 => encode(cx.process().session_id().as_raw()),
        other => encode(cx.pid_namespace().relations(task::Pid::from_raw(other))?.1.as_raw()),
    }
}

/// An id as a result.
pub(super) fn encode(id: i32) -> Result<usize> {
    usize::try_from(id).map_err(|_| error!(ESRCH))
}
