// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Processes, threads, signals, exec and wait.
//!
//! A [`Process`] is a group of [`Thread`]s with one address space and one number; a
//! thread is the extension of one framework task. The process table, who is whose parent,
//! groups and sessions are in its [`PidNamespace`]; [`clone()`], [`exec`],
//! [`Thread::exit_group`] and [`wait()`] are a process's life; [`signal`] is what
//! interrupts it. What these are made of is below, in `process`, and knows none of them.
//!
//! The system-call layer calls all of this and owns the user loop
//! ([`set_user_entry`]); terminals read it; it calls `vfs`, `mm`, `sched`,
//! `cred` and the framework, and shows itself in `procfs`.
//!
//! Locks: process table > a process's signal state > its actions > a thread's
//! signals; all spin. Nothing that sleeps is called with one of them held.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod access;
mod clone;
mod clone_args;
pub mod exec;
mod exit;
pub mod fault;
pub mod futex;
mod futex_op;
mod ids;
mod init;
mod namespace;
mod notify;
mod oom;
mod pid_namespace;
mod proc;
mod process;
mod process_table;
pub mod rlimit;
mod run;
pub mod session;
pub mod signal;
mod tree;
mod user_count;
pub mod uts;
mod vfork;
mod wait;
mod yama;

#[cfg(test)]
mod tests;

pub use access::robust_list_of;
pub use clone::clone;
pub use clone_args::CloneArgs;
pub use exit::set_init_exit_hook;
pub use ids::{PID_MAX, Pgid, Pid, Sid, Tid};
pub use init::{init, start};
pub use namespace::{CgroupNamespace, IpcNamespace, NetNamespace, TimeNamespace};
pub use oom::relieve as relieve_memory;
pub use process::{
    Companion, NS_PER_TICK, Namespaces, PidNamespace, Process, Restart, RestartBlock, Rusage,
    Scheduling, Thread,
};
pub use run::{UserEntry, current, set_user_entry, with_current};
pub use session::{Session, Terminal};
pub use user_count::UserCount;
pub use wait::{Waited, Which, options_for_wait4, options_for_waitid, wait};
