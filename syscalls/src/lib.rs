// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The system calls of Linux on x86-64: table, argument decoding, handlers.
//!
//! [`table`] names every call once, and says what each argument is; from its rows come
//! dispatch, the trace and docs/compatibility.md. The framework knows which registers
//! carry the arguments, `abi` has structs and flag values. Handlers in `calls` are
//! thin: decode, check, call a service, encode. [`init`] makes it the kernel's ABI.
//!
//! May depend on every service; nothing but the assembly may depend on it.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod arg;
mod calls;
pub mod compatibility;
mod cx;
mod dispatch;
mod errno_text;
mod line;
pub mod row;
mod row_macro;
pub mod table;
pub mod trace;
mod unserved;

pub use cx::Context;
pub use dispatch::user_entry;
pub use line::Line;
pub use unserved::unserved;

/// Installs the user loop, and the trace if the command line asks for it. Called once
/// at boot, before a program starts.
pub fn init() {
    trace::set_enabled(framework::cmdline::get().has_trace);
    task::set_user_entry(user_entry);
}
