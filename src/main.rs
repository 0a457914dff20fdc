// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The assembly: picks drivers and services, starts init; no logic.

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

/// The boot task: file-system types, drivers, terminals, then the first program.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn bring_up() {
    if let Err(error) = time::init() {
        log::error!("no timers: {error:?}");
    }
    tmpfs::init();
    devfs::init();
    ipc::init();
    procfs::init();
    sysfs::init();
    configfs::init();
    attest::init(attest::machine());
    let mut consoles: alloc::vec::Vec<_> = uart::probe()
        .into_iter()
        .map(|port| port as alloc::sync::Arc<dyn class::Console>)
        .collect();
    if let Some(ecam) = framework::host::ecam() {
        let found = virtio::probe(ecam, alloc::sync::Arc::new(pci::Machine));
        let disk = |disk| disk as alloc::sync::Arc<dyn class::BlockDevice>;
        block::init(&found.disks.into_iter().map(disk).collect::<alloc::vec::Vec<_>>());
        if let Some(entropy) = found.entropy {
            stir(&*entropy);
        }
        consoles
            .extend(found.console.map(|console| console as alloc::sync::Arc<dyn class::Console>));
    }
    let default = framework::cvm::is_confidential().then_some("hvc0");
    let preferred = framework::cmdline::get().console.or(default);
    log_to(&consoles, preferred);
    if let Err(error) = tty::init(&consoles, preferred) {
        log::error!("no terminals: {error:?}");
    }
    sysfs::add_devices();
    syscalls::boot::run();
}

/// Mixes the host's random bytes in; they count for nothing.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn stir(entropy: &dyn class::Entropy) {
    let mut bytes = [0; 64];
    if let Ok(count) = entropy.read(&mut bytes) {
        framework::random::mix(bytes.get(..count).unwrap_or_default());
    }
}

/// The log goes to the system console, unless that is a serial port: there it is.
#[cfg(all(target_os = "none", not(feature = "ktest")))]
fn log_to(consoles: &[alloc::sync::Arc<dyn class::Console>], name: Option<&str>) {
    let console = consoles.iter().find(|console| Some(console.name()) == name);
    let quiet = framework::cmdline::get().is_quiet;
    if let Some(console) = console.filter(|console| console.name() == "hvc0" && !quiet).cloned() {
        framework::log::set_console(move |line| console.write(line));
    }
    for console in consoles {
        let console = console.clone();
        framework::power::before_end(move || console.drain());
    }
}
