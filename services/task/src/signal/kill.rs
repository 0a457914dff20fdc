// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals from program to program: who may send, to one, a group or all.
//!
//! Spec: kill(2), tkill(2), rt_sigqueueinfo(2).

use alloc::sync::Arc;

use abi::capability::Caps;
use abi::signal::{SI_TKILL, SigInfo, Signal};
use abi::{Errno, Result, err, error};
use cred::Cred;

use super::send::{send_to_thread, to_process};
use crate::{
    ids::{Pgid, Pid, Tid},
    process::{Process, Thread},
};

/// How often a signal to all looks for processes that came in meanwhile.
const MAX_PASSES: usize = 1000;

/// Whether `sender` may send `signal` to `target`.
fn check_permission(sender: &Thread, target: &Process, signal: Option<Signal>) -> Result<()> {
    if core::ptr::eq(sender.process().as_ref(), target) {
        return Ok(());
    }
    // A zombie has those that it left.
    let Some(cred) = target.cred() else { return Ok(()) };
    check_cred(&sender.cred(), &cred, || {
        signal == Some(Signal::CONT) && sender.process().session_id() == target.session_id()
    })
}

fn check_cred(sender: &Cred, target: &Cred, is_excused: impl FnOnce() -> bool) -> Result<()> {
    if sender.may_signal(target) || sender.capable(Caps::KILL) || is_excused() {
        return Ok(());
    }
    err!(EPERM, "may not signal that process")
}

fn user_info(sender: &Thread, signal: Signal) -> SigInfo {
    SigInfo::user(signal, sender.pid().as_raw(), sender.cred().uid)
}

fn send_checked(sender: &Thread, target: &Process, signal: Option<Signal>) -> Result<()> {
    check_permission(sender, target, signal)?;
    match signal {
        Some(signal) => to_process(target, signal, user_info(sender, signal)),
        None => Ok(()),
    }
}

/// kill(2) of one process; without a signal it only checks.
///
/// # Errors
/// `ESRCH` if there is no such process, `EPERM` if the sender may not; those of
/// [`send_to_process`](super::send_to_process).
pub fn kill(sender: &Thread, pid: Pid, signal: Option<Signal>) -> Result<()> {
    let target = find_process(sender, pid)?;
    send_checked(sender, &target, signal)
}

/// kill(2) and kill(0) of a process group: enough if one may be signalled.
///
/// # Errors
/// `ESRCH` if the group has no members; if none could be signalled, what the last one said,
/// as in [`kill`].
pub fn kill_group(sender: &Thread, group: Pgid, signal: Option<Signal>) -> Result<()> {
    let mut outcome = err!(ESRCH, "no such process group");
    let mut any = false;
    let members = sender.pid_namespace().members(group);
    // Members may come faster than they are reached: a killed sender need not go on.
    for target in members.take_while(|_| !sender.is_dying()) {
        let sent = send_checked(sender, &target, signal);
        any |= sent.is_ok();
        outcome = sent;
    }
    if any { Ok(()) } else { outcome }
}

/// kill(-1): all processes but the first and the caller's own.
///
/// # Errors
/// `ESRCH` if there is nobody else, else what the last one said; not being allowed is no
/// error.
pub fn kill_all(sender: &Thread, signal: Option<Signal>) -> Result<()> {
    let mut outcome = Ok(());
    let mut any = false;
    let all = sender.pid_namespace().processes_and_newer(MAX_PASSES);
    for target in all.take_while(|_| !sender.is_dying()) {
        if target.pid() == Pid::INIT || target.pid() == sender.pid() {
            continue;
        }
        any = true;
        match send_checked(sender, &target, signal) {
            // Not being allowed is no error here, as on Linux.
            Err(e) if e.errno() == Errno::EPERM => {}
            other => outcome = other,
        }
    }
    if any { outcome } else { err!(ESRCH, "nobody to signal") }
}

fn find_process(sender: &Thread, pid: Pid) -> Result<Arc<Process>> {
    // Any thread's number names its process here, as on Linux.
    let found = sender.pid_namespace().process_of_thread(pid.leading_thread());
    found.ok_or(error!(ESRCH, "no such process"))
}

/// The thread of that number; `None` if it has ended and its process is still there.
fn find_thread(sender: &Thread, process: Option<Pid>, tid: Tid) -> Result<Option<Arc<Thread>>> {
    let numbers = sender.pid_namespace();
    match numbers.thread(tid) {
        Some(thread) if process.is_none_or(|pid| pid == thread.pid()) => Ok(Some(thread)),
        Some(_) => err!(ESRCH, "the thread is in another process"),
        None => match numbers.process(tid.as_pid()) {
            Some(_) if process.is_none_or(|pid| pid == tid.as_pid()) => Ok(None),
            _ => err!(ESRCH, "no such thread"),
        },
    }
}

/// tgkill(2); `process` None is tkill(2).
fn thread_kill(
    sender: &Thread,
    process: Option<Pid>,
    tid: Tid,
    signal: Option<Signal>,
) -> Result<()> {
    if tid.as_raw() <= 0 || process.is_some_and(|pid| pid.as_raw() <= 0) {
        return err!(EINVAL, "numbers are positive");
    }
    let Some(target) = find_thread(sender, process, tid)? else { return Ok(()) };
    check_permission(sender, target.process(), signal)?;
    match signal {
        Some(signal) => {
            let info = SigInfo::tkill(signal, sender.pid().as_raw(), sender.cred().uid);
            send_to_thread(&target, info)
        }
        None => Ok(()),
    }
}

/// tkill(2).
///
/// # Errors
/// `EINVAL` for a number below 1, `ESRCH` if there is no such thread, `EPERM` if the sender
/// may not; those of [`send_to_process`](super::send_to_process).
pub fn tkill(sender: &Thread, tid: Tid, signal: Option<Signal>) -> Result<()> {
    thread_kill(sender, None, tid, signal)
}

/// tgkill(2).
///
/// # Errors
/// Those of [`tkill`]; also `ESRCH` for a thread of another process.
pub fn tgkill(sender: &Thread, pid: Pid, tid: Tid, signal: Option<Signal>) -> Result<()> {
    thread_kill(sender, Some(pid), tid, signal)
}

/// Refuses what a program may not claim: to be the kernel or tkill(2), unless
/// it only fools itself. Linux does so before it looks for the target or at the signal.
///
/// # Errors
/// `EPERM` if `target` is another number than its `own`.
pub fn check_claim(own: i32, target: i32, info: &SigInfo) -> Result<()> {
    if (info.code >= 0 || info.code == SI_TKILL) && own != target {
        return err!(EPERM, "may not pretend to be the kernel");
    }
    Ok(())
}

/// rt_sigqueueinfo(2).
///
/// # Errors
/// Those of [`kill`]; `EPERM` also for another process and a code that only the kernel or
/// tkill(2) may use.
pub fn queue_to_process(
    sender: &Thread,
    pid: Pid,
    signal: Option<Signal>,
    mut info: SigInfo,
) -> Result<()> {
    check_claim(sender.pid().as_raw(), pid.as_raw(), &info)?;
    let target = find_process(sender, pid)?;
    check_permission(sender, &target, signal)?;
    let Some(signal) = signal else { return Ok(()) };
    info.signo = signal.number();
    to_process(&target, signal, info)
}

/// rt_tgsigqueueinfo(2).
///
/// # Errors
/// Those of [`tgkill`]; `EPERM` also for another process and a code that only the kernel or
/// tkill(2) may use.
pub fn queue_to_thread(
    sender: &Thread,
    pid: Pid,
    tid: Tid,
    signal: Option<Signal>,
    mut info: SigInfo,
) -> Result<()> {
    if pid.as_raw() <= 0 || tid.as_raw() <= 0 {
        return err!(EINVAL, "numbers are positive");
    }
    check_claim(sender.tid().as_raw(), tid.as_raw(), &info)?;
    let Some(target) = find_thread(sender, Some(pid), tid)? else { return Ok(()) };
    check_permission(sender, target.process(), signal)?;
    let Some(signal) = signal else { return Ok(()) };
    info.signo = signal.number();
    send_to_thread(&target, info)
}
