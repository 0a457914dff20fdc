// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for children.

use crate::arg::{RawPid, UserPtr};
use crate::calls::group::encode;
use crate::calls::limits;
use crate::cx::Context;
use abi::process::P_PIDFD;
use abi::resource::Rusage;
use abi::signal::{SigInfo, WAITID_GAP, WAITID_INFO_LEN};
use abi::{Result, err, error};
use task::{Waited, Which, options_for_wait4, options_for_waitid, wait};

/// wait4(2).
pub(crate) fn sys_wait4(
    cx: &mut Context,
    pid: RawPid,
    status: Option<UserPtr<i32>>,
    options: u32,
    rusage: Option<UserPtr<Rusage>>,
) -> Result<usize> {
    let options = options_for_wait4(options)?;
    let which = Which::from_pid(pid.0, cx.process().group_id())?;
    let Some(waited) = wait(&cx.thread, which, options)? else {
        return Ok(0);
    };
    if let Some(status) = status {
        status.write(cx.vm(), &waited.status.as_raw())?;
    }
    if let Some(rusage) = rusage {
        rusage.write(cx.vm(), &limits::encode(&waited.rusage))?;
    }
    encode(waited.pid.as_raw())
}

/// waitid(2).
pub(crate) fn sys_waitid(
    cx: &mut Context,
    kind: u32,
    id: RawPid,
    info: Option<UserPtr<SigInfo>>,
    options: u32,
    rusage: Option<UserPtr<Rusage>>,
) -> Result<()> {
    let result = waited(cx, kind as i32, id.0, options);
    if let (Ok(Some(waited)), Some(rusage)) = (&result, rusage) {
        rusage.write(cx.vm(), &limits::encode(&waited.rusage))?;
    }
    if let Some(info) = info {
        let found = result.as_ref().ok().and_then(Option::as_ref).map(|waited| waited.info);
        write_info(cx, info, found)?;
    }
    result.map(|_| ())
}

fn waited(cx: &Context, kind: i32, id: i32, options: u32) -> Result<Option<Waited>> {
    let options = options_for_waitid(options)?;
    let which = match kind {
        // There are no descriptors of processes yet, so whatever the number names is none.
        P_PIDFD if id >= 0 => return err!(EBADF, "not a descriptor of a process"),
        kind => Which::from_id(kind, id, cx.process().group_id())?,
    };
    wait(&cx.thread, which, options)
}

/// Field by field, as Linux does, also when the call fails: the gap before `si_pid` stays.
fn write_info(cx: &Context, to: UserPtr<SigInfo>, found: Option<SigInfo>) -> Result<()> {
    let mut bytes = [0_u8; size_of::<SigInfo>()];
    if let Some(found) = found {
        framework::mm::Pod::to_bytes(found, &mut bytes);
    }
    for field in [0..WAITID_GAP.start, WAITID_GAP.end..WAITID_INFO_LEN] {
        let at = to.addr().checked_add(field.start).ok_or(error!(EFAULT))?;
        cx.vm().write(at, bytes.get(field).unwrap_or_default())?;
    }
    Ok(())
}
