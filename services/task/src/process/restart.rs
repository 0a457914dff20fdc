// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How a call that a signal interrupted goes on.
//!
//! Spec: signal(7), "Interruption of system calls"; restart_syscall(2).

/// How a call that a signal interrupted goes on. The system-call layer leaves
/// RAX at the call's number for all but [`Restart::None`]; delivery then either
/// rewinds RIP over the `syscall` instruction or sets RAX to -EINTR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// The call is over; its result stands.
    None,
    /// Again unless a handler without SA_RESTART ran (ERESTARTSYS).
    Sys,
    /// Again unless any handler ran (ERESTARTNOHAND).
    NoHand,
    /// By restart_syscall(2) with what is left of the time-out, unless any
    /// handler ran (ERESTART_RESTARTBLOCK); see [`Thread::set_restart`](super::Thread::set_restart).
    Block,
}

/// What restart_syscall(2) repeats: the call with its registers as they are,
/// and the deadline that its relative time-out meant at first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartBlock {
    /// The number of the interrupted call.
    pub number: u64,
    /// When it times out, in nanoseconds of the clock it uses.
    pub deadline_ns: u64,
}
