// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Going on with a call that a signal without a handler interrupted.

use crate::cx::Context;
use crate::row::Outcome;
use crate::table::INDEX;
use abi::{Result, err};

/// restart_syscall(2): the noted call again, with the registers as they are and
/// the deadline that its time-out meant at first.
pub(crate) fn sys_restart_syscall(cx: &mut Context) -> Result<Outcome> {
    let Some(block) = cx.thread.take_restart() else {
        return err!(EINTR, "nothing to go on with");
    };
    let Some(row) = INDEX.get(block.number as usize).copied().flatten() else {
        return err!(EINTR);
    };
    cx.resumed_deadline = Some(block.deadline_ns);
    let outcome = (row.run)(cx);
    cx.resumed_deadline = None;
    Ok(outcome)
}
