// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Resource limits and usage.

use crate::arg::{RawPid, UserPtr};
use crate::cx::Context;
use abi::capability::Caps;
use abi::resource::{
    RLIM_INFINITY, RUSAGE_CHILDREN, RUSAGE_SELF, RUSAGE_THREAD, Resource, Rlimit, Rusage,
};
use abi::time::Timeval;
use abi::{Result, err, error};
use alloc::sync::Arc;
use task::rlimit::Privilege;
use task::{Pid, Process, Tid};

/// getrlimit(2).
pub(crate) fn sys_getrlimit(cx: &mut Context, resource: u32, out: UserPtr<Rlimit>) -> Result<()> {
    let limit = cx.process().rlimit(Resource::from_number(resource)?);
    out.write(cx.vm(), &limit)
}

/// setrlimit(2).
pub(crate) fn sys_setrlimit(cx: &mut Context, resource: u32, new: UserPtr<Rlimit>) -> Result<()> {
    let new = new.read(cx.vm())?;
    set(cx, cx.process(), Resource::from_number(resource)?, new).map(|_| ())
}

/// prlimit64(2).
pub(crate) fn sys_prlimit64(
    cx: &mut Context,
    pid: RawPid,
    resource: u32,
    new: Option<UserPtr<Rlimit>>,
    old: Option<UserPtr<Rlimit>>,
) -> Result<()> {
    let new = match new {
        Some(new) => Some(new.read(cx.vm())?),
        None => None,
    };
    let target = target(cx, pid)?;
    let resource = Resource::from_number(resource)?;
    let previous = match new {
        Some(new) => set(cx, &target, resource, new)?,
        None => target.rlimit(resource),
    };
    match old {
        Some(old) => old.write(cx.vm(), &previous),
        None => Ok(()),
    }
}

fn set(cx: &Context, process: &Process, resource: Resource, new: Rlimit) -> Result<Rlimit> {
    let privilege = Privilege::from(cx.cred().capable(Caps::SYS_RESOURCE));
    let old = process.set_rlimit(resource, new, privilege)?;
    if resource == Resource::Cpu && new.cur != RLIM_INFINITY {
        time::watch_cpu_limit();
    }
    Ok(old)
}

/// The process whose limits are meant, if the caller may look at them.
fn target(cx: &Context, pid: RawPid) -> Result<Arc<Process>> {
    if pid.0 == 0 || pid.0 == cx.thread.pid().as_raw() {
        return Ok(cx.thread.process().clone());
    }
    let thread = cx.pid_namespace().thread(Tid::from_raw(pid.0));
    // A zombie has its limits and credentials still.
    let process = match &thread {
        Some(thread) => thread.process().clone(),
        None => cx.pid_namespace().process(Pid::from_raw(pid.0)).ok_or(error!(ESRCH))?,
    };
    let other = thread.map(|thread| thread.cred()).or_else(|| process.cred());
    let (own, other) = (cx.cred(), other.ok_or(error!(ESRCH))?);
    let same_user = [other.uid, other.euid, other.suid].iter().all(|&uid| uid == own.uid);
    let same_group = [other.gid, other.egid, other.sgid].iter().all(|&gid| gid == own.gid);
    let is_own = same_user && same_group;
    if !is_own && !own.capable(Caps::SYS_RESOURCE) {
        return err!(EPERM, "limits of somebody else's process");
    }
    Ok(process)
}

/// getrusage(2).
pub(crate) fn sys_getrusage(cx: &mut Context, who: i32, out: UserPtr<Rusage>) -> Result<()> {
    let usage = match who {
        RUSAGE_SELF => cx.process().rusage(),
        RUSAGE_CHILDREN => cx.process().children_rusage(),
        RUSAGE_THREAD => cx.thread.rusage(),
        _ => return err!(EINVAL, "who"),
    };
    out.write(cx.vm(), &encode(&usage))
}

/// As the program sees it.
pub(super) fn encode(usage: &task::Rusage) -> Rusage {
    Rusage {
        utime: Timeval::from_ns(usage.user_ns),
        stime: Timeval::from_ns(usage.system_ns),
        maxrss: usage.max_rss_kib as i64,
        minflt: usage.minor_faults as i64,
        majflt: usage.major_faults as i64,
        nvcsw: usage.voluntary_switches as i64,
        nivcsw: usage.involuntary_switches as i64,
        ..Rusage::default()
    }
}
