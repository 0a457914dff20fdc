// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The only kernel crate with `unsafe`: hardware, memory and the host, made safe.
//!
//! Everything above this crate is `#![forbid(unsafe_code)]`: if the types here
//! are sound, no driver, service or system call can break memory safety.
//!
//! The crate also builds for the machine that compiles it. There a *hosted*
//! backend gives frames, locks, tasks and clocks from `std`, so that safe
//! crates are unit-tested by plain `cargo test`.

#![cfg_attr(target_os = "none", no_std)]

extern crate alloc;
#[cfg(target_os = "none")]
extern crate self as framework;

mod arch;
pub mod boot;
pub mod cpu;
pub mod host;
pub mod irq;
pub mod log;
pub mod mm;
mod panic;
pub mod power;
pub mod random;
pub mod sync;
pub mod task;
pub mod test;
pub mod time;
pub mod user;

pub use panic::fatal;
