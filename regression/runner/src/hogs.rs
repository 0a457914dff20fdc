// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The suite `exhaustion` on machines of several sizes, as one table.
//!
//! What a hog can get, where memory ends and what the killer takes depend on the machine, so each test runs on each of
//! them. Results are kept in `target/regression/hogs.json`, so that a table can be made piece by piece.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use osdk::workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::kernel::{Kernel, Kind};
use crate::programs::Programs;
use crate::report::{Outcome, Verdict};
use crate::session::{Context, Work};

/// The suite whose tests take all there is of something.
const SUITE: &str = "exhaustion";

/// How long a guest may be silent: the largest fills its memory by a translator.
const PATIENCE: Duration = Duration::from_secs(200);

#[derive(Args)]
pub(crate) struct HogsArgs {
    /// Whose kernel to run.
    #[arg(long, value_enum, default_value = "nacre")]
    kernel: Kind,
    /// The kernel's file, instead of the built or unpacked one.
    #[arg(long, value_name = "FILE")]
    kernel_file: Option<PathBuf>,
    /// Sizes of memory in MiB.
    #[arg(long, value_name = "MIB", value_delimiter = ',', default_values_t = [128, 512, 2048])]
    mem: Vec<u32>,
    /// Numbers of CPUs.
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 2])]
    smp: Vec<u32>,
    /// Run only tests whose name contains this; may be given more than once.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Run nothing: print what was kept.
    #[arg(long)]
    table: bool,
}

/// What came of a test on one machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cell {
    seconds: f64,
    /// Why it failed, if it did.
    failure: Option<String>,
}

/// Results by test, then by machine (MiB, CPUs).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Table(BTreeMap<String, BTreeMap<String, Cell>>);

/// Runs the tests on each machine and prints the table; how many failed.
pub(crate) fn run(workspace: &Workspace, args: &HogsArgs, logs: PathBuf) -> Result<usize> {
    let file = workspace.target_dir().join(format!("regression/hogs-{}.json", args.kernel.name()));
    let mut table = Table::load(&file);
    if !args.table {
        let programs = Programs::build(workspace)?;
        let kernel = Kernel::get(args.kernel, args.kernel_file.clone(), workspace)?;
        for (mem_mib, smp) in machines(args) {
            let context = Context {
                kernel: &kernel,
                programs: &programs,
                smp,
                mem_mib,
                logs: logs.clone(),
                patience: PATIENCE,
                append: "",
            };
            let outcomes = context.run(0, work(&programs, &args.only)?);
            outcomes.iter().for_each(|outcome| table.take(mem_mib, smp, outcome));
            table.keep(&file)?;
        }
    }
    print!("{}", table.text());
    let (passed, failed) = table.counts();
    println!("{passed} passed, {failed} failed");
    Ok(failed)
}

fn machines(args: &HogsArgs) -> impl Iterator<Item = (u32, u32)> {
    args.mem.iter().flat_map(|mem| args.smp.iter().map(|smp| (*mem, *smp)))
}

/// The tests that are asked for.
fn work<'a>(programs: &'a Programs, only: &[String]) -> Result<Vec<Work<'a>>> {
    let suite = programs.suites.iter().find(|suite| suite.name == SUITE);
    let suite = suite.with_context(|| format!("no suite {SUITE}"))?;
    let is_wanted = |test: &&String| only.is_empty() || only.iter().any(|text| test.contains(text));
    let tests: Vec<_> = suite.tests.iter().filter(is_wanted).cloned().collect();
    ensure!(!tests.is_empty(), "no test is chosen");
    Ok(vec![Work { suite, tests }])
}

/// A machine as the table's head has it; sorts by memory, then CPUs.
fn machine(mem_mib: u32, smp: u32) -> String {
    let cpus = if smp == 1 { "CPU" } else { "CPUs" };
    format!("{mem_mib:>4} MiB, {smp} {cpus}")
}

impl Table {
    fn load(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn keep(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_string(self)?).with_context(|| file.display().to_string())
    }

    fn take(&mut self, mem_mib: u32, smp: u32, outcome: &Outcome) {
        let failure = match &outcome.verdict {
            Verdict::Passed => None,
            Verdict::Failed(why) => Some(why.clone()),
            Verdict::Skipped(_) => return,
        };
        let cell = Cell { seconds: outcome.time.as_secs_f64(), failure };
        let row = self.0.entry(outcome.test.clone()).or_default();
        row.insert(machine(mem_mib, smp), cell);
    }

    /// How many results passed and failed.
    fn counts(&self) -> (usize, usize) {
        let cells = || self.0.values().flat_map(BTreeMap::values);
        let failed = cells().filter(|cell| cell.failure.is_some()).count();
        (cells().count() - failed, failed)
    }

    /// A row per test, a column per machine with the seconds it took, and the failures below.
    fn text(&self) -> String {
        let mut machines: Vec<_> = self.0.values().flat_map(BTreeMap::keys).collect();
        machines.sort_unstable();
        machines.dedup();
        let mut text = String::from("| test |");
        for machine in &machines {
            let _ = write!(text, " {} |", machine.trim());
        }
        let _ = writeln!(text, "\n|---|{}", "---:|".repeat(machines.len()));
        let mut failures = String::new();
        for (test, row) in &self.0 {
            let _ = write!(text, "| `{test}` |");
            for machine in &machines {
                let cell = row.get(*machine);
                let shown = cell.map_or_else(|| "–".to_owned(), shown);
                let _ = write!(text, " {shown} |");
                if let Some(why) = cell.and_then(|cell| cell.failure.as_ref()) {
                    let _ = writeln!(failures, "{test}, {}: {why}", machine.trim());
                }
            }
            text.push('\n');
        }
        text + &failures
    }
}

fn shown(cell: &Cell) -> String {
    let mark = if cell.failure.is_some() { "**failed** " } else { "" };
    format!("{mark}{:.1} s", cell.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_stand_by_size() {
        let outcome = |verdict| Outcome {
            suite: SUITE.to_owned(),
            test: "hog".to_owned(),
            verdict,
            time: Duration::from_millis(1500),
        };
        let mut table = Table::default();
        table.take(2048, 1, &outcome(Verdict::Passed));
        table.take(128, 2, &outcome(Verdict::Failed("kernel stop: x".to_owned())));
        table.take(512, 1, &outcome(Verdict::Skipped("not here".to_owned())));
        assert_eq!(table.counts(), (1, 1));
        let expected = "| test | 128 MiB, 2 CPUs | 2048 MiB, 1 CPU |\n|---|---:|---:|\n\
                        | `hog` | **failed** 1.5 s | 1.5 s |\nhog, 128 MiB, 2 CPUs: kernel stop: x\n";
        assert_eq!(table.text(), expected);
    }
}
