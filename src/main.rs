// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The assembly: picks drivers and services, starts init; no logic.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

framework::main!(start);

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: boot it with `cargo osdk run`.");
}

#[cfg(target_os = "none")]
fn start() {
    sched::init();
    #[cfg(feature = "ktest")]
    framework::test::start();
}
