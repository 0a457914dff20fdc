// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The end of threads and processes.
//!
//! Ending is asked for by marks ([`Thread::exit`](crate::Thread::exit),
//! [`begin_group_exit`]) that the thread sees on its way to user mode; it then returns
//! from its user loop, and [`finish()`] gives back all it had.

mod finish;
mod mark;
mod status;

pub use finish::set_init_exit_hook;

pub(crate) use finish::finish;
pub(crate) use mark::{Begun, begin_group_exit, exit_group_with, mark_dying};
pub(crate) use status::code_and_status;
