// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sending signals: permission, what is dropped at once, who is woken.
//!
//! Every way to send ends in [`queue_locked`], with the signal lock of the
//! receiving process held.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use abi::capability::Caps;
use abi::resource::Resource;
use abi::signal::{SI_TKILL, SIG_DFL, SIG_IGN, SaFlags, SigInfo, SigSet, Signal};
use abi::{Errno, Result, err, error};
use cred::Cred;

use crate::{
    exit,
    ids::{Pgid, Pid, Tid},
    process::{GroupSignals, PidNamespace, Process, Thread},
    signal::{Disposition, Payer, SigAction, SigQueue, StopState},
};

/// How often a signal to many looks for processes that came in meanwhile.
const MAX_PASSES: usize = 1000;

/// Who sends: kernel signals may end the first process when they are faults.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Force {
    No,
    Yes,
}

/// Queues `info` for `process`, or for its `thread`, and wakes who takes it.
fn queue_locked(
    process: &Process,
    group: &mut GroupSignals,
    thread: Option<&Arc<Thread>>,
    info: SigInfo,
    force: Force,
) -> Result<()> {
    let signal = Signal::new(info.signo)?;
    if group.group_exit.is_some() || group.threads.is_empty() {
        return Ok(());
    }
    prepare(group, signal);
    let Some(receiver) = thread.or(group.threads.first()).cloned() else { return Ok(()) };
    if force == Force::No && is_dropped(process, group, &receiver, signal) {
        return Ok(());
    }
    if signal == Signal::KILL {
        exit::begin_group_exit(group, Signal::KILL.number());
        return Ok(());
    }
    let user = receiver.user();
    let limit = process.rlimit(Resource::Sigpending).cur;
    let payer = Payer { user: &user, limit };
    match thread {
        Some(thread) => thread.signals.lock().pending.push(signal, info, &payer)?,
        None => group.pending.push(signal, info, &payer)?,
    }
    wake_one_that_wants(group, thread, signal);
    Ok(())
}

/// What sending alone does: stop and continue signals cancel each other.
fn prepare(group: &mut GroupSignals, signal: Signal) {
    if SigSet::STOPPING.contains(signal) {
        flush_all(group, SigSet::of(&[Signal::CONT]));
    } else if signal == Signal::CONT {
        flush_all(group, SigSet::STOPPING);
        resume(group);
    } else if signal == Signal::KILL {
        group.stop_dequeued = false;
    }
}

fn flush_all(group: &mut GroupSignals, signals: SigSet) {
    group.pending.flush(signals);
    for thread in &group.threads {
        thread.signals.lock().pending.flush(signals);
    }
}

fn resume(group: &mut GroupSignals) {
    group.stop_dequeued = false;
    group.stop_report = None;
    match group.stop {
        StopState::Running => return,
        StopState::Stopping(_) => {}
        StopState::Stopped(_) => {
            group.continue_report = true;
            group.tell_continued = true;
        }
    }
    group.stop = StopState::Running;
    for thread in &group.threads {
        thread.park.wake_all();
    }
}

/// Whether the signal has no effect at all on its arrival.
fn is_dropped(process: &Process, group: &GroupSignals, thread: &Thread, signal: Signal) -> bool {
    let is_default = |action: &SigAction| action.handler == SIG_DFL;
    let action = process.with_actions(|actions| actions.get(signal));
    if process.pid() == Pid::INIT && is_default(&action) && !group.is_killable {
        return true;
    }
    if thread.signals.lock().blocked.contains(signal) {
        return false;
    }
    action.disposition(signal) == Disposition::Ignore
}

fn wake_one_that_wants(group: &GroupSignals, thread: Option<&Arc<Thread>>, signal: Signal) {
    let wants = |t: &&Arc<Thread>| !t.is_dying() && t.signals.lock().wanted().contains(signal);
    let chosen = match thread {
        Some(thread) => Some(thread).filter(|t| wants(t)),
        None => group.threads.iter().find(wants),
    };
    if let Some(thread) = chosen {
        thread.interrupt();
    }
}

/// Sends to a process without any check.
pub(crate) fn to_process(process: &Process, signal: Signal, info: SigInfo) -> Result<()> {
    debug_assert_eq!(signal.number(), info.signo);
    let mut group = process.signals.lock();
    queue_locked(process, &mut group, None, info, Force::No)
}

/// Sends to a process without any check: for timers and drivers.
///
/// # Errors
/// `EAGAIN` for a real-time signal beyond the user's limit on queued ones, `EINVAL` for a
/// number that is no signal.
pub fn send_to_process(process: &Process, info: SigInfo) -> Result<()> {
    let mut group = process.signals.lock();
    queue_locked(process, &mut group, None, info, Force::No)
}

/// Sends to one thread without any check.
///
/// # Errors
/// Those of [`send_to_process`].
pub fn send_to_thread(thread: &Arc<Thread>, info: SigInfo) -> Result<()> {
    let mut group = thread.process().signals.lock();
    queue_locked(thread.process(), &mut group, Some(thread), info, Force::No)
}

/// Replaces the overrun count of a timer's signal that still waits; false if
/// none does.
pub fn bump_timer_signal(process: &Process, signal: Signal, id: i32, overrun: i32) -> bool {
    let mut group = process.signals.lock();
    let bump = |queue: &mut SigQueue| queue.bump_timer(signal, id, overrun);
    bump(&mut group.pending) || group.threads.iter().any(|t| bump(&mut t.signals.lock().pending))
}

/// Sends SIGKILL from the kernel, even to a process that ignores all.
pub(crate) fn kill_from_kernel(process: &Process) {
    let mut group = process.signals.lock();
    let info = SigInfo::kernel(Signal::KILL);
    let _ = queue_locked(process, &mut group, None, info, Force::Yes);
}

impl PidNamespace {
    /// Sends `signal` from the kernel to every member of `group`, as a terminal
    /// does for its keys. Returns whether the group has members.
    pub fn signal_group(&self, group: Pgid, signal: Signal) -> bool {
        let members = self.members(group);
        kernel_to_each(&members, signal);
        !members.is_empty()
    }
}

impl Thread {
    /// Raises a signal that the thread cannot escape, because the CPU did: if
    /// it is blocked or ignored, the process ends by it.
    pub fn force_signal(self: &Arc<Self>, info: SigInfo) {
        let Ok(signal) = Signal::new(info.signo) else { return };
        let mut group = self.process().signals.lock();
        self.process().with_actions(|actions| {
            let mut own = self.signals.lock();
            let action = actions.get(signal);
            let escapes =
                own.blocked.contains(signal) || action.disposition(signal) == Disposition::Ignore;
            if escapes {
                actions.set(signal, SigAction::default());
                own.blocked.remove(signal);
            }
            if escapes || action.handler == SIG_DFL {
                group.is_killable = true;
            }
        });
        let _ = queue_locked(self.process(), &mut group, Some(self), info, Force::Yes);
        drop(group);
        self.interrupt();
    }

    /// SIGSEGV for a stack or frame that cannot be used; a handler that fails
    /// on its own frame is not tried again.
    pub(crate) fn force_sigsegv(self: &Arc<Self>, while_delivering: Option<Signal>) {
        if while_delivering == Some(Signal::SEGV) {
            self.process().with_actions(|actions| actions.set(Signal::SEGV, SigAction::default()));
        }
        self.force_signal(SigInfo::kernel(Signal::SEGV));
    }
}

/// Whether `sender` may send `signal` to `target`.
fn check_permission(sender: &Thread, target: &Process, signal: Option<Signal>) -> Result<()> {
    let Some(leader) = target.leader() else {
        return Ok(()); // A zombie: found, and nothing happens.
    };
    if core::ptr::eq(sender.process().as_ref(), target) {
        return Ok(());
    }
    check_cred(&sender.cred(), &leader.cred(), || {
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
/// [`send_to_process`].
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
    let members = || sender.pid_namespace().members(group);
    for_each_once(members, |target| {
        let sent = send_checked(sender, target, signal);
        any |= sent.is_ok();
        outcome = sent;
    });
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
    let all = || sender.pid_namespace().processes();
    for_each_once(all, |target| {
        if target.pid() == Pid::INIT || target.pid() == sender.pid() {
            return;
        }
        any = true;
        match send_checked(sender, target, signal) {
            // Not being allowed is no error here, as on Linux.
            Err(e) if e.errno() == Errno::EPERM => {}
            other => outcome = other,
        }
    });
    if any { outcome } else { err!(ESRCH, "nobody to signal") }
}

/// Calls `each` for every process that `list` gives, and for those that come in
/// meanwhile: a signal to many leaves no child of theirs out.
fn for_each_once(list: impl Fn() -> Vec<Arc<Process>>, mut each: impl FnMut(&Arc<Process>)) {
    let mut seen = BTreeSet::new();
    for _ in 0..MAX_PASSES {
        let mut found_new = false;
        for process in list() {
            if seen.insert(process.pid()) {
                found_new = true;
                each(&process);
            }
        }
        if !found_new {
            return;
        }
    }
}

fn find_process(sender: &Thread, pid: Pid) -> Result<Arc<Process>> {
    // Any thread's number names its process here, as on Linux.
    let found = sender.pid_namespace().process_of_thread(pid.leading_thread());
    found.ok_or(error!(ESRCH, "no such process"))
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
    let numbers = sender.pid_namespace();
    let Some(target) = numbers.thread(tid) else {
        // The leading thread has ended but its process is still there.
        return match numbers.process(tid.as_pid()) {
            Some(_) if process.is_none_or(|pid| pid == tid.as_pid()) => Ok(()),
            _ => err!(ESRCH, "no such thread"),
        };
    };
    if process.is_some_and(|pid| pid != target.pid()) {
        return err!(ESRCH, "the thread is in another process");
    }
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
/// may not; those of [`send_to_process`].
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
/// it only fools itself.
fn check_claim(sender: &Thread, target: Pid, info: &SigInfo) -> Result<()> {
    if (info.code >= 0 || info.code == SI_TKILL) && sender.pid() != target {
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
    check_claim(sender, pid, &info)?;
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
    check_claim(sender, pid, &info)?;
    let target = sender.pid_namespace().thread(tid).filter(|t| t.pid() == pid);
    let target = target.ok_or(error!(ESRCH, "no such thread"))?;
    check_permission(sender, target.process(), signal)?;
    let Some(signal) = signal else { return Ok(()) };
    info.signo = signal.number();
    send_to_thread(&target, info)
}

/// What a parent wants of SIGCHLD.
pub(crate) struct ChildPolicy {
    /// Send it when a child stops or continues.
    pub(crate) wants_stops: bool,
    /// Children become no zombies.
    pub(crate) auto_reaps: bool,
    /// It is ignored outright.
    pub(crate) ignores: bool,
}

/// What `parent` wants of SIGCHLD.
pub(crate) fn child_policy(parent: &Process) -> ChildPolicy {
    let action = parent.with_actions(|actions| actions.get(Signal::CHLD));
    let ignores = action.handler == SIG_IGN;
    ChildPolicy {
        wants_stops: !ignores && !action.flags.contains(SaFlags::NOCLDSTOP),
        auto_reaps: ignores || action.flags.contains(SaFlags::NOCLDWAIT),
        ignores,
    }
}

/// Sends `signal` to each of `targets` from the kernel.
pub(crate) fn kernel_to_each(targets: &[Arc<Process>], signal: Signal) {
    for process in targets {
        let _ = to_process(process, signal, SigInfo::kernel(signal));
    }
}
