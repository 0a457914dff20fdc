// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What happens on the way back to user mode when something is to be looked at.

use alloc::sync::Arc;

use abi::nr;
use abi::process::WaitStatus;
use abi::signal::{DefaultAction, SaFlags, SigInfo, SigSet, Signal};
use framework::mm::VmSpace;
use framework::user::UserContext;

use crate::{
    exit,
    ids::Pid,
    process::{Restart, Thread},
    signal::{Disposition, SigAction, StopState, frame, stop},
};

/// A call that a signal interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupted {
    /// How it goes on.
    pub restart: Restart,
    /// Its number.
    pub number: u64,
}

/// What the user loop does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Flow {
    /// Run the program.
    Run,
    /// The thread ends: return from the user loop.
    Exit,
}

/// What a look at the pending signals found.
enum Found {
    Nothing,
    /// One was dropped; there may be more.
    Ignored,
    Exit,
    JoinStop,
    TellContinued,
    Stop(Signal),
    Fatal(WaitStatus),
    Handle(Signal, SigInfo, SigAction),
}

/// Acts on all that waits for `thread`: stops, ends, or sets `user` up for
/// handlers. `vm` is the thread's memory. `interrupted` is the call that ended because of it, if one did.
pub fn deliver(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    vm: &VmSpace,
    interrupted: Option<Interrupted>,
) -> Flow {
    let mut interrupted = interrupted.filter(|call| call.restart != Restart::None);
    if let Some(task) = thread.task() {
        task.clear_interrupt();
    }
    loop {
        match look(thread) {
            Found::Nothing => break,
            Found::Ignored => {}
            Found::Exit => return Flow::Exit,
            Found::JoinStop => stop::participate(thread),
            Found::TellContinued => stop::tell_continued(thread),
            Found::Stop(signal) => stop::start(thread, signal),
            Found::Fatal(status) => exit::exit_group_with(thread, status),
            Found::Handle(signal, info, action) => {
                if let Some(call) = interrupted.take() {
                    let restarts =
                        call.restart == Restart::Sys && action.flags.contains(SaFlags::RESTART);
                    resume_call(user, call, restarts);
                }
                let _ = thread.take_restart();
                handle(thread, user, vm, signal, &info, &action);
            }
        }
    }
    if let Some(call) = interrupted {
        resume_call(user, call, true);
        if call.restart == Restart::Block {
            user.set_result(nr::RESTART_SYSCALL);
        }
    }
    // A mask for one call only, and no handler took the old one into its frame.
    thread.end_temporary_mask();
    Flow::Run
}

fn resume_call(user: &mut UserContext, call: Interrupted, restarts: bool) {
    if restarts {
        user.repeat_syscall(call.number);
    } else {
        user.set_result(-i64::from(abi::Errno::EINTR.number()) as u64);
    }
}

/// Finds the next thing to do; takes a signal from its queue.
fn look(thread: &Arc<Thread>) -> Found {
    let process = thread.process();
    let mut group = process.signals.lock();
    if thread.is_dying() || group.group_exit.is_some() {
        return Found::Exit;
    }
    if group.stop != StopState::Running {
        return Found::JoinStop;
    }
    if group.tell_continued {
        return Found::TellContinued;
    }
    let taken = {
        let mut own = thread.signals.lock();
        own.catch_up(group.flushes);
        let deliverable = SigSet::ALL.without(own.blocked);
        match own.pending.take_any(deliverable) {
            Some(taken) => Some(taken),
            None => group.pending.take_any(deliverable),
        }
    };
    let Some((signal, info)) = taken else { return Found::Nothing };
    let action = process.with_actions(|actions| actions.take(signal));
    match action.disposition(signal) {
        Disposition::Ignore => Found::Ignored,
        Disposition::Handle => Found::Handle(signal, info, action),
        Disposition::Default(_) if process.pid() == Pid::INIT && !group.is_killable => {
            Found::Ignored
        }
        Disposition::Default(DefaultAction::Stop) => {
            group.stop_dequeued = true;
            Found::Stop(signal)
        }
        // No core is written, so the status does not say so.
        Disposition::Default(_) => Found::Fatal(WaitStatus::killed(signal)),
    }
}

/// Makes the program run its handler, or ends it when there is no room.
fn handle(
    thread: &Arc<Thread>,
    user: &mut UserContext,
    vm: &VmSpace,
    signal: Signal,
    info: &SigInfo,
    action: &SigAction,
) {
    let (mask, alt_stack) = {
        let mut own = thread.signals.lock();
        (own.saved.take().unwrap_or(own.blocked), own.alt_stack)
    };
    let request = frame::Request { signal, info, action, mask, alt_stack };
    if frame::push(thread, user, vm, &request).is_err() {
        thread.signals.lock().blocked = mask;
        thread.force_sigsegv(Some(signal));
        return;
    }
    let mut own = thread.signals.lock();
    let mut blocked = own.blocked.union(action.mask);
    if !action.flags.contains(SaFlags::NODEFER) {
        blocked.add(signal);
    }
    own.blocked = SigSet::mask_from_bits(blocked.bits());
    own.alt_stack = own.alt_stack.disarmed();
}
