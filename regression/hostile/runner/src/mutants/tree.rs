// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Tree`]: a clone of the checkout's last commit, in which mutations are made and built.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use osdk::machine::find_qemu;
use osdk::workspace::{KERNEL_TARGET, Workspace};

use super::mutation::{Mutation, Unit};

/// The most seconds that a test on the build machine may take, with building it.
const UNIT_SECONDS: &str = "300";

/// Which kernel is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one that programs run on.
    Shipped,
    /// The one that runs its own tests.
    WithTests,
}

/// A clone of the checkout's last commit, kept from one time to the next so that little is built.
pub(super) struct Tree {
    workspace: Workspace,
    target: PathBuf,
}

impl Tree {
    /// Makes it, or brings it to the last commit.
    pub(super) fn new(workspace: &Workspace) -> Result<Self> {
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
        Ok(Self { workspace: Workspace::at(root), target: scratch.join("target") })
    }

    /// Builds the kernel: quickly, and the same way with and without a mutation.
    pub(super) fn build(&self, kind: Kind) -> Result<PathBuf> {
        let mut cargo = self.workspace.cargo();
        cargo.args(["build", "--quiet", "--package", "nacre", "--bin", "nacre", "--locked"]);
        cargo.args(["--release", "--target", KERNEL_TARGET, "--target-dir"]).arg(&self.target);
        if kind == Kind::WithTests {
            cargo.args(["--features", "ktest"]);
        }
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
        // Cargo puts the next one in its place, of whatever kind.
        let kept = self.target.join(format!("{kind:?}"));
        let built = self.target.join(KERNEL_TARGET).join("release/nacre");
        std::fs::copy(&built, &kept).with_context(|| built.display().to_string())?;
        Ok(kept)
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

    /// Makes the changes of a mutation.
    pub(super) fn apply(&self, mutation: &Mutation) -> Result<()> {
        for change in &mutation.changes {
            let file = self.workspace.root().join(&change.file);
            let text =
                std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            std::fs::write(&file, change.apply(&text)?)?;
        }
        Ok(())
    }

    /// Takes all changes back.
    pub(super) fn restore(&self) -> Result<()> {
        git(self.workspace.root(), &["checkout", "--quiet", "--", "."]).map(drop)
    }

    /// Runs a test of a package; what it printed if it failed.
    pub(super) fn test(&self, Unit { package, test, file }: &Unit) -> Result<Option<String>> {
        let cargo = self.workspace.cargo();
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", UNIT_SECONDS]).arg(cargo.get_program());
        command.args(["test", "--quiet", "--locked", "--package", package]);
        command.arg("--target-dir").arg(self.target.with_file_name("unit"));
        match file {
            Some(file) => command.args(["--test", file, "--", "--ignored"]),
            None => command.args(["--lib", "--"]),
        };
        command.args(["--exact", test]).current_dir(self.workspace.root());
        // The tree has none of its own.
        command.env("NACRE_QEMU", find_qemu()?);
        let output = command.output().context("cannot start cargo")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.code() == Some(124) {
            return Ok(Some("hang".to_owned()));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let why = errors.lines().find(|line| line.starts_with("error")).unwrap_or("");
        ensure!(text.contains("running 1 test\n"), "no one test {test} in {package} runs: {why}");
        Ok((!output.status.success()).then_some(text))
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    let output = git.args(args).current_dir(folder).output().context("cannot start git")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", args.join(" "), errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
