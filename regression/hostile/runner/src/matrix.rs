// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The matrix: what came of each scenario, on Nacre and on Linux, as JSON.
//!
//! Each guest's results are kept in the target folder, so that a run on one guest is shown beside the last run on the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use hostile_format::Guest;
use osdk::workspace::Workspace;

use crate::evidence::{Evidence, HostExits};
use crate::judge::Verdict;
use crate::suite::{self, Attack};

/// What came of one scenario on one guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The scenario.
    pub(crate) name: String,
    /// Whether it is as it must be.
    pub(crate) is_safe: bool,
    /// A word or two.
    pub(crate) kind: String,
    /// One line.
    pub(crate) summary: String,
    /// How often the host lied or struck.
    pub(crate) fired: u64,
    /// The first lies.
    pub(crate) firings: Vec<String>,
    /// What oracles saw.
    pub(crate) violations: BTreeMap<String, u64>,
    /// What the console says of it.
    #[serde(default)]
    pub(crate) said: Vec<String>,
    /// Host exits, if they were counted.
    pub(crate) exits: Option<HostExits>,
    /// How many runs.
    pub(crate) runs: u32,
    /// Time of all runs.
    pub(crate) seconds: f64,
    /// The command that does it again.
    pub(crate) command: String,
}

impl Entry {
    /// Nothing yet.
    pub(crate) fn new(attack: &Attack, guest: Guest) -> Self {
        Self {
            name: attack.name.clone(),
            is_safe: false,
            kind: String::new(),
            summary: String::new(),
            fired: 0,
            firings: Vec::new(),
            violations: BTreeMap::new(),
            said: Vec::new(),
            exits: None,
            runs: 0,
            seconds: 0.0,
            command: command(&attack.name, guest),
        }
    }

    /// Adds what a run left behind.
    pub(crate) fn add(&mut self, evidence: &Evidence) {
        self.fired += evidence.fired;
        self.firings.extend(evidence.firings.iter().cloned());
        self.firings.truncate(4);
        for (kind, times) in &evidence.violations {
            *self.violations.entry(kind.clone()).or_default() += times;
        }
        self.said = evidence.said();
        self.exits = evidence.exits();
        self.runs += 1;
        self.seconds += evidence.time.as_secs_f64();
    }

    /// Takes a run's verdict; the last one given counts.
    pub(crate) fn settle(&mut self, verdict: Verdict, run: u32, seed: u64) {
        if !verdict.is_safe {
            self.command += &format!(" --run {run} --seed {}", seed - u64::from(run));
        }
        self.is_safe = verdict.is_safe;
        self.kind = verdict.kind.to_owned();
        self.summary = verdict.text;
    }
}

fn command(name: &str, guest: Guest) -> String {
    let guest = if guest == Guest::Linux { " --guest linux" } else { "" };
    format!("cargo run -p hostile -- --verbose{guest} --name {name}")
}

/// A scenario with what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// File name without its ending.
    pub(crate) name: String,
    /// Row of the attack matrix.
    pub(crate) row: u8,
    /// What is attacked.
    pub(crate) title: String,
    /// What the host does.
    pub(crate) host: String,
    /// What is safe, as words.
    pub(crate) expected: String,
    /// On this project's kernel.
    pub(crate) nacre: Option<Entry>,
    /// On stock Linux.
    pub(crate) linux: Option<Entry>,
    /// Why it does not apply to Linux, if so.
    #[serde(default)]
    pub(crate) not_linux: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Matrix {
    /// The commit that was tested.
    pub(crate) commit: String,
    /// The scenarios.
    pub(crate) rows: Vec<Row>,
}

impl Matrix {
    fn load(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("matrix.json")).ok();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Names of the scenarios that there are results of.
    pub(crate) fn known(workspace: &Workspace, guest: Guest) -> Vec<String> {
        let rows = Self::load(&workspace.target_dir().join("hostile")).rows.into_iter();
        let has = |row: &Row| match guest {
            Guest::Nacre => row.nacre.is_some(),
            Guest::Linux => row.linux.is_some(),
        };
        rows.filter(has).map(|row| row.name).collect()
    }

    /// Puts `entries` beside what is known already, and writes `matrix.json`.
    pub(crate) fn merge(
        workspace: &Workspace,
        folder: &Path,
        guest: Guest,
        entries: Vec<Entry>,
    ) -> Result<Self> {
        let file = folder.join("matrix.json");
        let old = Self::load(folder);
        let mut known: BTreeMap<String, Row> =
            old.rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        let mut fresh: BTreeMap<String, Entry> =
            entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        let rows = suite::load(workspace)?.into_iter().map(|attack| {
            let old = known.remove(&attack.name);
            let (mut nacre, mut linux) = old.map_or((None, None), |row| (row.nacre, row.linux));
            if let Some(entry) = fresh.remove(&attack.name) {
                match guest {
                    Guest::Nacre => nacre = Some(entry),
                    Guest::Linux => linux = Some(entry),
                }
            }
            row(attack, nacre, linux)
        });
        let matrix = Self { commit: commit(workspace), rows: rows.collect() };
        let text = serde_json::to_string_pretty(&matrix)?;
        std::fs::write(&file, text + "\n").with_context(|| file.display().to_string())?;
        Ok(matrix)
    }
}

fn row(attack: Attack, nacre: Option<Entry>, linux: Option<Entry>) -> Row {
    let scenario = attack.scenario;
    let is_for_linux = scenario.guests.contains(&Guest::Linux);
    let not_linux = (!is_for_linux).then(|| scenario.not_linux.unwrap_or_default());
    let words: Vec<_> =
        scenario.expect.any.iter().map(|any| format!("{any:?}").to_lowercase()).collect();
    Row {
        name: attack.name,
        row: scenario.row,
        title: scenario.title,
        host: scenario.host,
        expected: words.join(" or "),
        nacre,
        linux: linux.filter(|_| not_linux.is_none()),
        not_linux,
    }
}

fn commit(workspace: &Workspace) -> String {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(workspace.root())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
