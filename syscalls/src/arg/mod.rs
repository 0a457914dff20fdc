// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From raw registers to typed arguments.
//!
//! A row of the table names the types of a call's arguments; each takes the
//! registers it needs from [`Regs`], left to right, with the sign and width
//! that C gives it, or refuses them with an errno. The same types print
//! themselves for the trace. Nothing here touches user memory: a pointer is a
//! claim until a handler reads through it.

mod flags;
mod iovec;
mod memory;
mod number;
mod regs;

pub(crate) use flags::flag_arg;
pub use flags::{Kept, MembarrierCommand, Strict, only};
pub use iovec::{IovIn, IovOut};
pub use memory::{UserIn, UserOut, UserPath, UserPtr, UserStrings};
pub use number::{Addr, DirFd, Fd, Mode, RawPid, SigNum};
pub use regs::{FromArg, Regs};
