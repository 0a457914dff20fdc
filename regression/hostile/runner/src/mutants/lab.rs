// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Lab`]: asks the witnesses, first about the whole kernel, then about each mutation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use hostile_format::Guest;
use osdk::workspace::Workspace;

use super::mutation::{Mutation, Witness};
use super::tree::{Kind, Tree};
use crate::RunArgs;
use crate::guest::Kit;
use crate::matrix::Entry;
use crate::suite::{self, Attack};

/// A hang counts only behind this many times what the scenario takes with the whole kernel, and this many seconds.
const PATIENCE: f64 = 6.0;
const LEAST_PATIENCE: u64 = 12;
/// What a test in the guest may be expected to take.
const GUEST_SECONDS: f64 = 20.0;

/// What the runs share.
pub(super) struct Lab<'a> {
    workspace: &'a Workspace,
    tree: &'a Tree,
    /// With the kernel of the next run.
    kit: Kit,
    attacks: BTreeMap<String, Attack>,
    /// The witnesses that pass with the whole kernel, and what a run took.
    seconds: BTreeMap<Witness, f64>,
    is_verbose: bool,
}

/// What a witness says of a kernel.
enum Testimony {
    Passes(String),
    Fails(String),
}

impl<'a> Lab<'a> {
    /// A lab with the kernel as it is.
    pub(super) fn new(workspace: &'a Workspace, tree: &'a Tree, is_verbose: bool) -> Result<Self> {
        let kit = Kit::prepare(workspace, Guest::Nacre, Some(tree.build(Kind::Shipped)?))?;
        let attacks = suite::load(workspace)?.into_iter();
        let attacks = attacks.map(|attack| (attack.name.clone(), attack)).collect();
        Ok(Self { workspace, tree, kit, attacks, seconds: BTreeMap::new(), is_verbose })
    }

    /// Asks the witnesses about the kernel as it is: they must pass.
    pub(super) fn run_whole(&mut self, mutations: &[Mutation]) -> Result<()> {
        for Mutation { witness, .. } in mutations {
            if self.seconds.contains_key(witness) {
                continue;
            }
            let begun = Instant::now();
            let (mark, said) = match self.ask(witness, None)? {
                Testimony::Passes(said) => {
                    self.seconds.insert(witness.clone(), begun.elapsed().as_secs_f64());
                    ("whole ", said)
                }
                Testimony::Fails(said) => ("FAILS ", said),
            };
            println!("{mark} {} {:.1} s, {said}", witness.shown(), begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Asks the witness of a mutation that is made in the tree; says how it failed.
    pub(super) fn run_mutant(&mut self, mutation: &Mutation) -> Result<String> {
        let witness = &mutation.witness;
        let shown = witness.shown();
        let seconds = self.seconds.get(witness);
        let seconds = *seconds.with_context(|| format!("{shown} fails without it"))?;
        if !matches!(witness, Witness::Unit(..) | Witness::Guest(_)) {
            self.kit.kernel = self.tree.build(Kind::Shipped)?;
        }
        match self.ask(witness, Some(seconds))? {
            Testimony::Passes(said) => bail!("{shown} passes all the same ({said})"),
            Testimony::Fails(said) if said.contains(&mutation.notices) => {
                Ok(format!("{shown} says {}", clip(&said, &mutation.notices)))
            }
            Testimony::Fails(said) => bail!("{shown} fails, but for another reason: {said}"),
        }
    }

    /// Asks a witness; `seconds` is what it takes with the whole kernel.
    fn ask(&self, witness: &Witness, seconds: Option<f64>) -> Result<Testimony> {
        match witness {
            Witness::Scenario(name, run) => self.attack(name, *run, seconds),
            Witness::Program(name) => self.program(name),
            Witness::Guest(test) => self.guest(test, seconds),
            Witness::Unit(unit) => Ok(match self.tree.test(unit)? {
                None => Testimony::Passes("ok".to_owned()),
                Some(text) => Testimony::Fails(text),
            }),
        }
    }

    fn attack(&self, name: &str, run: Option<u32>, seconds: Option<f64>) -> Result<Testimony> {
        let attack = self.attacks.get(name);
        let mut attack = attack.with_context(|| format!("no scenario {name}"))?.clone();
        if let Some(seconds) = seconds {
            attack.scenario.timeout = attack.scenario.timeout.min(patience(seconds));
        }
        let entry = crate::one(&self.kit, &attack, &RunArgs::only(name, run, self.is_verbose));
        let said = said(&entry);
        if entry.is_safe {
            return Ok(Testimony::Passes(said));
        }
        ensure!(entry.kind != "no verdict" && entry.kind != "no attack", "{name} says {said}");
        Ok(Testimony::Fails(said))
    }

    /// Runs a test in the guest.
    fn guest(&self, test: &str, seconds: Option<f64>) -> Result<Testimony> {
        let kernel = self.tree.build(Kind::WithTests)?;
        let limit = Duration::from_secs(patience(seconds.unwrap_or(GUEST_SECONDS)));
        let failure = osdk::test::failure(&kernel, test, limit)?;
        Ok(failure.map_or_else(|| Testimony::Passes("ok".to_owned()), Testimony::Fails))
    }

    /// Runs a program of the regression suites.
    fn program(&self, name: &str) -> Result<Testimony> {
        let mut cargo = self.workspace.cargo();
        cargo.args(["run", "--quiet", "--package", "regression", "--", "test", "--smp", "2"]);
        cargo.args(["--patience", "30", "--only", name, "--kernel-file"]).arg(&self.kit.kernel);
        let output = cargo.output().context("cannot start cargo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = text.lines().next_back().unwrap_or_default();
        ensure!(!last.starts_with("0 passed, 0 failed"), "no program is {name}");
        if output.status.success() {
            return Ok(Testimony::Passes(last.to_owned()));
        }
        Ok(Testimony::Fails(text))
    }
}

/// Seconds behind which a run hangs that took `seconds` with the whole kernel.
fn patience(seconds: f64) -> u64 {
    ((seconds * PATIENCE) as u64).max(LEAST_PATIENCE)
}

/// The verdict in one line.
fn said(entry: &Entry) -> String {
    match entry.summary.strip_prefix(&entry.kind) {
        Some(_) => entry.summary.clone(),
        None => format!("{}: {}", entry.kind, entry.summary),
    }
}

/// The line with what was to be noticed.
fn clip<'a>(said: &'a str, notices: &str) -> &'a str {
    said.lines().find(|line| line.contains(notices)).unwrap_or(said).trim()
}
