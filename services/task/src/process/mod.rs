// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Processes and threads: what each is made of, and what can be asked of it.
//!
//! What is done with them (clone, exec, exit, wait, signals) is above and not known here.

mod attributes;
mod limits;
mod restart;
mod rusage;
mod thread;
mod types;
mod usage;
mod walk;

pub use restart::{Restart, RestartBlock};
pub use rusage::{NS_PER_TICK, Rusage};
pub use types::{Companion, Namespaces, PidNamespace, Process, Scheduling, Thread};

pub(crate) use types::{GroupSignals, NewProcess, NewThread, ProcessTree};
