// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for children.

use crate::arg::{RawPid, UserPtr};
use crate::calls::group::encode;
use crate::calls::limits;
use crate::cx::Context;
use abi::Result;
use abi::resource::Rusage;
use abi::signal::{SigInfo, WAITID_INFO_LEN};
use task::{Which, options_for_wait4, options_for_waitid, wait};

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
    let options = options_for_waitid(options)?;
    let which = Which::from_id(kind as i32, id.0, cx.process().group_id())?;
    let waited = wait(&cx.thread, which, options)?;
    if let (Some(waited), Some(rusage)) = (&waited, rusage) {
        rusage.write(cx.vm(), &limits::encode(&waited.rusage))?;
    }
    let Some(info) = info else {
        return Ok(());
    };
    let found = waited.map(|waited| waited.info);
    let mut bytes = [0_u8; size_of::<SigInfo>()];
    if let Some(found) = found {
        framework::mm::Pod::to_bytes(found, &mut bytes);
    }
    Ok(cx.vm().write(info.addr(), bytes.get(..WAITID_INFO_LEN).unwrap_or_default())?)
}
