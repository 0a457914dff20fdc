// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Instruction counts of Nacre beside Linux's: the same program, the same QEMU, `-icount`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use osdk::machine::Clock;

use crate::kernel::Kernel;
use crate::programs::Programs;
use crate::protocol::{Event, parse};
use crate::qemu::{Guest, Launch, Said};

/// Counts by name of what was measured.
pub(crate) type Counts = BTreeMap<String, f64>;

/// What Nacre may need at most, by name.
const LIMITS: [(&str, f64); 5] = [
    ("getppid", 170.0),
    ("write_null", 300.0),
    ("pipe_round_trip", 6_000.0),
    ("fork_exit_wait", 100_000.0),
    ("mmap_touch_page", 2_000.0),
];

/// Runs the microbenchmarks in one guest.
pub(crate) fn run(kernel: &Kernel, programs: &Programs, logs: &Path) -> Result<Counts> {
    Run { name: "bench", plan: "/tests/micro\n", smp: 1 }.start(kernel, programs, logs)
}

/// A guest in which is measured.
pub(crate) struct Run<'a> {
    /// What its logs are called.
    pub(crate) name: &'a str,
    /// What it runs: see [`Programs::initramfs`].
    pub(crate) plan: &'a str,
    /// CPUs.
    pub(crate) smp: u32,
}

impl Run<'_> {
    /// Runs it to its end.
    pub(crate) fn start(
        &self,
        kernel: &Kernel,
        programs: &Programs,
        logs: &Path,
    ) -> Result<Counts> {
        let log = logs.join(format!("{}-{}", self.name, kernel.kind.name()));
        let initramfs = log.with_extension("cpio");
        fs::write(&initramfs, programs.initramfs(self.plan, kernel.kind)?)?;
        let launch = Launch {
            kernel,
            initramfs: &initramfs,
            append: "",
            smp: self.smp,
            mem_mib: 512,
            // Plugins fail where several CPUs run in turns, which -icount makes them do.
            clock: if self.smp > 1 { Clock::Host } else { Clock::InstructionCount },
            log: &log,
        };
        let mut guest = Guest::start(&launch)?;
        let mut counts = Counts::new();
        loop {
            match guest.next(Duration::from_secs(240)) {
                Said::Result(line) => match parse(&line) {
                    Event::Measure(name, _, value) => drop(counts.insert(name, value)),
                    Event::Fail(name, why) => bail!("{name}: {why}; see {}", log.display()),
                    Event::Exit(_, status) if status != 0 => {
                        bail!("the program ended with status {status}; see {}", log.display())
                    }
                    Event::Done => break,
                    _ => {}
                },
                Said::Control(line) if line.starts_with("stop ") => bail!("kernel {line}"),
                Said::Control(_) => {}
                Said::Closed => bail!("the guest ended early; see {}.console", log.display()),
                Said::Nothing => bail!("the guest hangs"),
            }
        }
        guest.finish(Duration::from_secs(20));
        let _ = fs::remove_file(initramfs);
        Ok(counts)
    }
}

/// A Markdown table of both kernels' counts.
pub(crate) fn table(nacre: &Counts, linux: &Counts) -> String {
    let mut text = String::from(
        "| operation | Nacre | Linux 6.12 | ratio | limit |\n|---|---:|---:|---:|---:|\n",
    );
    let names = nacre.keys().chain(linux.keys().filter(|name| !nacre.contains_key(*name)));
    for name in names {
        let cell = |counts: &Counts| counts.get(name).map_or("-".to_owned(), |v| format!("{v:.0}"));
        let ratio = match (nacre.get(name), linux.get(name)) {
            (Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
            _ => "-".to_owned(),
        };
        let limit = limit(name).map_or("-".to_owned(), |v| format!("{v:.0}"));
        let _ =
            writeln!(text, "| {name} | {} | {} | {ratio} | {limit} |", cell(nacre), cell(linux));
    }
    text
}

/// Both kernels' counts as JSON.
pub(crate) fn json(nacre: &Counts, linux: &Counts) -> String {
    let object = |counts: &Counts| {
        let fields: Vec<String> =
            counts.iter().map(|(name, v)| format!("\"{name}\": {v}")).collect();
        format!("{{{}}}", fields.join(", "))
    };
    format!("{{\"nacre\": {}, \"linux\": {}}}\n", object(nacre), object(linux))
}

/// What is over its limit.
pub(crate) fn over_limit(nacre: &Counts) -> Vec<String> {
    let over = LIMITS.iter().filter_map(|(name, limit)| {
        let value = nacre.get(*name)?;
        (value > limit).then(|| format!("{name}: {value:.0}, limit {limit:.0}"))
    });
    over.collect()
}

fn limit(name: &str) -> Option<f64> {
    LIMITS.iter().find(|(known, _)| *known == name).map(|(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_limits() {
        let nacre = Counts::from([("getppid".to_owned(), 171.0), ("stat".to_owned(), 5.0)]);
        let linux = Counts::from([("getppid".to_owned(), 342.0)]);
        let table = table(&nacre, &linux);
        assert!(table.contains("| getppid | 171 | 342 | 0.50 | 170 |"));
        assert!(table.contains("| stat | 5 | - | - | - |"));
        assert_eq!(over_limit(&nacre), ["getppid: 171, limit 170"]);
        assert!(json(&nacre, &linux).contains("\"linux\": {\"getppid\": 342}"));
    }
}
