// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sleeping on a word of user memory.

use crate::arg::UserPtr;
use crate::calls::deadline::{self, Duration};
use crate::cx::Context;
use crate::row::Outcome;
use abi::futex::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_CLOCK_REALTIME, FUTEX_CMD_MASK, FUTEX_CMP_REQUEUE, FUTEX_LOCK_PI,
    FUTEX_LOCK_PI2, FUTEX_PRIVATE_FLAG, FUTEX_REQUEUE, FUTEX_WAIT, FUTEX_WAIT_BITSET,
    FUTEX_WAIT_REQUEUE_PI, FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_WAKE_OP,
};
use abi::time::Timespec;
use abi::{Errno, Result, err, error, nr};
use task::RestartBlock;
use task::futex::{self, Scope};

/// futex(2). The fourth argument is a time-out or a second count.
pub(crate) fn sys_futex(
    cx: &mut Context,
    word: UserPtr<u32>,
    operation: u32,
    value: u32,
    timeout: usize,
    second: usize,
    bits: u32,
) -> Result<Outcome> {
    let scope = if operation & FUTEX_PRIVATE_FLAG != 0 { Scope::Private } else { Scope::Shared };
    let is_realtime = operation & FUTEX_CLOCK_REALTIME != 0;
    let at = word.addr();
    let command = operation & FUTEX_CMD_MASK;
    if let (true, Some(timeout)) = (has_timeout(command), pointer(timeout)) {
        // What is no time is refused before what is no operation.
        timeout.read(cx.vm())?.to_ns()?;
    }
    if is_realtime && command != FUTEX_WAIT_BITSET {
        return err!(ENOSYS, "clock of a futex call that does not wait");
    }
    let done = match command {
        FUTEX_WAIT => {
            let deadline = match cx.resumed_deadline.take() {
                Some(deadline) => Some(deadline),
                None => deadline::relative(cx, pointer(timeout))?,
            };
            return wait(cx, at, scope, value, FUTEX_BITSET_MATCH_ANY, deadline);
        }
        FUTEX_WAIT_BITSET => {
            let deadline = match pointer(timeout) {
                Some(timeout) => absolute(timeout.read(cx.vm())?.to_ns()?, is_realtime),
                None => None,
            };
            return wait(cx, at, scope, value, bits, deadline);
        }
        FUTEX_WAKE => futex::wake(&cx.thread, at, scope, count(value), FUTEX_BITSET_MATCH_ANY)?,
        FUTEX_WAKE_BITSET => futex::wake(&cx.thread, at, scope, count(value), bits)?,
        FUTEX_REQUEUE | FUTEX_CMP_REQUEUE => {
            let wake = i32::try_from(value).map_err(|_| error!(EINVAL))?;
            let moved = i32::try_from(timeout as u32).map_err(|_| error!(EINVAL))?;
            let expected = (command == FUTEX_CMP_REQUEUE).then_some(bits);
            let counts = (wake as usize, moved as usize);
            futex::requeue(&cx.thread, (at, scope), second, counts, expected)?
        }
        FUTEX_WAKE_OP => {
            let counts = (count(value), count(timeout as u32));
            futex::wake_op(&cx.thread, (at, scope), second, counts, bits)?
        }
        _ => return err!(ENOSYS, "futex operation"),
    };
    Ok(Outcome::Return(done as i64))
}

fn has_timeout(command: u32) -> bool {
    let waits = matches!(command, FUTEX_WAIT | FUTEX_WAIT_BITSET);
    waits || matches!(command, FUTEX_LOCK_PI | FUTEX_LOCK_PI2 | FUTEX_WAIT_REQUEUE_PI)
}

fn pointer(addr: usize) -> Option<UserPtr<Timespec>> {
    (addr != 0).then_some(UserPtr::new(addr))
}

/// Zero and negative counts wake one, as on Linux.
fn count(value: u32) -> usize {
    (value as i32).max(1) as usize
}

/// An absolute time as a deadline of the monotonic clock.
fn absolute(ns: u64, is_realtime: bool) -> Option<u64> {
    if !is_realtime {
        return Some(ns);
    }
    deadline::after(ns.saturating_sub(framework::time::realtime_ns()))
}

fn wait(
    cx: &Context,
    at: usize,
    scope: Scope,
    value: u32,
    bits: u32,
    deadline: Option<u64>,
) -> Result<Outcome> {
    match (futex::wait(&cx.thread, at, scope, value, bits, deadline), deadline) {
        (Ok(()), _) => Ok(Outcome::Return(0)),
        (Err(error), None) if error.errno() == Errno::EINTR => Ok(Outcome::RestartSys),
        (Err(error), Some(deadline_ns)) if error.errno() == Errno::EINTR => {
            cx.thread.set_restart(RestartBlock { number: nr::FUTEX, deadline_ns });
            Ok(Outcome::RestartBlock)
        }
        (Err(error), _) => Err(error),
    }
}
