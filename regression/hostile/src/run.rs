// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One run of one scenario in QEMU.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use hostile_format::{Guest, Symbols};
use osdk::cvm::Host;
use osdk::guest::{Console, Guest as Running};
use osdk::machine::Machine;

use crate::evidence::Evidence;
use crate::guest::{Kit, write_disk};
use crate::probe::Probe;
use crate::suite::Attack;

/// Runs `attack` and gathers what it left behind.
pub(crate) fn run(
    kit: &Kit,
    attack: &Attack,
    number: u32,
    seed: u64,
    is_verbose: bool,
) -> Result<Evidence> {
    let folder = tempfile::Builder::new().prefix("nacre-hostile-").tempdir()?;
    let log = kit.logs.join(format!("{}-{number}", attack.name));
    let events = log.with_extension("events");
    let console = log.with_extension("console");
    for file in [&events, &console] {
        fs::write(file, b"").with_context(|| file.display().to_string())?;
    }
    let mut machine = machine(kit, attack, number, seed, folder.path(), &events, &console)?;
    let limit = Duration::from_secs(attack.scenario.timeout * slowness(kit.guest()));
    let probe = Probe::new(&mut machine, folder.path(), limit);
    let begin = Instant::now();
    let ending = Running::start(&machine, Console::Elsewhere)?.wait(Some(limit), |_| ())?;
    let time = begin.elapsed();
    let stuck = probe.addresses();
    let said = fs::read(&console).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())?;
    let lines = fs::read_to_string(&events).with_context(|| events.display().to_string())?;
    if is_verbose {
        print!("{said}\n{lines}");
        println!("ending: {ending:?}");
    }
    let mut evidence = Evidence::read(&lines, said, ending, time);
    if !stuck.is_empty() {
        let symbols = Symbols::read(&fs::read(&kit.kernel)?);
        let name = |at: &u64| symbols.name(*at).unwrap_or_else(|| format!("{at:#x}"));
        evidence.stuck = stuck.iter().map(name).collect();
    }
    Ok(evidence)
}

/// Linux boots several times as long.
fn slowness(guest: Guest) -> u64 {
    match guest {
        Guest::Nacre => 1,
        Guest::Linux => 3,
    }
}

fn machine(
    kit: &Kit,
    attack: &Attack,
    number: u32,
    seed: u64,
    folder: &Path,
    events: &Path,
    console: &Path,
) -> Result<Machine> {
    let scenario = &attack.scenario;
    let mut machine = Machine::new(&kit.kernel)?;
    machine.smp = scenario.cpus;
    machine.mem = "256M".to_owned();
    let initramfs = folder.join("initramfs.cpio");
    kit.initramfs(scenario, &initramfs)?;
    machine.initramfs = Some(initramfs);
    machine.console = format!("file,path={}", console.display());
    match kit.guest() {
        Guest::Nacre => machine.append("nacre.control"),
        Guest::Linux => {
            machine.append("panic=-1 nokaslr acpi_no_memhotplug rdinit=/init loglevel=6")
        }
    };
    machine.append(&scenario.append);
    if scenario.disk > 0 {
        let disk = folder.join("disk");
        write_disk(scenario.disk, &disk)?;
        machine.disks.push(disk);
    }
    machine.cvm = Some(Host {
        plugin: kit.plugin.clone(),
        events: Some(events.to_owned()),
        scenario: Some(attack.file.clone()),
        seed,
        run: number,
        is_linux: kit.guest() == Guest::Linux,
        more: scenario.td.clone(),
        is_exact: scenario.exact,
    });
    Ok(machine)
}
