// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk check`: what must hold of the source before it is built or run.

mod allocations;
mod arrows;
mod assembly;
mod circles;
mod dependencies;
mod errors;
mod forms;
mod inputs;
mod layouts;
mod locks;
mod pages;
mod rules;
mod vendors;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::metadata::Graph;
use crate::workspace::{KERNEL_TARGET, Workspace};

/// Options of `cargo osdk check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Only checks whose name contains this
    filter: Option<String>,
}

type Check = (&'static str, fn(&Workspace) -> Result<Vec<String>>);

/// A workspace of its own, for a crate that only its tests need.
pub(crate) const REFERENCE: &str = "regression/reference/Cargo.toml";

/// Every check: a name and a function that returns what is wrong.
const CHECKS: &[Check] = &[
    ("formatting", |workspace| {
        let mut problems = cargo(workspace, &["fmt", "--all", "--check"])?;
        if !problems.is_empty() {
            problems.push("run: cargo fmt --all".to_owned());
        }
        if !cargo(workspace, &["fmt", "--manifest-path", REFERENCE, "--check"])?.is_empty() {
            problems.push(format!("run: cargo fmt --manifest-path {REFERENCE}"));
        }
        Ok(problems)
    }),
    ("crate arrows", |workspace| Ok(arrows::broken(&Graph::load(workspace)?))),
    ("no circles of files", circles::circles),
    ("assembly in arch and cvm", assembly::elsewhere),
    ("vendors' names in cvm", vendors::elsewhere),
    ("layouts, flag values and numbers in abi", layouts::elsewhere),
    ("forbid(unsafe_code) in crate roots", rules::unsafe_roots),
    ("file sizes", rules::file_sizes),
    ("licence lines", rules::licence_lines),
    ("no marks of a merge", rules::merge_marks),
    ("no unsafe, unwrap, todo or unimplemented in safe crates", rules::safe_crates),
    ("every unsafe site explained", rules::unsafe_explained),
    ("the framework within its budget", rules::framework_budget),
    ("dependencies documented", dependencies::documented),
    ("host inputs listed", inputs::listed),
    ("make targets documented", rules::make_targets),
    ("every crate has a README", pages::crates_without),
    ("pages name paths that exist", pages::dangling),
    ("every file with a lock names its order", locks::ordered),
    ("public results tell their errors", errors::told),
    ("tests in their forms", forms::known),
    ("allocations that cannot fail", allocations::counted),
    ("clippy, build machine", |workspace| {
        cargo(workspace, &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"])
    }),
    ("clippy, kernel", |workspace| {
        let plain = kernel_clippy(workspace, &[])?;
        if plain.is_empty() {
            kernel_clippy(workspace, &["--features", "ktest"])
        } else {
            Ok(plain)
        }
    }),
    ("documentation", |workspace| {
        let mut command = workspace.cargo();
        // The pages are for those who work on the kernel: private items are shown, and may be linked.
        command.env("RUSTDOCFLAGS", "-Dwarnings -Arustdoc::private_intra_doc_links");
        command.args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
        outcome(command)
    }),
];

/// Runs the checks; returns the exit status.
pub fn run(workspace: &Workspace, args: &CheckArgs) -> Result<u8> {
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, check) in CHECKS {
        if args.filter.as_ref().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let begin = Instant::now();
        let problems = check(workspace)?;
        let word = if problems.is_empty() { "ok" } else { "FAILED" };
        println!("check {name} ... {word} ({:.1}s)", begin.elapsed().as_secs_f64());
        for problem in &problems {
            println!("    {problem}");
        }
        if problems.is_empty() { passed += 1 } else { failed.push(*name) }
    }
    print!("\n{}", closing(passed, &failed));
    Ok(u8::from(!failed.is_empty()))
}

/// What is said at the end; the last line is one that `cargo osdk ci` counts.
fn closing(passed: usize, failed: &[&str]) -> String {
    let count = format!("{passed} passed, {} failed\n", failed.len());
    if failed.is_empty() { count } else { format!("failed: {}\n{count}", failed.join(", ")) }
}

fn kernel_clippy(workspace: &Workspace, features: &[&str]) -> Result<Vec<String>> {
    let mut args = vec!["clippy", "--quiet", "--package", "nacre", "--target", KERNEL_TARGET];
    args.extend(features);
    args.extend(["--", "-Dwarnings"]);
    cargo(workspace, &args)
}

fn cargo(workspace: &Workspace, args: &[&str]) -> Result<Vec<String>> {
    let mut command = workspace.cargo();
    command.args(args);
    outcome(command)
}

/// Runs a command whose messages go to the terminal.
fn outcome(mut command: Command) -> Result<Vec<String>> {
    let status = command.status().context("cannot start cargo")?;
    Ok(if status.success() { Vec::new() } else { vec![format!("cargo ended with {status}")] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_checks_are_named_before_the_count() {
        assert_eq!(closing(3, &[]), "3 passed, 0 failed\n");
        let two = closing(1, &["formatting", "documentation"]);
        assert_eq!(two, "failed: formatting, documentation\n1 passed, 2 failed\n");
    }
}
