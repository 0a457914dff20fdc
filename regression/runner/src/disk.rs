// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a disk costs in a confidential VM: the same requests on a plain machine and in a TD.
//!
//! The simulated host counts exits and, in runs of their own, instructions; these depend on a busy machine only through what
//! the guest does while it waits, so the median of three runs is shown. Throughput is wall time: several runs of either kind
//! in turns, so that a load that comes and goes hits both.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use osdk::cvm::{self, Host, Kind};
use osdk::guest::{Console, Guest};
use osdk::initramfs;
use osdk::machine::{ConsolePort, Machine, find_qemu};
use osdk::workspace::Workspace;
use serde_json::Value;

const DISK_BYTES: u64 = 32 << 20;
/// Runs in which is counted.
const COUNTED: usize = 3;
const PATIENCE: Duration = Duration::from_secs(180);
/// The row in which nothing is done: what counting itself costs.
const NOTHING: &str = "none";
/// Exits by what the plugin calls them; the first are all.
const EXITS: [&str; 4] = ["", "mmio", "hlt", "msr"];

/// What a run said of one row.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    requests: f64,
    mib_per_second: f64,
    /// Counts of the plugin between the marks.
    counts: BTreeMap<String, f64>,
}

type Rows = BTreeMap<String, Row>;

struct Bench {
    kernel: PathBuf,
    plugin: PathBuf,
    folder: tempfile::TempDir,
}

/// Runs all and gives a page of Markdown tables.
pub(crate) fn run(workspace: &Workspace, kernel: PathBuf, runs: usize) -> Result<String> {
    cvm::check_qemu(&find_qemu()?)?;
    let folder = tempfile::Builder::new().prefix("nacre-bench-").tempdir()?;
    let bench = Bench { kernel, plugin: cvm::plugin(workspace)?, folder };
    bench.prepare(workspace)?;
    let load = || fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut text = String::new();
    count_table(&mut text, &bench.turns(COUNTED, true)?)?;
    let before = load();
    time_table(&mut text, &bench.turns(runs.max(1), false)?)?;
    writeln!(text, "\nLoad before: {}, after: {}, this included.", before.trim(), load().trim())?;
    Ok(text)
}

impl Bench {
    fn prepare(&self, workspace: &Workspace) -> Result<()> {
        let program = self.folder.path().join("disk-bench");
        let mut cc = Command::new("cc");
        cc.args(["-static", "-O2", "-g0", "-std=gnu11", "-o"]).arg(&program);
        let status = cc.arg(workspace.root().join("benchmark/disk/disk.c")).status()?;
        ensure!(status.success(), "benchmark/disk/disk.c did not compile");
        let archive = initramfs::base_with_init(&fs::read(program)?)?;
        fs::write(self.folder.path().join("initramfs"), archive.finish()?)?;
        let disk = fs::File::create(self.folder.path().join("disk"))?;
        disk.set_len(DISK_BYTES).context("no room for a disk")
    }

    /// So many runs of either kind, in turns.
    fn turns(&self, runs: usize, is_counted: bool) -> Result<[Vec<Rows>; 2]> {
        let mut all = [Vec::new(), Vec::new()];
        for number in 1..=runs {
            eprintln!("{} run {number} of {runs}", if is_counted { "counted" } else { "timed" });
            for (kind, rows) in [Kind::Plain, Kind::Tdx].into_iter().zip(&mut all) {
                rows.push(self.boot(kind, is_counted)?);
            }
        }
        Ok(all)
    }

    /// Boots once and reads what it said.
    fn boot(&self, kind: Kind, is_counted: bool) -> Result<Rows> {
        let at = |name: &str| self.folder.path().join(name);
        let (console, events) = (at("console"), at("events"));
        let mut machine = Machine::new(&self.kernel)?;
        machine.initramfs = Some(at("initramfs"));
        machine.console = format!("file,path={}", console.display());
        machine.disks = vec![at("disk")];
        machine.append("quiet");
        let counting = if is_counted { "on" } else { "off" };
        if kind == Kind::Tdx {
            machine.append(&cvm::words());
            machine.use_console(ConsolePort::Virtio);
            machine.cvm = Some(Host {
                plugin: self.plugin.clone(),
                events: Some(events.clone()),
                seed: 1,
                more: vec![format!("instructions={counting}")],
                ..Host::default()
            });
        } else if is_counted {
            let words = format!(
                "{},mode=observe,instructions=on,events={}",
                self.plugin.display(),
                events.display()
            );
            machine.extra.extend(["-plugin", &words].map(Into::into));
        }
        let ending = Guest::start(&machine, Console::Elsewhere)?.wait(Some(PATIENCE), |_| {})?;
        let said = fs::read_to_string(&console).unwrap_or_default();
        ensure!(said.contains("done"), "the benchmark did not end ({ending:?}):\n{said}");
        let mut rows = times(&said)?;
        if is_counted {
            add_counts(&mut rows, &fs::read_to_string(&events)?)?;
        }
        Ok(rows)
    }
}

/// Reads the lines `row NAME: REQUESTS BYTES NANOSECONDS`.
fn times(said: &str) -> Result<Rows> {
    let mut rows = Rows::new();
    for line in said.lines().filter_map(|line| line.trim().strip_prefix("row ")) {
        let (name, numbers) = line.split_once(": ").with_context(|| line.to_owned())?;
        let numbers: Vec<f64> = numbers.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [requests, bytes, ns] = numbers[..] else { bail!("{line}") };
        let mib_per_second = requests * bytes / f64::from(1 << 20) / (ns / 1e9);
        rows.insert(name.to_owned(), Row { requests, mib_per_second, ..Row::default() });
    }
    ensure!(rows.len() > 1, "no rows:\n{said}");
    Ok(rows)
}

/// Adds what the plugin counted between the mark of a row and the next one.
fn add_counts(rows: &mut Rows, events: &str) -> Result<()> {
    let mut begin: Option<(String, BTreeMap<String, f64>)> = None;
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        if event.get("event").and_then(Value::as_str) != Some("mark") {
            continue;
        }
        let mut counts = BTreeMap::new();
        for (kind, count) in event.get("counts").and_then(Value::as_object).into_iter().flatten() {
            counts.insert(kind.clone(), count.as_f64().unwrap_or(0.0));
        }
        let instructions = event.get("instructions").and_then(Value::as_f64).unwrap_or(0.0);
        counts.insert("instructions".to_owned(), instructions);
        let name = event.get("name").and_then(Value::as_str).unwrap_or_default();
        match begin.take() {
            Some((row, before)) => {
                let row = rows.get_mut(&row).with_context(|| format!("no row {row}"))?;
                let since = |(kind, count): (String, f64)| {
                    let before = before.get(&kind).copied().unwrap_or(0.0);
                    (kind, count - before)
                };
                row.counts = counts.into_iter().map(since).collect();
            }
            None => begin = Some((name.to_owned(), counts)),
        }
    }
    Ok(())
}

/// The rows that mean something, in the order of the program.
fn names() -> impl Iterator<Item = String> {
    let sizes = ["4 KiB", "128 KiB", "1 MiB"];
    ["read", "write"].into_iter().flat_map(move |what| sizes.map(|size| format!("{what} {size}")))
}

/// One count of a row for each request, less what the empty row has: the median of the runs.
fn each(runs: &[Rows], name: &str, belongs: impl Fn(&str) -> bool) -> Result<f64> {
    let mut found = Vec::new();
    for rows in runs {
        let sum = |name: &str| -> Result<(f64, f64)> {
            let row = rows.get(name).with_context(|| format!("no row {name}"))?;
            let counts = row.counts.iter().filter(|(kind, _)| belongs(kind));
            Ok((counts.map(|(_, count)| count).sum(), row.requests))
        };
        let ((all, requests), (nothing, _)) = (sum(name)?, sum(NOTHING)?);
        found.push((all - nothing) / requests);
    }
    found.sort_by(f64::total_cmp);
    Ok(median(&found))
}

fn count_table(text: &mut String, [plain, tdx]: &[Vec<Rows>; 2]) -> Result<()> {
    *text += "| request | instructions, plain | in a TD | exits in a TD | MMIO | HLT | MSR |\n";
    *text += "|---|---:|---:|---:|---:|---:|---:|\n";
    for name in names() {
        let count = |runs| each(runs, &name, |kind| kind == "instructions");
        write!(text, "| {name} | {:.0} | {:.0} ", count(plain)?, count(tdx)?)?;
        for exit in EXITS {
            let count = each(tdx, &name, |kind| kind.starts_with("vmcall.") && kind.contains(exit));
            write!(text, "| {:.2} ", count?)?;
        }
        writeln!(text, "|")?;
    }
    Ok(())
}

fn time_table(text: &mut String, [plain, tdx]: &[Vec<Rows>; 2]) -> Result<()> {
    text.push_str(
        "\n| request | plain, MiB/s | in a TD, MiB/s | ratio of medians |\n|---|---:|---:|---:|\n",
    );
    for name in names() {
        let speeds = |runs: &[Rows]| -> Vec<f64> {
            let speed = |rows: &Rows| rows.get(&name).map(|row| row.mib_per_second);
            let mut speeds: Vec<_> = runs.iter().filter_map(speed).collect();
            speeds.sort_by(f64::total_cmp);
            speeds
        };
        let (plain, tdx) = (speeds(plain), speeds(tdx));
        let ratio = median(&tdx) / median(&plain);
        writeln!(text, "| {name} | {} | {} | {ratio:.2} |", spread(&plain), spread(&tdx))?;
    }
    Ok(())
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn spread(sorted: &[f64]) -> String {
    let ends = sorted.first().zip(sorted.last()).map_or((0.0, 0.0), |(low, high)| (*low, *high));
    format!("{:.0} ({:.0} to {:.0})", median(sorted), ends.0, ends.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_was_counted_between_its_marks() {
        let said = "boot\nrow none: 0 0 100\nrow read 4 KiB: 10 4096 1000000\ndone\n";
        let mut rows = times(said).unwrap();
        assert_eq!(rows["read 4 KiB"].mib_per_second.round(), 39.0);
        let mark = |name, hlt, instructions| {
            format!(
                "{{\"event\":\"mark\",\"name\":\"{name}\",\"counts\":{{\"vmcall.hlt\":{hlt}}},\
                 \"instructions\":{instructions}}}\n"
            )
        };
        let events = [
            mark("none", 1, 100),
            mark("end", 1, 150),
            "{\"event\":\"other\"}\n".to_owned(),
            mark("read 4 KiB", 2, 1000),
            mark("end", 22, 6050),
        ];
        add_counts(&mut rows, &events.concat()).unwrap();
        let runs = [rows];
        assert_eq!(each(&runs, "read 4 KiB", |kind| kind == "instructions").unwrap(), 500.0);
        assert_eq!(each(&runs, "read 4 KiB", |kind| kind.contains("hlt")).unwrap(), 2.0);
        assert!(each(&runs, "write", |_| true).is_err());
    }

    #[test]
    fn the_median_and_both_ends_are_shown() {
        assert_eq!(spread(&[1.0, 2.0, 9.0]), "2 (1 to 9)");
    }
}
