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
// The machine's half rests on the build machine; the kernel's own build looks at all of it.
#![cfg_attr(not(target_os = "none"), allow(dead_code, unused_imports))]

extern crate alloc;

mod arch;
pub mod boot;
pub mod cmdline;
pub mod control;
pub mod cpu;
pub mod cvm;
#[cfg(all(not(target_os = "none"), feature = "fuzz"))]
pub mod fuzz;
#[cfg(all(target_os = "none", feature = "ktest"))]
mod guest_tests;
pub mod host;
#[cfg(not(target_os = "none"))]
pub mod hosted;
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

/// Names the function that the framework calls when the machine is up.
///
/// It runs once, on the boot CPU, with interrupts off: it installs the scheduler,
/// spawns tasks and returns; then the tasks run.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        #[cfg(target_os = "none")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "Rust" fn nacre_main() {
                $main();
            }
        };
    };
}
