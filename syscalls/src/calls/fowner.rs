// SPDX-License-Identifier: Apache-2.0 OR MIT
//! fcntl: the owner of a file and its signal, kept and told again.
//!
//! Spec: fcntl(2), "Managing signals".

use crate::arg::UserPtr;
use crate::cx::Context;
use abi::fcntl::command::*;
use abi::fcntl::{F_OWNER_PGRP, F_OWNER_PID, F_OWNER_TID};
use abi::signal::Signal;
use abi::{Result, err, error};
use task::{Pgid, Pid, Tid};
use vfs::{File, OwnerKind};

/// The commands about owners; `None` for any other.
pub(super) fn owner_command(
    cx: &Context,
    file: &File,
    command: u32,
    arg: u64,
) -> Option<Result<usize>> {
    Some(match command {
        F_SETOWN => set_by_number(cx, file, arg as i32),
        F_GETOWN => Ok(shown(cx, file)),
        F_SETOWN_EX => set(cx, file, arg as usize),
        F_GETOWN_EX => get(cx, file, arg as usize),
        F_SETSIG => set_signal(file, arg),
        F_GETSIG => Ok(file.owner().signal as usize),
        F_GETOWNER_UIDS => {
            let [real, effective] = file.owner().uids;
            let out = UserPtr::<u32>::new(arg as usize);
            out.write(cx.vm(), &real)
                .and_then(|()| out.at(1)?.write(cx.vm(), &effective))
                .map(|()| 0)
        }
        _ => return None,
    })
}

/// A negative number means a group.
fn set_by_number(cx: &Context, file: &File, number: i32) -> Result<usize> {
    let kind = if number < 0 { OwnerKind::Group } else { OwnerKind::Process };
    let id = number.checked_abs().ok_or(error!(EINVAL, "no such number"))?;
    store(cx, file, kind, id)
}

fn store(cx: &Context, file: &File, kind: OwnerKind, id: i32) -> Result<usize> {
    if id != 0 && !is_anything(cx, id) {
        return err!(ESRCH, "nobody has that number");
    }
    let cred = cx.cred();
    let uids = if id == 0 { [0, 0] } else { [cred.uid, cred.euid] };
    file.update_owner(|owner| (owner.kind, owner.id, owner.uids) = (kind, id, uids));
    Ok(0)
}

/// Whether a thread, a process or a group has this number.
fn is_anything(cx: &Context, id: i32) -> bool {
    let known = cx.pid_namespace();
    known.thread(Tid::from_raw(id)).is_some()
        || known.relations(Pid::from_raw(id)).is_ok()
        || known.members(Pgid::from_raw(id)).next().is_some()
}

/// The owner's number; 0 once nobody has it any more.
fn alive(cx: &Context, file: &File) -> (OwnerKind, i32) {
    let owner = file.owner();
    let known = cx.pid_namespace();
    let is_there = match owner.kind {
        OwnerKind::Thread => known.thread(Tid::from_raw(owner.id)).is_some(),
        OwnerKind::Process => known.relations(Pid::from_raw(owner.id)).is_ok(),
        OwnerKind::Group => known.members(Pgid::from_raw(owner.id)).next().is_some(),
    };
    (owner.kind, if is_there { owner.id } else { 0 })
}

fn shown(cx: &Context, file: &File) -> usize {
    match alive(cx, file) {
        (OwnerKind::Group, id) => i64::from(-id) as usize,
        (_, id) => id as usize,
    }
}

fn set(cx: &Context, file: &File, from: usize) -> Result<usize> {
    let from = UserPtr::<i32>::new(from);
    let (kind, id) = (from.read(cx.vm())?, from.at(1)?.read(cx.vm())?);
    let kind = match kind {
        F_OWNER_TID => OwnerKind::Thread,
        F_OWNER_PID => OwnerKind::Process,
        F_OWNER_PGRP => OwnerKind::Group,
        _ => return err!(EINVAL, "kind of owner"),
    };
    store(cx, file, kind, id)
}

fn get(cx: &Context, file: &File, to: usize) -> Result<usize> {
    let (kind, id) = alive(cx, file);
    let kind = match kind {
        OwnerKind::Thread => F_OWNER_TID,
        OwnerKind::Process => F_OWNER_PID,
        OwnerKind::Group => F_OWNER_PGRP,
    };
    let to = UserPtr::<i32>::new(to);
    to.write(cx.vm(), &kind)?;
    to.at(1)?.write(cx.vm(), &id)?;
    Ok(0)
}

fn set_signal(file: &File, arg: u64) -> Result<usize> {
    let number = arg as i32;
    Signal::new_or_probe(number)?;
    file.update_owner(|owner| owner.signal = number);
    Ok(0)
}
