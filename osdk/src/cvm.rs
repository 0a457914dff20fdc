// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A confidential VM without its hardware: QEMU with the plugin that plays TDX module and host.
//!
//! The plugin (`regression/hostile/host`) has QEMU's licence and is built by itself; this module only starts QEMU with it. All
//! RAM is there a second time above the shared bit, as the guest's shared pages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::accel::Accel;
use crate::machine::{Clock, ConsolePort, Machine};
use crate::workspace::Workspace;

/// Bit of a guest-physical address that makes it shared (GPAW 48).
const SHARED_ALIAS: u64 = 1 << 47;
/// The oldest QEMU whose plugins can change registers and memory.
const OLDEST_QEMU: (u32, u32) = (11, 1);

/// What kind of machine the guest believes to be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// An ordinary VM.
    #[default]
    Plain,
    /// A TD, that is, a VM under Intel TDX.
    Tdx,
}

/// Options of a confidential VM.
#[derive(Args, Clone, Debug, Default)]
pub struct CvmArgs {
    /// Run as an ordinary VM, or as a TD under a simulated TDX module and host
    #[arg(long, value_enum, default_value = "plain")]
    pub cvm: Kind,
    /// Let the simulated host attack as this file says (see docs/scenarios.md)
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Write what happens between guest and simulated host to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}

/// Words of the command line for Nacre in a TD. The exit status and the verdicts come over
/// ports that it reaches only when asked to, and it has no other wall clock.
pub fn words() -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("nacre.control nacre.time={}", now.as_secs())
}

impl CvmArgs {
    /// Makes `machine` what was asked for.
    pub fn apply(&self, machine: &mut Machine) -> Result<()> {
        if self.cvm == Kind::Plain {
            ensure!(self.scenario.is_none(), "--scenario needs --cvm tdx");
            ensure!(self.events.is_none(), "--events needs --cvm tdx");
            return Ok(());
        }
        machine.append(&words());
        machine.use_console(ConsolePort::Virtio);
        if machine.accel == Accel::Kvm && has_tdx(Path::new(TDX_SWITCH)) {
            ensure!(self.scenario.is_none(), "a real host attacks when it likes: no --scenario");
            machine.extra.extend(hardware_arguments());
            return Ok(());
        }
        ensure!(
            machine.clock == Clock::Host,
            "QEMU cannot count instructions with the x2APIC that a TD has: no --icount"
        );
        machine.accel = Accel::Tcg;
        check_qemu(&machine.qemu)?;
        eprintln!("osdk: TDX is simulated by a plugin of QEMU: nothing protects this guest");
        if let Some(file) = &self.scenario {
            ensure!(file.is_file(), "there is no scenario {}", file.display());
        }
        machine.cvm = Some(Host {
            plugin: plugin(&Workspace::checkout())?,
            events: self.events.clone(),
            scenario: self.scenario.clone(),
            seed: 1,
            ..Host::default()
        });
        Ok(())
    }
}

/// Where Linux says whether KVM can make TDs.
const TDX_SWITCH: &str = "/sys/module/kvm_intel/parameters/tdx";

fn has_tdx(switch: &Path) -> bool {
    std::fs::read_to_string(switch).is_ok_and(|text| matches!(text.trim(), "Y" | "1"))
}

/// For a machine that has TDX: not tried yet, for want of one.
fn hardware_arguments() -> Vec<std::ffi::OsString> {
    let words = ["-object", "tdx-guest,id=tdx", "-machine", "confidential-guest-support=tdx"];
    let more = ["-machine", "kernel-irqchip=split"];
    words.into_iter().chain(more).map(Into::into).collect()
}

/// The simulated host of a guest.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// The plugin's file; see [`plugin`].
    pub plugin: PathBuf,
    /// Where it writes its events, one JSON object a line.
    pub events: Option<PathBuf>,
    /// The attack; without one the host is honest.
    pub scenario: Option<PathBuf>,
    /// What random numbers follow from.
    pub seed: u64,
    /// Number of the run, for scenarios that have several.
    pub run: u32,
    /// Whether the guest stays an ordinary VM, and the host only watches and stalls it.
    pub is_plain: bool,
    /// Whether the guest is Linux, which is a TD from its first instruction on.
    pub is_linux: bool,
    /// More arguments for the plugin, `name=value` each.
    pub more: Vec<String>,
    /// Whether each instruction is translated by itself from the workload's first mark on: flags are exact everywhere,
    /// but all is slower.
    pub is_exact: bool,
}

impl Host {
    /// The `-plugin` argument for a machine with memory `mem` that boots `kernel` and has QEMU's monitor at `monitor`.
    pub(crate) fn argument(&self, kernel: &Path, mem: &str, monitor: &Path) -> String {
        let mut words = vec![self.plugin.display().to_string()];
        words.push(format!("mode={}", if self.is_plain { "observe" } else { "tdx" }));
        words.push(format!("guest={}", if self.is_linux { "linux" } else { "nacre" }));
        words.push(format!("kernel={}", kernel.display()));
        let files = [("events", &self.events), ("scenario", &self.scenario)];
        for (name, file) in files {
            if let Some(file) = file {
                words.push(format!("{name}={}", file.display()));
            }
        }
        if self.is_exact {
            words.push(format!("monitor={}", monitor.display()));
        }
        // Linux gets no hand-over that would say so.
        if let Some(ram) = bytes(mem).filter(|ram| self.is_linux && *ram < SPLIT_FROM) {
            words.push(format!("ram={ram}"));
        }
        words.push(format!("seed={}", self.seed));
        words.push(format!("run={}", self.run));
        words.extend(self.more.iter().cloned());
        // A comma in an option's value is written twice.
        let words: Vec<_> = words.into_iter().map(|word| word.replace(',', ",,")).collect();
        words.join(",")
    }
}

/// A q35 machine with this much memory or more has [`LOW_RAM`] of it below 4 GiB and the rest above.
const SPLIT_FROM: u64 = 0xb000_0000;
const LOW_RAM: u64 = 2 << 30;
const HIGH_RAM_AT: u64 = 4 << 30;

/// Arguments that give a machine of `mem` (in QEMU's notation) its shared alias; RAM is the file `ram`.
pub(crate) fn memory_arguments(mem: &str, ram: &Path) -> Vec<String> {
    let ram = ram.display().to_string().replace(',', ",,");
    // A size that is not understood is QEMU's to refuse.
    let total = bytes(mem).unwrap_or(0);
    let mut parts = vec![(0, total, 0)];
    if total >= SPLIT_FROM {
        parts = vec![(0, LOW_RAM, 0), (LOW_RAM, total - LOW_RAM, HIGH_RAM_AT)];
    }
    let mut words = vec!["-m".to_owned(), format!("{mem},slots=2,maxmem=255T")];
    let private = format!("memory-backend-file,id=private,size={mem},mem-path={ram},share=on");
    words.extend(["-object".to_owned(), private]);
    for (number, (offset, len, at)) in parts.into_iter().enumerate() {
        let id = format!("shared{number}");
        words.push("-object".to_owned());
        words.push(format!(
            "memory-backend-file,id={id},size={len},offset={offset},mem-path={ram},share=on"
        ));
        words.push("-device".to_owned());
        words.push(format!("pc-dimm,memdev={id},addr={:#x}", SHARED_ALIAS + at));
    }
    words
}

/// A size in QEMU's notation: MiB without a suffix.
fn bytes(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match size.get(digits.len()..)? {
        "" | "M" | "m" => 20,
        "K" | "k" => 10,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_shl(shift)
}

/// Builds the plugin; returns its file.
pub fn plugin(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--quiet", "--package", "hostile-host", "--profile", "plugin"]);
    let status = cargo.stdout(Stdio::null()).status().context("cannot start cargo")?;
    ensure!(status.success(), "the plugin did not build");
    let file = workspace.target_dir().join("plugin/libhostile_host.so");
    ensure!(file.is_file(), "cargo built no {}", file.display());
    Ok(file)
}

/// Refuses a QEMU whose plugins cannot play a host, and says how to get one that can.
pub fn check_qemu(qemu: &Path) -> Result<()> {
    let output = Command::new(qemu).arg("--version").output();
    let output = output.with_context(|| format!("cannot start {}", qemu.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = version(&text).context("QEMU does not tell its version")?;
    if version < OLDEST_QEMU {
        bail!(
            "a simulated TDX host needs QEMU 11.1 or later, here is {}.{}; run: make setup (Debian: qemu-system-x86 \
             from the backports suite), or name one in NACRE_QEMU",
            version.0,
            version.1
        );
    }
    Ok(())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (_, rest) = text.split_once("version ")?;
    let mut numbers = rest.split(['.', ' ', '(', '\n']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("QEMU emulator version 11.1.3 (Debian 1:11.1.3)"), Some((11, 1)));
        assert_eq!(version("QEMU emulator version 7.2.22\n"), Some((7, 2)));
        assert_eq!(version("something else"), None);
    }

    #[test]
    fn attacks_need_the_simulation() {
        let args = CvmArgs { scenario: Some("/s.toml".into()), ..CvmArgs::default() };
        let text = Machine::new("/k").map(|mut machine| args.apply(&mut machine));
        assert!(text.is_ok_and(|result| result.is_err()));
        assert!(!has_tdx(Path::new("/no/such/file")));
    }

    #[test]
    fn arguments() {
        let host = Host {
            plugin: "/t/p.so".into(),
            scenario: Some("/a,b.toml".into()),
            seed: 3,
            more: vec!["attributes=0x1".to_owned()],
            ..Host::default()
        };
        let line = host.argument(Path::new("/k"), "256M", Path::new("/m"));
        assert_eq!(
            line,
            "/t/p.so,mode=tdx,guest=nacre,kernel=/k,scenario=/a,,b.toml,seed=3,run=0,attributes=0x1"
        );

        let words = memory_arguments("256M", Path::new("/r")).join(" ");
        assert!(words.contains("size=268435456,offset=0,mem-path=/r,share=on"));
        assert!(words.contains("addr=0x800000000000") && !words.contains("shared1"));
        let words = memory_arguments("4G", Path::new("/r")).join(" ");
        assert!(words.contains("offset=2147483648") && words.contains("addr=0x800100000000"));
    }
}
