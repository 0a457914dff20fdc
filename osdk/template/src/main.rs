// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small kernel on the framework: it prints, runs one program, and powers off.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(not(target_os = "none"), allow(dead_code))]
#![forbid(unsafe_code)]

extern crate alloc;

mod archive;
mod console;
mod elf;
mod program;
mod scheduler;

framework::main!(start);

/// Runs once, on the boot CPU, before any task: installs the policy and starts a task.
fn start() {
    scheduler::init();
    #[cfg(all(target_os = "none", feature = "ktest"))]
    framework::test::start();
    #[cfg(not(all(target_os = "none", feature = "ktest")))]
    if framework::task::TaskBuilder::new("main", run).spawn().is_err() {
        framework::fatal("no memory for the first task");
    }
}

/// The first task: runs /init, and ends the machine with its exit status.
#[cfg(not(all(target_os = "none", feature = "ktest")))]
fn run() {
    log::info!("{} runs on {} CPU(s)", env!("CARGO_PKG_NAME"), framework::cpu::count());
    match program::run(b"init") {
        Ok(status) => framework::power::off(status),
        Err(why) => framework::fatal(why),
    }
}

framework::kernel_test! {
    fn the_program_runs() {
        framework::check!(program::run(b"init") == Ok(0));
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: boot it with `cargo osdk run`.");
}
