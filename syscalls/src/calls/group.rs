// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Process groups and sessions.

use crate::arg::Pid;
use crate::cx::Context;
use abi::{Result, error};

/// setpgid(2).
pub(crate) fn sys_setpgid(cx: &mut Context, pid: Pid, group: Pid) -> Result<()> {
    cx.process().set_group(pid.0, group.0)
}

/// getpgid(2).
pub(crate) fn sys_getpgid(cx: &mut Context, pid: Pid) -> Result<usize> {
    match pid.0 {
        0 => encode(cx.process().group_id()),
        other => encode(task::session::relations(other)?.0),
    }
}

/// getpgrp(2).
pub(crate) fn sys_getpgrp(cx: &mut Context) -> Result<usize> {
    encode(cx.process().group_id())
}

/// setsid(2).
pub(crate) fn sys_setsid(cx: &mut Context) -> Result<usize> {
    encode(cx.process().start_session()?)
}

/// getsid(2).
pub(crate) fn sys_getsid(cx: &mut Context, pid: Pid) -> Result<usize> {
    match pid.0 {
        0 => encode(cx.process().session_id()),
        other => encode(task::session::relations(other)?.1),
    }
}

/// An id as a result.
pub(super) fn encode(id: task::Pid) -> Result<usize> {
    usize::try_from(id).map_err(|_| error!(ESRCH))
}
