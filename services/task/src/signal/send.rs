// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sending signals: what is dropped at once, who is woken.
//!
//! Every way to send ends in [`queue_locked`], with the signal lock of the
//! receiving process held.

use alloc::sync::Arc;
use core::ops::ControlFlow;

use abi::process::WaitStatus;
use abi::resource::Resource;
use abi::signal::{SIG_DFL, SIG_IGN, SaFlags, SigInfo, SigSet, Signal};
use abi::{Result, error};

use crate::{
    exit::{self, Begun},
    ids::{Pgid, Pid},
    process::{GroupSignals, PidNamespace, Process, Thread},
    signal::{
        Disposition, SigAction, StopState,
        place::{Payer, TimerSignal, WaitingTimer},
        queue::Sender,
    },
};

/// Who sends: kernel signals may end the first process when they are faults.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Force {
    No,
    Yes,
}

/// What is owed to the threads of a process when its lock is free: there may be many.
#[derive(Default)]
#[must_use]
pub(crate) struct Owed {
    /// All are marked to end.
    end: bool,
    /// All that sleep for a stop wake.
    resume: bool,
    /// One that wants this signal looks at it.
    wake: Option<Signal>,
}

impl Owed {
    #[inline]
    pub(crate) fn settle(self, process: &Process) {
        if self.end || self.resume || self.wake.is_some() {
            self.pay(process);
        }
    }

    fn pay(self, process: &Process) {
        if self.end {
            exit::mark_dying(process, None);
        }
        if self.resume {
            process.for_threads(|group, thread| {
                if group.stop != StopState::Running {
                    return ControlFlow::Break(());
                }
                thread.park.wake_all();
                ControlFlow::Continue(())
            });
        }
        if let Some(signal) = self.wake {
            process.for_threads(|group, thread| {
                let is_taken = !group.pending.set().contains(signal);
                if is_taken || interrupt_if_wanted(thread, signal) {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
        }
    }
}

/// Queues a signal for `process`, or for its `thread`, and wakes who takes it.
fn send(
    process: &Process,
    thread: Option<&Arc<Thread>>,
    info: SigInfo,
    force: Force,
) -> Result<()> {
    let sender = Sender::of(Signal::new(info.signo)?);
    send_from(sender, process, thread, info, force)
}

/// The same, from a given sender.
#[inline]
fn send_from(
    sender: Sender,
    process: &Process,
    thread: Option<&Arc<Thread>>,
    info: SigInfo,
    force: Force,
) -> Result<()> {
    let mut owed = Owed::default();
    let mut group = process.signals.lock();
    let sent = queue_locked(sender, process, &mut group, thread, info, force, &mut owed);
    drop(group);
    owed.settle(process);
    sent
}

/// As [`send_from`]; the rest is `owed`.
fn queue_locked(
    sender: Sender,
    process: &Process,
    group: &mut GroupSignals,
    thread: Option<&Arc<Thread>>,
    info: SigInfo,
    force: Force,
    owed: &mut Owed,
) -> Result<()> {
    let signal = sender.signal();
    // An exec ends timers, then takes this lock to drop what they sent.
    if group.group_exit.is_some() || group.threads.is_empty() || sender.is_over() {
        return Ok(());
    }
    owed.resume = prepare(group, signal);
    let Some(receiver) = thread.or(group.leader(process.pid())).cloned() else { return Ok(()) };
    if force == Force::No && is_dropped(process, group, &receiver, signal) {
        return Ok(());
    }
    if signal == Signal::KILL {
        let begun = exit::begin_group_exit(group, WaitStatus::killed(Signal::KILL));
        owed.end = begun == Begun::Now;
        return Ok(());
    }
    let limit = process.rlimit(Resource::Sigpending).cur;
    let payer = Payer { user: receiver.user(), limit };
    match thread {
        Some(thread) => {
            let mut own = thread.signals.lock();
            own.catch_up(group.flushes);
            own.pending.push(sender, info, payer)?;
        }
        None => group.pending.push(sender, info, payer)?,
    }
    if !interrupt_if_wanted(&receiver, signal) && thread.is_none() {
        owed.wake = Some(signal);
    }
    Ok(())
}

/// What sending alone does: stop and continue signals cancel each other. Whether threads
/// are to be resumed.
fn prepare(group: &mut GroupSignals, signal: Signal) -> bool {
    if SigSet::STOPPING.contains(signal) {
        group.pending.flush(SigSet::of(&[Signal::CONT]));
        group.flushes.continues += 1;
    } else if signal == Signal::CONT {
        group.pending.flush(SigSet::STOPPING);
        group.flushes.stops += 1;
        return resume(group);
    } else if signal == Signal::KILL {
        group.stop_dequeued = false;
    }
    false
}

fn resume(group: &mut GroupSignals) -> bool {
    group.stop_dequeued = false;
    group.stop_report = None;
    match group.stop {
        StopState::Running => return false,
        StopState::Stopping(_) => {}
        StopState::Stopped(_) => {
            group.continue_report = true;
            group.tell_continued = true;
        }
    }
    group.stop = StopState::Running;
    true
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

/// Makes a thread look at a signal, if it would act upon it.
fn interrupt_if_wanted(thread: &Arc<Thread>, signal: Signal) -> bool {
    let wants = !thread.is_dying() && thread.signals.lock().wanted().contains(signal);
    if wants {
        thread.interrupt();
    }
    wants
}

/// Queues a signal for a process without any check; the caller settles what is owed when
/// it holds no lock.
pub(crate) fn queue_for(process: &Process, info: SigInfo) -> Owed {
    let mut owed = Owed::default();
    if let Ok(signal) = Signal::new(info.signo) {
        let sender = Sender::of(signal);
        let mut group = process.signals.lock();
        let _ = queue_locked(sender, process, &mut group, None, info, Force::No, &mut owed);
    }
    owed
}

/// Sends to a process without any check.
pub(crate) fn to_process(process: &Process, signal: Signal, info: SigInfo) -> Result<()> {
    debug_assert_eq!(signal.number(), info.signo);
    send(process, None, info, Force::No)
}

/// Sends to a process without any check: for timers and drivers.
///
/// # Errors
/// `EAGAIN` for a real-time signal beyond the user's limit on queued ones, `EINVAL` for a
/// number that is no signal.
pub fn send_to_process(process: &Process, info: SigInfo) -> Result<()> {
    send(process, None, info, Force::No)
}

/// Sends to one thread without any check.
///
/// # Errors
/// Those of [`send_to_process`].
pub fn send_to_thread(thread: &Arc<Thread>, info: SigInfo) -> Result<()> {
    send(thread.process(), Some(thread), info, Force::No)
}

/// The signal of a new timer of `thread`.
///
/// # Errors
/// `EAGAIN` if its user has as many signals and timers as it may.
pub fn new_timer_signal(thread: &Thread) -> Result<TimerSignal> {
    let process = thread.process();
    let limit = process.rlimit(Resource::Sigpending).cur;
    let payer = Payer { user: thread.user(), limit };
    let signal = TimerSignal::new(payer, process.account.clone());
    signal.ok_or(error!(EAGAIN, "too many timers and signals"))
}

/// Drops what was flushed where a timer's signal may have waited: then the timer may send
/// again.
pub fn drop_flushed(process: &Process, thread: Option<&Arc<Thread>>) {
    let take = || {
        let mut group = process.signals.lock();
        let Some(thread) = thread else { return group.pending.take_flushed() };
        let mut own = thread.signals.lock();
        own.catch_up(group.flushes);
        own.pending.take_flushed()
    };
    while take().is_some() {}
}

/// Sends a timer's signal to a process, or to its `thread`. The timer may send again when
/// it is delivered, or had no effect.
pub fn send_timer_signal(
    process: &Process,
    thread: Option<&Arc<Thread>>,
    info: SigInfo,
    waiting: WaitingTimer,
) {
    // A timer's signal is refused to nobody, and its number was checked.
    if let Ok(signal) = Signal::new(info.signo) {
        let sender = Sender::timer(signal, waiting);
        let _ = send_from(sender, process, thread, info, Force::No);
    }
}

/// Sends SIGKILL from the kernel, even to a process that ignores all.
pub(crate) fn kill_from_kernel(process: &Process) {
    let _ = send(process, None, SigInfo::kernel(Signal::KILL), Force::Yes);
}

impl PidNamespace {
    /// Sends `signal` from the kernel to every member of `group`, as a terminal
    /// does for its keys. Returns whether the group has members.
    pub fn signal_group(&self, group: Pgid, signal: Signal) -> bool {
        self.signal_members(group, signal, |_| true)
    }

    /// The same for those that `chosen` says; whether there are any.
    pub(crate) fn signal_members(
        &self,
        group: Pgid,
        signal: Signal,
        chosen: impl Fn(&Process) -> bool,
    ) -> bool {
        let mut any = false;
        for process in self.members(group).filter(|process| chosen(process)) {
            any = true;
            let _ = to_process(&process, signal, SigInfo::kernel(signal));
        }
        any
    }
}

impl Thread {
    /// Raises a signal that the thread cannot escape, because the CPU did: if
    /// it is blocked or ignored, the process ends by it.
    pub fn force_signal(self: &Arc<Self>, info: SigInfo) {
        let Ok(signal) = Signal::new(info.signo) else { return };
        let sender = Sender::of(signal);
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
        let mut owed = Owed::default();
        let process = self.process();
        let _ = queue_locked(sender, process, &mut group, Some(self), info, Force::Yes, &mut owed);
        drop(group);
        owed.settle(self.process());
        self.interrupt();
    }

    /// Drops what timers sent and still waits: execve(2) does, when the process has no other
    /// thread any more.
    pub(crate) fn drop_timer_signals(&self) {
        let group = &self.process().signals;
        loop {
            let taken = group.lock().pending.take_with_timers();
            let Some((signal, line)) = taken else { break };
            let rest = line.without_timers();
            group.lock().pending.put_back(signal, rest);
        }
        loop {
            let taken = self.signals.lock().pending.take_with_timers();
            let Some((signal, line)) = taken else { break };
            let rest = line.without_timers();
            self.signals.lock().pending.put_back(signal, rest);
        }
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
