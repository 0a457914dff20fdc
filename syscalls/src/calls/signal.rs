// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals: actions, masks, sending and waiting.

use crate::arg::{RawPid, SigNum, UserPtr};
use crate::calls::deadline;
use crate::cx::Context;
use crate::row::Outcome;
use abi::signal::{
    RawAltStack, RawSigAction, SI_ASYNCNL, SI_KERNEL, SIGSET_SIZE, SigInfo, SigSet, Signal,
};
use abi::time::Timespec;
use abi::{Errno, Result, err, error};
use framework::mm::Pod;
use task::signal::{self, MaskChange, SigAction};
use task::{Pgid, Tid};

fn check_size(size: usize) -> Result<()> {
    if size == SIGSET_SIZE { Ok(()) } else { err!(EINVAL, "size of the signal set") }
}

/// rt_sigaction(2).
pub(crate) fn sys_rt_sigaction(
    cx: &mut Context,
    signal: SigNum,
    new: Option<UserPtr<RawSigAction>>,
    old: Option<UserPtr<RawSigAction>>,
    size: usize,
) -> Result<()> {
    check_size(size)?;
    let new = match new {
        Some(new) => Some(SigAction::from_raw(&new.read(cx.vm())?)),
        None => None,
    };
    let signal = Signal::new(signal.0)?;
    let previous = match new {
        Some(action) => cx.thread.set_action(signal, action)?,
        None => cx.thread.action(signal),
    };
    match old {
        Some(old) => old.write(cx.vm(), &previous.to_raw()),
        None => Ok(()),
    }
}

/// rt_sigprocmask(2).
pub(crate) fn sys_rt_sigprocmask(
    cx: &mut Context,
    how: i32,
    new: Option<UserPtr<u64>>,
    old: Option<UserPtr<u64>>,
    size: usize,
) -> Result<()> {
    check_size(size)?;
    let previous = match new {
        Some(new) => {
            let set = SigSet::from_bits(new.read(cx.vm())?);
            cx.thread.change_mask(MaskChange::from_number(how)?, set)
        }
        None => cx.thread.blocked(),
    };
    match old {
        Some(old) => old.write(cx.vm(), &previous.bits()),
        None => Ok(()),
    }
}

/// rt_sigpending(2).
pub(crate) fn sys_rt_sigpending(cx: &mut Context, set: UserPtr<u64>, size: usize) -> Result<()> {
    let bytes = cx.thread.pending_blocked().bits().to_le_bytes();
    let wanted = bytes.get(..size).ok_or(error!(EINVAL, "size of the signal set"))?;
    if wanted.is_empty() { Ok(()) } else { Ok(cx.vm().write(set.addr(), wanted)?) }
}

/// rt_sigtimedwait(2).
pub(crate) fn sys_rt_sigtimedwait(
    cx: &mut Context,
    set: UserPtr<u64>,
    info: Option<UserPtr<SigInfo>>,
    timeout: Option<UserPtr<Timespec>>,
    size: usize,
) -> Result<usize> {
    check_size(size)?;
    let set = SigSet::from_bits(set.read(cx.vm())?);
    let deadline = deadline::relative(cx, timeout)?;
    let taken = cx.thread.sigtimedwait(set, deadline)?;
    if let Some(info) = info {
        info.write(cx.vm(), &taken)?;
    }
    usize::try_from(taken.signo).map_err(|_| error!(EINVAL))
}

/// rt_sigsuspend(2).
pub(crate) fn sys_rt_sigsuspend(cx: &mut Context, mask: UserPtr<u64>, size: usize) -> Result<()> {
    check_size(size)?;
    let mask = SigSet::mask_from_bits(mask.read(cx.vm())?);
    cx.thread.sigsuspend(mask)
}

/// pause(2).
pub(crate) fn sys_pause(cx: &mut Context) -> Result<()> {
    cx.thread.pause()
}

/// sigaltstack(2).
pub(crate) fn sys_sigaltstack(
    cx: &mut Context,
    new: Option<UserPtr<RawAltStack>>,
    old: Option<UserPtr<RawAltStack>>,
) -> Result<()> {
    let new = match new {
        Some(new) => Some(new.read(cx.vm())?),
        None => None,
    };
    let previous = cx.thread.sigaltstack(new.as_ref(), cx.user.sp())?;
    match old {
        Some(old) => old.write(cx.vm(), &previous),
        None => Ok(()),
    }
}

/// rt_sigreturn(2): takes all registers from the frame on the stack.
pub(crate) fn sys_rt_sigreturn(cx: &mut Context) -> Result<Outcome> {
    let (thread, user, vm) = cx.parts();
    signal::sigreturn(thread, user, vm);
    Ok(Outcome::Registers)
}

/// Decodes a signal number where Linux looks for the target before it checks
/// the number: `send` without a signal finds the target.
fn with_signal(number: SigNum, send: impl Fn(Option<Signal>) -> Result<()>) -> Result<()> {
    match Signal::new_or_probe(number.0) {
        Ok(signal) => send(signal),
        Err(invalid) => match send(None) {
            Err(error) if error.errno() == Errno::ESRCH => Err(error),
            _ => Err(invalid),
        },
    }
}

/// kill(2).
pub(crate) fn sys_kill(cx: &mut Context, pid: RawPid, number: SigNum) -> Result<()> {
    let sender = &*cx.thread;
    with_signal(number, |signal| match pid.0 {
        1.. => signal::kill(sender, task::Pid::from_raw(pid.0), signal),
        0 => signal::kill_group(sender, sender.process().group_id(), signal),
        -1 => signal::kill_all(sender, signal),
        negative => match negative.checked_neg() {
            Some(group) => signal::kill_group(sender, Pgid::from_raw(group), signal),
            None => err!(ESRCH),
        },
    })
}

/// tkill(2).
pub(crate) fn sys_tkill(cx: &mut Context, tid: RawPid, number: SigNum) -> Result<()> {
    with_signal(number, |signal| signal::tkill(&cx.thread, Tid::from_raw(tid.0), signal))
}

/// tgkill(2).
pub(crate) fn sys_tgkill(cx: &mut Context, pid: RawPid, tid: RawPid, number: SigNum) -> Result<()> {
    let (pid, tid) = (task::Pid::from_raw(pid.0), Tid::from_raw(tid.0));
    with_signal(number, |signal| signal::tgkill(&cx.thread, pid, tid, signal))
}

/// What Linux copies of a `siginfo_t`; what lies behind it must be zero unless the code says that
/// there is nothing.
const INFO_USED: usize = 48;

fn read_info(cx: &Context, from: UserPtr<SigInfo>) -> Result<SigInfo> {
    let mut bytes = [0_u8; size_of::<SigInfo>()];
    let (used, tail) = bytes.split_at_mut(INFO_USED);
    cx.vm().read(from.addr(), used)?;
    let mut code = [0_u8; 4];
    code.copy_from_slice(used.get(8..12).unwrap_or_default());
    let code = i32::from_le_bytes(code);
    if !matches!(code, SI_ASYNCNL | -7..=6 | SI_KERNEL) {
        let at = from.addr().checked_add(INFO_USED).ok_or(error!(EFAULT))?;
        cx.vm().read(at, tail)?;
        if tail.iter().any(|byte| *byte != 0) {
            return err!(E2BIG, "a longer siginfo than is known");
        }
    }
    Ok(SigInfo::from_bytes(&bytes))
}

/// rt_sigqueueinfo(2).
pub(crate) fn sys_rt_sigqueueinfo(
    cx: &mut Context,
    pid: RawPid,
    number: SigNum,
    info: UserPtr<SigInfo>,
) -> Result<()> {
    let info = read_info(cx, info)?;
    let pid = task::Pid::from_raw(pid.0);
    signal::check_claim(cx.thread.pid().as_raw(), pid.as_raw(), &info)?;
    with_signal(number, |signal| signal::queue_to_process(&cx.thread, pid, signal, info))
}

/// rt_tgsigqueueinfo(2).
pub(crate) fn sys_rt_tgsigqueueinfo(
    cx: &mut Context,
    pid: RawPid,
    tid: RawPid,
    number: SigNum,
    info: UserPtr<SigInfo>,
) -> Result<()> {
    let info = read_info(cx, info)?;
    if pid.0 <= 0 || tid.0 <= 0 {
        return err!(EINVAL, "numbers are positive");
    }
    signal::check_claim(cx.thread.tid().as_raw(), tid.0, &info)?;
    let (pid, tid) = (task::Pid::from_raw(pid.0), Tid::from_raw(tid.0));
    with_signal(number, |signal| signal::queue_to_thread(&cx.thread, pid, tid, signal, info))
}
