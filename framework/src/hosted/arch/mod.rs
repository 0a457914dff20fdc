// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `crate::arch` has: threads of `std` stand in for tasks and CPUs.
//!
//! Every thread counts as running on CPU 0; interrupts do not exist.

pub(crate) mod bytes;
mod machine;
mod task;
pub(crate) mod usercopy;

pub(crate) use crate::arch::x86::mm::paging;
pub(crate) use machine::*;
pub(crate) use task::*;
