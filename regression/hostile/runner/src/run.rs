// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One run of one scenario in QEMU.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use hostile_format::{Guest, Scenario, Symbols};
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
    let limit = Duration::from_secs(attack.scenario.timeout);
    let limit = limit + if kit.guest() == Guest::Linux { LINUX_BOOT } else { Duration::ZERO };
    let probe = Probe::new(&mut machine, folder.path(), limit);
    let begin = Instant::now();
    let mut watch = LastWords::new(&attack.scenario, &console, &events);
    let is_over = || kit.guest() == Guest::Linux && watch.are_spoken();
    let running = Running::start(&machine, Console::Elsewhere)?;
    let ending = running.wait_unless(Some(limit), |_| (), is_over)?;
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
        evidence.stuck.sort();
        evidence.stuck.dedup();
    }
    Ok(evidence)
}

/// Debian's defaults, but for: a panic ends the run; addresses are the same in each run; CPUs with TDX need no PTI,
/// QEMU's seems to; fewer words on the slow console.
const LINUX: &str = "panic=-1 nokaslr acpi_no_memhotplug pti=off rdinit=/init loglevel=5 cryptomgr.notests earlyprintk=ttyS0";

/// What Linux needs until the workload begins, on a busy build machine and with every access watched.
const LINUX_BOOT: Duration = Duration::from_secs(60);

/// How long Linux may be silent before the workload begins.
const SILENCE: Duration = Duration::from_secs(45);

/// Looks whether Linux has said all: it panicked, which does not always end the machine; the workload ended; or it hangs,
/// silent at boot or far behind the workload's begin. Nacre tells its end on its control channel.
struct LastWords<'a> {
    console: &'a Path,
    events: &'a Path,
    seen: u64,
    spoke: Instant,
    began: Option<Instant>,
    patience: Duration,
}

impl<'a> LastWords<'a> {
    fn new(scenario: &Scenario, console: &'a Path, events: &'a Path) -> Self {
        // The longest that Linux itself waits for anything is 30 s, for a quote.
        let patience = Duration::from_secs(if scenario.timeout > 120 { 75 } else { 40 });
        Self { console, events, seen: 0, spoke: Instant::now(), began: None, patience }
    }

    fn are_spoken(&mut self) -> bool {
        let len = |file: &Path| fs::metadata(file).map_or(0, |data| data.len());
        let seen = len(self.console) + len(self.events);
        if std::mem::replace(&mut self.seen, seen) != seen {
            self.spoke = Instant::now();
            let has = |file: &Path, word: &str| {
                fs::read(file).is_ok_and(|text| String::from_utf8_lossy(&text).contains(word))
            };
            if has(self.console, "end Kernel panic - not syncing")
                || has(self.events, r#""event":"result""#)
            {
                return true;
            }
            if self.began.is_none() && has(self.events, r#""name":"work""#) {
                self.began = Some(Instant::now());
            }
        }
        match self.began {
            Some(began) => began.elapsed() > self.patience,
            None => self.spoke.elapsed() > SILENCE,
        }
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
    machine.mem = format!("{}M", scenario.memory);
    let initramfs = folder.join("initramfs.cpio");
    kit.initramfs(scenario, &initramfs)?;
    machine.initramfs = Some(initramfs);
    machine.console = format!("file,path={}", console.display());
    match kit.guest() {
        Guest::Nacre => machine.append("nacre.control"),
        Guest::Linux => machine.append(LINUX),
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
        is_plain: scenario.plain,
        is_linux: kit.guest() == Guest::Linux,
        more: scenario.td.clone(),
        is_exact: scenario.exact,
    });
    Ok(machine)
}
