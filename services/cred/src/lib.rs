// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User, group and capability sets of a task.
//!
//! A [`Cred`] is immutable once shared (`Arc<Cred>`): a change makes a new one
//! by a pure function that follows Linux's rule and refuses with `EPERM`.
//! Nobody here asks who runs: callers pass the credentials in.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod caps;
mod change;
mod cred;
mod exec;
mod syslog;
#[cfg(test)]
mod tests;
mod user_namespace;

pub use caps::CapSets;
pub use cred::{Cred, Gid, Uid};
pub use exec::{ExecFile, ExecOutcome};
pub use syslog::{LogUse, dmesg_restrict, set_dmesg_restrict};
pub use user_namespace::{IdRange, UserNamespace};
