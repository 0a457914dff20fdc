// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The handlers, one family a file, all thin: decode, check, call a service, encode.

mod at;
pub(crate) mod attr;
pub(crate) mod caps;
pub(crate) mod copy;
mod deadline;
pub(crate) mod dir;
pub(crate) mod exec;
pub(crate) mod fcntl;
pub(crate) mod fd;
mod fowner;
pub(crate) mod futex;
pub(crate) mod group;
pub(crate) mod ids;
pub(crate) mod limits;
pub(crate) mod link;
pub(crate) mod memory;
pub(crate) mod mount;
pub(crate) mod open;
pub(crate) mod poll;
pub(crate) mod prctl;
pub(crate) mod process;
pub(crate) mod restart;
pub(crate) mod rw;
pub(crate) mod sched;
pub(crate) mod signal;
pub(crate) mod sleep;
pub(crate) mod socket;
pub(crate) mod stat;
pub(crate) mod system;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod wait;
pub(crate) mod xattr;
