// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User mode: a register set, and running it until it traps.
//!
//! Whatever safe code puts into a [`UserContext`] — from a signal frame, a
//! debugger, `clone` or `exec` — [`UserContext::run`] makes safe before it
//! reaches the CPU: only the flags that a program may change get through, code
//! and stack selectors are fixed, and an address that is no user address ends
//! in a general-protection exception of the program, not of the kernel.

mod context;
mod limits;
mod trap;
pub mod x86;

pub use context::UserContext;
pub use limits::{BadFpu, is_user_address};
pub use trap::{Accessor, Fault, FloatError, PageFault, Trap};
