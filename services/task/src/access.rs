// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may look into a process: the one rule for whatever shows one process to another.
//!
//! It is Linux's ptrace_may_access: the same ids, no capability that the looker lacks, and
//! memory that is dumpable; CAP_SYS_PTRACE stands for all three. Yama may ask for more of
//! who wants to [`Look::Attach`]. Signals have a rule of their own
//! ([`cred::Cred::may_signal`]).
//!
//! Locks: `exec_update` of the process looked into, so that what is got is what was checked.
//!
//! Spec: ptrace(2), "Ptrace access mode checking".

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

use abi::capability::Caps;
use abi::{Result, err, error};
use cred::Cred;

use crate::ids::Tid;
use crate::process::{Process, Thread};
use crate::yama;

/// How closely somebody looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// At figures and places (PTRACE_MODE_READ_FSCREDS).
    Read,
    /// The same, by the real ids and by all that it may do (PTRACE_MODE_READ_REALCREDS).
    ReadReal,
    /// At what could be used to take it over (PTRACE_MODE_ATTACH_FSCREDS).
    Attach,
}

/// Finds a thread of `process` by `find`, and calls `get` with it if `caller` may look.
/// An execve meanwhile comes before or after all of that.
///
/// # Errors
/// `EPERM` if he may not; what `find` says.
pub(crate) fn with_access<R>(
    process: &Process,
    caller: &Cred,
    look: Look,
    find: impl FnOnce() -> Result<Arc<Thread>>,
    get: impl FnOnce(&Arc<Thread>) -> R,
) -> Result<R> {
    let _update = process.exec_update.lock();
    let thread = find()?;
    check(&thread, caller, look)?;
    Ok(get(&thread))
}

/// get_robust_list(2) of any thread: where its list of robust futexes begins; 0 once it has
/// ended.
///
/// # Errors
/// `ESRCH` if there is no such thread, `EPERM` if the caller may not look into its process.
pub fn robust_list_of(caller: &Thread, tid: Tid) -> Result<usize> {
    let numbers = caller.pid_namespace();
    let cred = caller.cred();
    let Some(thread) = numbers.thread(tid) else {
        let process = numbers.process(tid.as_pid()).ok_or(error!(ESRCH, "no such thread"))?;
        let left = process.cred().ok_or(error!(ESRCH, "no such thread"))?;
        check_cred(&left, &cred, Look::ReadReal)?;
        return Ok(0);
    };
    let process = thread.process().clone();
    with_access(&process, &cred, Look::ReadReal, || Ok(thread), |thread| thread.robust_list())
}

/// The part of the rule that also holds for who has ended: whose it was.
fn check_cred(target: &Cred, caller: &Cred, look: Look) -> Result<()> {
    if caller.capable(Caps::SYS_PTRACE) {
        return Ok(());
    }
    check_user(target, caller, look)?;
    check_caps(target, caller, look)
}

fn check_user(target: &Cred, caller: &Cred, look: Look) -> Result<()> {
    let (uid, gid) = match look {
        Look::ReadReal => (caller.uid, caller.gid),
        Look::Read | Look::Attach => (caller.fsuid, caller.fsgid),
    };
    let is_same_user = [target.uid, target.euid, target.suid].iter().all(|id| *id == uid)
        && [target.gid, target.egid, target.sgid].iter().all(|id| *id == gid);
    if is_same_user { Ok(()) } else { err!(EPERM, "another user's process") }
}

fn check_caps(target: &Cred, caller: &Cred, look: Look) -> Result<()> {
    let caps = match look {
        Look::ReadReal => caller.caps.permitted,
        Look::Read | Look::Attach => caller.caps.effective,
    };
    let is_enough = caps.contains(target.caps.permitted);
    if is_enough { Ok(()) } else { err!(EPERM, "the process may do more") }
}

/// The rule.
fn check(target: &Thread, caller: &Cred, look: Look) -> Result<()> {
    let process = target.process();
    let is_own = crate::current().is_some_and(|me| Arc::ptr_eq(me.process(), process));
    if is_own {
        return Ok(());
    }
    if !caller.capable(Caps::SYS_PTRACE) {
        let cred = target.cred();
        check_user(&cred, caller, look)?;
        // After the ids: a process that changes them becomes undumpable first.
        if process.mm().is_some_and(|mm| mm.dumpable() != 1) {
            return err!(EPERM, "the process is not dumpable");
        }
        check_caps(&cred, caller, look)?;
    }
    if look == Look::Attach { yama::check(process, caller) } else { Ok(()) }
}

/// `fs.suid_dumpable`: what a process becomes when it changes its user.
static SUID_DUMPABLE: AtomicU8 = AtomicU8::new(0);

/// What [`mm::AddressSpace::set_dumpable`] gets when a process changes its user.
pub(crate) fn suid_dumpable() -> u8 {
    SUID_DUMPABLE.load(Relaxed)
}

/// Sets `fs.suid_dumpable`: 0 to 2.
pub(crate) fn set_suid_dumpable(value: u8) {
    SUID_DUMPABLE.store(value, Relaxed);
}
