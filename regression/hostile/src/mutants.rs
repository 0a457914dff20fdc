// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Breaks one check of the kernel at a time and sees that the named scenario notices.
//!
//! A file of `regression/mutations` is one mutation: pieces of text to replace, each of which must be there exactly once, and
//! the scenario that must fail with it. Each is built in a clone of the checkout's last commit.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde::Deserialize;

use osdk::workspace::Workspace;

/// Options of `hostile mutants`.
#[derive(Args, Clone, Debug)]
pub(crate) struct MutantsArgs {
    /// Only mutations whose name has this in it; may be given several times.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Only see that each mutation can be applied.
    #[arg(long)]
    dry_run: bool,
}

/// A mutation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutation {
    /// What is broken.
    title: String,
    /// The scenario that must fail.
    scenario: String,
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
    let scratch = workspace.target_dir().join("mutants");
    let tree = scratch.join("tree");
    make_tree(workspace, &tree)?;
    let (mut good, mut bad) = (0, 0);
    for (name, mutation) in &mutations {
        let verdict = if args.dry_run {
            apply(&tree, mutation).map(|()| "applies".to_owned())
        } else {
            one(workspace, &scratch, &tree, mutation)
        };
        restore(&tree)?;
        match verdict {
            Ok(text) => {
                good += 1;
                println!("ok     {name:<28} {}: {text}", mutation.title);
            }
            Err(error) => {
                bad += 1;
                println!("FAILED {name:<28} {}: {error:#}", mutation.title);
            }
        }
    }
    println!("{good} passed, {bad} failed");
    Ok(ExitCode::from(u8::from(bad > 0)))
}

fn one(workspace: &Workspace, scratch: &Path, tree: &Path, mutation: &Mutation) -> Result<String> {
    apply(tree, mutation)?;
    let target = scratch.join("target");
    let mut build = Command::new("cargo");
    build.args([
        "run",
        "--quiet",
        "--package",
        "osdk",
        "--bin",
        "cargo-osdk",
        "--",
        "build",
        "--quiet",
    ]);
    build.current_dir(tree).env("CARGO_TARGET_DIR", &target);
    // Only what changed is built again.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    build.env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true");
    let output = build.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "it did not build");
    let kernel = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    // The kernel of the mutant, the host of this checkout.
    let mut attack = Command::new(std::env::current_exe()?);
    attack.arg("--name").arg(&mutation.scenario).arg("--kernel").arg(&kernel);
    attack.current_dir(workspace.root()).env("NACRE_MUTANT", "1");
    let output = attack.output().context("cannot start the runner")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.contains(&mutation.scenario)).unwrap_or("").trim();
    match output.status.code() {
        Some(1) if line.contains("no verdict") || line.contains("the run itself failed") => {
            Err(anyhow!("no verdict: {line}"))
        }
        Some(1) => Ok(format!("noticed ({})", line.split_once("s  ").map_or(line, |(_, end)| end))),
        Some(0) => Err(anyhow!("{} passes all the same", mutation.scenario)),
        _ => Err(anyhow!("the runner failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn apply(tree: &Path, mutation: &Mutation) -> Result<()> {
    for change in &mutation.change {
        let file = tree.join(&change.file);
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let found = text.matches(&change.from).count();
        let shown = change.file.display();
        ensure!(found == 1, "{shown} has the text to replace {found} times: {:?}", change.from);
        std::fs::write(&file, text.replacen(&change.from, &change.to, 1))?;
    }
    Ok(())
}

fn make_tree(workspace: &Workspace, tree: &Path) -> Result<()> {
    if tree.exists() {
        std::fs::remove_dir_all(tree).with_context(|| tree.display().to_string())?;
    }
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--shared"]).arg(workspace.root()).arg(tree);
    ensure!(clone.status().context("cannot start git")?.success(), "git clone failed");
    Ok(())
}

fn restore(tree: &Path) -> Result<()> {
    let mut checkout = Command::new("git");
    checkout.args(["checkout", "--quiet", "--", "."]).current_dir(tree);
    ensure!(checkout.status()?.success(), "git checkout failed");
    Ok(())
}

fn load(workspace: &Workspace) -> Result<Vec<(String, Mutation)>> {
    let folder = workspace.root().join("regression/mutations");
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
    use crate::suite;

    #[test]
    fn mutations_fit_the_source_and_name_scenarios() {
        let workspace = Workspace::find().unwrap();
        let names: Vec<_> =
            suite::load(&workspace).unwrap().into_iter().map(|attack| attack.name).collect();
        for (name, mutation) in load(&workspace).unwrap() {
            assert!(names.contains(&mutation.scenario), "{name}: no {}", mutation.scenario);
            for change in &mutation.change {
                let text = std::fs::read_to_string(workspace.root().join(&change.file)).unwrap();
                let found = text.matches(&change.from).count();
                assert_eq!(found, 1, "{name}: {} in {}", change.from, change.file.display());
            }
        }
    }
}
