// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals: what waits, who may send, what is done on the way to user mode.
//!
//! [`send`] queues a signal, for [`kill()`] and others, and wakes who can take it;
//! [`deliver()`] runs on the way back to user mode and stops, ends or redirects the
//! thread. All pending signals and masks are under the process's signal lock, so a
//! sender and a thread that changes its mask never miss each other.
//!
//! Spec: signal(7), sigaction(2).

mod action;
mod altstack;
mod deliver;
mod frame;
mod kill;
mod look;
mod mask;
mod place;
mod queue;
pub(crate) mod send;
mod sigreturn;
mod state;
pub(crate) mod stop;

pub use action::{Disposition, SigAction, SigActions};
pub use altstack::AltStack;
pub use deliver::{Flow, Interrupted, deliver};
pub use frame::min_stack_size;
pub use kill::{
    check_claim, kill, kill_all, kill_group, queue_to_process, queue_to_thread, tgkill, tkill,
};
pub use look::SignalSets;
pub use mask::MaskChange;
pub use place::{TimerSignal, WaitingTimer};
pub use send::{
    drop_flushed, new_timer_signal, send_timer_signal, send_to_process, send_to_thread,
};
pub use sigreturn::sigreturn;

pub(crate) use queue::SigQueue;
pub(crate) use state::{Flushes, Sighand, StopState, ThreadSignals};
