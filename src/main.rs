// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The assembly: names drivers and services, and the order in which they start.
//!
//! It decides two things only: a machine without PCI configuration space gets no
//! virtio devices, and one without memory for the boot task stops.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

framework::main!(start);

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This is a kernel: boot it with `cargo osdk run`.");
}

/// Runs once, before any task: installs the policy, and starts the first task.
#[cfg(target_os = "none")]
fn start() {
    sched::init();
    #[cfg(feature = "ktest")]
    framework::test::start();
    #[cfg(not(feature = "ktest"))]
    if framework::task::TaskBuilder::new("boot", bring_up).spawn().is_err() {
        framework::fatal("no memory for the boot task");
    }
}

/// The boot task: file-system types, the ABI, drivers, then the first program.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn bring_up() {
    tmpfs::init();
    devfs::init();
    ipc::init();
    procfs::init();
    sysfs::init();
    configfs::init();
    attest::init(attest::machine());
    syscalls::init();
    init::run(devices());
}

/// What the drivers find.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn devices() -> init::Devices {
    let mut devices = init::Devices::default();
    devices.consoles.extend(uart::probe().into_iter().map(|port| port as _));
    if let Some(ecam) = framework::host::ecam() {
        let found = virtio::probe(ecam, alloc::sync::Arc::new(pci::Machine));
        devices.disks.extend(found.disks.into_iter().map(|disk| disk as _));
        devices.consoles.extend(found.console.map(|console| console as _));
        devices.entropy.extend(found.entropy.map(|entropy| entropy as _));
    }
    devices
}
