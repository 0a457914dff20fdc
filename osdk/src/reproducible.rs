// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `cargo osdk reproducible`: two checkouts in folders of different length must build the same kernel.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::kernel::{Build, Verbosity};
use crate::workspace::Workspace;

/// Options of `cargo osdk reproducible`.
#[derive(Args, Clone, Debug)]
pub struct ReproducibleArgs {
    /// Keep the clones, here, instead of removing them
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// Compares two builds; returns the exit status.
pub fn run(workspace: &Workspace, args: &ReproducibleArgs) -> Result<u8> {
    let temporary = tempfile::Builder::new().prefix("nacre-").tempdir()?;
    let folder = args.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&folder)?;
    // A checkout without changes is as good as a clone, and mostly built already.
    let (first, name) = if is_dirty(workspace)? {
        eprintln!("osdk: note: what is not committed is not in the clones");
        (build_clone(workspace, &folder.join("a"), None)?, "a")
    } else {
        (Build { verbosity: Verbosity::Quiet, ..Build::release() }.run(workspace)?, "this checkout")
    };
    let second_home = folder.join("cargo-home-of-the-second");
    mirror_cargo_home(&second_home)?;
    let second =
        build_clone(workspace, &folder.join("second/with/a/longer/path"), Some(&second_home))?;
    let same = fs::read(&first)? == fs::read(&second)?;
    println!("{}  {name}", sha256(&first)?);
    println!("{}  second/with/a/longer/path", sha256(&second)?);
    let (passed, failed) = if same { (1, 0) } else { (0, 1) };
    println!("{passed} passed, {failed} failed");
    Ok(u8::from(!same))
}

fn is_dirty(workspace: &Workspace) -> Result<bool> {
    let output = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(workspace.root())
        .output()
        .context("cannot start git")?;
    Ok(!output.stdout.is_empty())
}

fn build_clone(workspace: &Workspace, to: &Path, home: Option<&Path>) -> Result<PathBuf> {
    let status = Command::new("git")
        .args(["clone", "--quiet", "--no-hardlinks", "--depth", "1"])
        .arg(format!("file://{}", workspace.root().display()))
        .arg(to)
        .stdout(Stdio::null())
        .status()
        .context("cannot start git")?;
    ensure!(status.success(), "git clone failed");
    let mut build = Command::new(env::current_exe()?);
    build.args(["build", "--quiet"]).current_dir(to).env_remove("CARGO_TARGET_DIR");
    if let Some(home) = home {
        build.env("CARGO_HOME", home);
    }
    let output = build.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the build of a clone failed");
    let text = String::from_utf8(output.stdout)?;
    Ok(PathBuf::from(text.lines().last().context("the build named no kernel")?))
}

/// A Cargo home in another place with the same registry.
fn mirror_cargo_home(to: &Path) -> Result<()> {
    let from = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let entry = entry?;
        match symlink(entry.path(), to.join(entry.file_name())) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

fn sha256(file: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(file).output().context("cannot start sha256sum")?;
    let text = String::from_utf8(output.stdout)?;
    match text.split_whitespace().next() {
        Some(sum) => Ok(sum.to_owned()),
        None => bail!("sha256sum said nothing about {}", file.display()),
    }
}
