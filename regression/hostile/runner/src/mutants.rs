// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Breaks one check of the kernel at a time and sees that the named scenario notices.
//!
//! A file of `regression/hostile/mutations` is one mutation: pieces of text to replace, each of which must be there exactly once, the
//! scenario that must fail with it, and how. Each is built in a clone of the checkout's last commit. First the same
//! scenarios must pass with the same build of the whole kernel: so a failure is the mutation's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde::Deserialize;

use hostile_format::Guest;
use osdk::workspace::{KERNEL_TARGET, Workspace};

use crate::RunArgs;
use crate::guest::Kit;
use crate::matrix::Entry;
use crate::suite::{self, Attack};

/// A hang counts only behind this many times what the scenario takes with the whole kernel, and this many seconds.
const PATIENCE: f64 = 6.0;
const LEAST_PATIENCE: u64 = 12;

/// Options of `hostile mutants`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MutantsArgs {
    /// Only mutations whose name has this in it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only see that each mutation can be applied.
    #[arg(long)]
    dry_run: bool,
    /// Print the guest's console and the plugin's events of each run.
    #[arg(long, short)]
    verbose: bool,
}

/// A mutation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    /// What is broken.
    title: String,
    /// The scenario that must fail.
    scenario: String,
    /// Only this run of it, if it has several.
    #[serde(default)]
    run: Option<u32>,
    /// What its verdict must say: a failure for another reason is not the check's.
    notices: String,
    /// What is replaced.
    change: Vec<Change>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: PathBuf,
    from: String,
    to: String,
}

/// Runs the mutations.
pub(crate) fn run(workspace: &Workspace, args: &MutantsArgs) -> Result<ExitCode> {
    let mut mutations = load(workspace)?;
    let is_chosen =
        |name: &str| args.only.is_empty() || args.only.iter().any(|text| name.contains(text));
    mutations.retain(|(name, _)| is_chosen(name));
    ensure!(!mutations.is_empty(), "no mutation is chosen");
    let tree = make_tree(workspace)?;
    let mut lab = if args.dry_run { None } else { Some(Lab::new(workspace, &tree, args.verbose)?) };
    if let Some(lab) = &mut lab {
        lab.run_whole(&mutations)?;
    }
    let (mut good, mut bad) = (0, 0);
    for (name, mutation) in &mutations {
        let verdict = tree.apply(mutation).and_then(|()| match &mut lab {
            Some(lab) => tree.build().and_then(|kernel| lab.run_mutant(kernel, mutation)),
            None => Ok("applies".to_owned()),
        });
        tree.restore()?;
        match verdict {
            Ok(text) => {
                good += 1;
                println!("ok     {name:<22} {}: {text}", mutation.title);
            }
            Err(error) => {
                bad += 1;
                println!("FAILED {name:<22} {}: {error:#}", mutation.title);
            }
        }
    }
    println!("{good} passed, {bad} failed");
    Ok(ExitCode::from(u8::from(bad > 0)))
}

/// What the runs share.
struct Lab {
    /// With the kernel of the next run.
    kit: Kit,
    attacks: BTreeMap<String, Attack>,
    /// What a run of each scenario took with the whole kernel; nothing if it failed.
    seconds: BTreeMap<(String, Option<u32>), f64>,
    is_verbose: bool,
}

impl Lab {
    fn new(workspace: &Workspace, tree: &Tree, is_verbose: bool) -> Result<Self> {
        let kit = Kit::prepare(workspace, Guest::Nacre, Some(tree.build()?))?;
        let attacks = suite::load(workspace)?.into_iter();
        let attacks = attacks.map(|attack| (attack.name.clone(), attack)).collect();
        Ok(Self { kit, attacks, seconds: BTreeMap::new(), is_verbose })
    }

    /// Runs the scenarios with the kernel as it is: they must pass.
    fn run_whole(&mut self, mutations: &[(String, Mutation)]) -> Result<()> {
        for (_, mutation) in mutations {
            let name = &mutation.scenario;
            let attack = self.attacks.get(name).with_context(|| format!("no scenario {name}"))?;
            let key = (name.clone(), mutation.run);
            if self.seconds.contains_key(&key) {
                continue;
            }
            let entry = self.attack(attack, mutation.run);
            println!("whole  {name:<22} {:.1} s, {}", entry.seconds, said(&entry));
            if entry.is_safe {
                self.seconds.insert(key, entry.seconds / f64::from(entry.runs.max(1)));
            }
        }
        Ok(())
    }

    /// Runs the scenario of a mutation with its kernel; says how it failed.
    fn run_mutant(&mut self, kernel: PathBuf, mutation: &Mutation) -> Result<String> {
        let name = &mutation.scenario;
        let key = (name.clone(), mutation.run);
        let seconds = self.seconds.get(&key).with_context(|| format!("{name} fails without it"))?;
        let mut attack = self.attacks.get(name).context("no such scenario")?.clone();
        let patience = ((seconds * PATIENCE) as u64).max(LEAST_PATIENCE);
        attack.scenario.timeout = attack.scenario.timeout.min(patience);
        self.kit.kernel = kernel;
        let entry = self.attack(&attack, mutation.run);
        let said = said(&entry);
        ensure!(!entry.is_safe, "{name} passes all the same ({said})");
        ensure!(entry.kind != "no verdict" && entry.kind != "no attack", "{name} says {said}");
        ensure!(said.contains(&mutation.notices), "{name} fails, but for another reason: {said}");
        Ok(format!("{name} says {said} ({:.1} s)", entry.seconds))
    }

    fn attack(&self, attack: &Attack, run: Option<u32>) -> Entry {
        crate::one(&self.kit, attack, &RunArgs::only(&attack.name, run, self.is_verbose))
    }
}

/// The verdict in one line.
fn said(entry: &Entry) -> String {
    match entry.summary.strip_prefix(&entry.kind) {
        Some(_) => entry.summary.clone(),
        None => format!("{}: {}", entry.kind, entry.summary),
    }
}

/// A clone of the checkout's last commit, kept from one time to the next so that little is built.
struct Tree {
    workspace: Workspace,
    target: PathBuf,
}

fn make_tree(workspace: &Workspace) -> Result<Tree> {
    let scratch = workspace.target_dir().join("mutants");
    let root = scratch.join("tree");
    let from = workspace.root();
    if !root.join(".git").exists() {
        std::fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
        git(from, &["clone", "--quiet", "--shared", ".", &root.display().to_string()])?;
    }
    let head = git(from, &["rev-parse", "HEAD"])?;
    git(&root, &["fetch", "--quiet", &from.display().to_string(), "HEAD"])?;
    git(&root, &["checkout", "--quiet", "--force", "--detach", head.trim()])?;
    git(&root, &["clean", "--quiet", "-d", "--force"])?;
    Ok(Tree { workspace: Workspace::at(root), target: scratch.join("target") })
}

impl Tree {
    /// Builds the kernel: quickly, and the same way with and without a mutation.
    fn build(&self) -> Result<PathBuf> {
        let mut cargo = self.workspace.cargo();
        cargo.args(["build", "--quiet", "--package", "nacre", "--bin", "nacre", "--locked"]);
        cargo.args(["--release", "--target", KERNEL_TARGET, "--target-dir"]).arg(&self.target);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", self.flags()?);
        for setting in ["lto=\"off\"", "codegen-units=16", "incremental=true"] {
            cargo.args(["--config", &format!("profile.release.{setting}")]);
        }
        let output = cargo.output().context("cannot start cargo")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let first = errors.lines().find(|line| line.starts_with("error")).unwrap_or("");
            bail!("it does not build: {first}");
        }
        Ok(self.target.join(KERNEL_TARGET).join("release/nacre"))
    }

    /// The flags of the tree's own configuration. The tree lies inside of a checkout, whose flags Cargo would add to them:
    /// two linker scripts.
    fn flags(&self) -> Result<String> {
        let file = self.workspace.root().join(".cargo/config.toml");
        let config: toml::Table = toml::from_str(&std::fs::read_to_string(&file)?)?;
        let target = config.get("target").and_then(|all| all.get(KERNEL_TARGET));
        let flags = target.and_then(|target| target.get("rustflags")?.as_array());
        let flags = flags.with_context(|| format!("no flags in {}", file.display()))?;
        Ok(flags.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join("\x1f"))
    }

    fn apply(&self, mutation: &Mutation) -> Result<()> {
        for change in &mutation.change {
            let file = self.workspace.root().join(&change.file);
            let text =
                std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            std::fs::write(&file, change.apply(&text)?)?;
        }
        Ok(())
    }

    fn restore(&self) -> Result<()> {
        git(self.workspace.root(), &["checkout", "--quiet", "--", "."]).map(drop)
    }
}

impl Change {
    fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.from).count();
        let shown = self.file.display();
        ensure!(found == 1, "{shown} has the text to replace {found} times: {:?}", self.from);
        Ok(text.replacen(&self.from, &self.to, 1))
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    let output = git.args(args).current_dir(folder).output().context("cannot start git")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", args.join(" "), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn load(workspace: &Workspace) -> Result<Vec<(String, Mutation)>> {
    let folder = workspace.root().join("regression/hostile/mutations");
    let mut mutations = Vec::new();
    for file in folder.read_dir().with_context(|| folder.display().to_string())? {
        let file = file?.path();
        if file.extension().is_some_and(|ending| ending == "toml") {
            let text = std::fs::read_to_string(&file)?;
            let mutation =
                toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", file.display()))?;
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            mutations.push((name, mutation));
        }
    }
    mutations.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(mutations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutations_fit_the_source_and_name_scenarios() {
        let workspace = Workspace::find().unwrap();
        let names: Vec<_> =
            suite::load(&workspace).unwrap().into_iter().map(|attack| attack.name).collect();
        for (name, mutation) in load(&workspace).unwrap() {
            assert!(names.contains(&mutation.scenario), "{name}: no {}", mutation.scenario);
            assert!(!mutation.notices.is_empty(), "{name} notices nothing");
            for change in &mutation.change {
                let text = std::fs::read_to_string(workspace.root().join(&change.file)).unwrap();
                change.apply(&text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
            }
        }
    }

    #[test]
    fn each_oracle_is_seen_to_fire() {
        let workspace = Workspace::find().unwrap();
        let file = workspace.root().join("regression/hostile/host/src/oracle/mod.rs");
        let text = std::fs::read_to_string(file).unwrap();
        let (_, kinds) = text.split_once("const KINDS: [&str; ").unwrap();
        let (kinds, _) = kinds.split_once("];\n").unwrap();
        let kinds: Vec<_> = kinds.split('"').skip(1).step_by(2).collect();
        assert!(kinds.contains(&"double_fetch"), "{kinds:?}");
        let mutations = load(&workspace).unwrap();
        for kind in kinds {
            let wanted = format!("violation: {kind}");
            assert!(mutations.iter().any(|(_, it)| it.notices == wanted), "no mutation for {kind}");
        }
    }

    #[test]
    fn the_table_of_mutations_is_that_of_the_files() {
        let workspace = Workspace::find().unwrap();
        let page = std::fs::read_to_string(workspace.root().join("docs/scenarios.md")).unwrap();
        let (_, rest) = page.split_once("| mutation | what is broken | scenario |").unwrap();
        let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
        let rows: Vec<_> = rows.map(str::to_owned).collect();
        let expected: Vec<_> = load(&workspace)
            .unwrap()
            .into_iter()
            .map(|(name, it)| {
                format!("| `{name}` | {} | `{}`: {} |", it.title, it.scenario, it.notices)
            })
            .collect();
        assert_eq!(rows, expected, "docs/scenarios.md must have these rows");
    }
}
