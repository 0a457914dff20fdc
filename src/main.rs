// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The assembly: picks drivers and services, starts init; no logic.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

<<<<<<< HEAD
#[cfg(target_os = "none")]
=======
>>>>>>> e74ca26 (nacre: start busybox: drivers, services, process 1)
extern crate alloc;

framework::main!(start);

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: boot it with `cargo osdk run`.");
}

<<<<<<< HEAD
/// Runs once, before any task: installs the policy, and starts the first task.
=======
/// The first task: puts the parts together and starts process 1.
>>>>>>> e74ca26 (nacre: start busybox: drivers, services, process 1)
#[cfg(target_os = "none")]
fn start() {
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    sched::init();
<<<<<<< HEAD
    #[cfg(feature = "ktest")]
    framework::test::start();
    #[cfg(not(feature = "ktest"))]
    if framework::task::TaskBuilder::new("boot", bring_up).spawn().is_err() {
        framework::fatal("no memory for the boot task");
    }
}

/// The boot task: file-system types, drivers, terminals, then the first program.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn bring_up() {
    tmpfs::init();
    devfs::init();
    ipc::init();
    procfs::init();
    let consoles: alloc::vec::Vec<_> = uart::probe()
        .into_iter()
        .map(|port| port as alloc::sync::Arc<dyn class::Console>)
        .collect();
    if let Err(error) = tty::init(&consoles) {
        log::error!("no terminals: {error:?}");
    }
=======
    time::init().unwrap_or_else(|error| log::error!("no timers: {error:?}"));
    ipc::init();

    let consoles: Vec<Arc<dyn class::Console>> =
        uart::probe().into_iter().map(|port| port as Arc<dyn class::Console>).collect();
    tty::init(&consoles).unwrap_or_else(|error| log::error!("no terminals: {error:?}"));

    tmpfs::init();
    devfs::init();
    procfs::init();
>>>>>>> e74ca26 (nacre: start busybox: drivers, services, process 1)
    syscalls::boot::run();
}
