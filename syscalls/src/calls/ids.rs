// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User and group ids of the calling thread.

use crate::arg::UserPtr;
use crate::cx::Context;
use abi::capability::Caps;
use abi::limits::NGROUPS_MAX;
use abi::{Result, err, error};
use alloc::vec::Vec;
use cred::Cred;

/// getuid(2).
pub(crate) fn sys_getuid(cx: &mut Context) -> usize {
    cx.cred().uid as usize
}

/// geteuid(2).
pub(crate) fn sys_geteuid(cx: &mut Context) -> usize {
    cx.cred().euid as usize
}

/// getgid(2).
pub(crate) fn sys_getgid(cx: &mut Context) -> usize {
    cx.cred().gid as usize
}

/// getegid(2).
pub(crate) fn sys_getegid(cx: &mut Context) -> usize {
    cx.cred().egid as usize
}

/// getresuid(2).
pub(crate) fn sys_getresuid(
    cx: &mut Context,
    real: UserPtr<u32>,
    effective: UserPtr<u32>,
    saved: UserPtr<u32>,
) -> Result<()> {
    let cred = cx.cred();
    real.write(cx.vm(), &cred.uid)?;
    effective.write(cx.vm(), &cred.euid)?;
    saved.write(cx.vm(), &cred.suid)
}

/// getresgid(2).
pub(crate) fn sys_getresgid(
    cx: &mut Context,
    real: UserPtr<u32>,
    effective: UserPtr<u32>,
    saved: UserPtr<u32>,
) -> Result<()> {
    let cred = cx.cred();
    real.write(cx.vm(), &cred.gid)?;
    effective.write(cx.vm(), &cred.egid)?;
    saved.write(cx.vm(), &cred.sgid)
}

fn change(cx: &Context, rule: impl FnOnce(&Cred) -> Result<Cred>) -> Result<()> {
    let changed = rule(&cx.cred())?;
    cx.thread.set_cred(changed)
}

/// setuid(2).
pub(crate) fn sys_setuid(cx: &mut Context, uid: u32) -> Result<()> {
    change(cx, |cred| cred.setuid(uid))
}

/// setgid(2).
pub(crate) fn sys_setgid(cx: &mut Context, gid: u32) -> Result<()> {
    change(cx, |cred| cred.setgid(gid))
}

/// setreuid(2).
pub(crate) fn sys_setreuid(cx: &mut Context, real: u32, effective: u32) -> Result<()> {
    change(cx, |cred| cred.setreuid(real, effective))
}

/// setregid(2).
pub(crate) fn sys_setregid(cx: &mut Context, real: u32, effective: u32) -> Result<()> {
    change(cx, |cred| cred.setregid(real, effective))
}

/// setresuid(2).
pub(crate) fn sys_setresuid(cx: &mut Context, real: u32, effective: u32, saved: u32) -> Result<()> {
    change(cx, |cred| cred.setresuid(real, effective, saved))
}

/// setresgid(2).
pub(crate) fn sys_setresgid(cx: &mut Context, real: u32, effective: u32, saved: u32) -> Result<()> {
    change(cx, |cred| cred.setresgid(real, effective, saved))
}

/// setfsuid(2): returns the old id whether it changed or not.
pub(crate) fn sys_setfsuid(cx: &mut Context, uid: u32) -> Result<usize> {
    let old = cx.cred().fsuid;
    if let Some(changed) = cx.cred().setfsuid(uid) {
        // Without memory it does not change.
        let _ = cx.thread.set_cred(changed);
    }
    Ok(old as usize)
}

/// setfsgid(2): returns the old id whether it changed or not.
pub(crate) fn sys_setfsgid(cx: &mut Context, gid: u32) -> Result<usize> {
    let old = cx.cred().fsgid;
    if let Some(changed) = cx.cred().setfsgid(gid) {
        // Without memory it does not change.
        let _ = cx.thread.set_cred(changed);
    }
    Ok(old as usize)
}

/// getgroups(2): a size of zero asks for the count.
pub(crate) fn sys_getgroups(cx: &mut Context, size: i32, list: UserPtr<u32>) -> Result<usize> {
    let cred = cx.cred();
    let room = usize::try_from(size).map_err(|_| error!(EINVAL))?;
    let groups = cred.groups();
    if room > 0 {
        if groups.len() > room {
            return err!(EINVAL, "list too short");
        }
        for (index, group) in groups.iter().enumerate() {
            list.at(index)?.write(cx.vm(), group)?;
        }
    }
    Ok(groups.len())
}

/// setgroups(2).
pub(crate) fn sys_setgroups(cx: &mut Context, size: i32, list: UserPtr<u32>) -> Result<()> {
    cx.require(Caps::SETGID)?;
    let count = usize::try_from(size).ok().filter(|&count| count <= NGROUPS_MAX);
    let count = count.ok_or(error!(EINVAL))?;
    let mut groups = Vec::new();
    groups.try_reserve_exact(count).map_err(|_| error!(ENOMEM))?;
    for index in 0..count {
        let group = list.at(index)?.read(cx.vm())?;
        if group == u32::MAX {
            return err!(EINVAL, "no group");
        }
        groups.push(group);
    }
    change(cx, |cred| cred.setgroups(groups))
}
