// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where a kernel project and its build products are.
//!
//! The checkout of Nacre is one; `cargo osdk new` makes others. The package of a kernel has a table
//! `[package.metadata.osdk]` in its manifest.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Target triple of the kernel.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";

/// The line of a manifest that makes its package a kernel.
const MARK: &str = "[package.metadata.osdk]";

/// A kernel project.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
    package: String,
    programs: BTreeMap<String, PathBuf>,
    target: PathBuf,
}

impl Workspace {
    /// The kernel project that the current folder belongs to.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().context("no current folder")?;
        for dir in here.ancestors() {
            let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml")) else { continue };
            if manifest.lines().any(|line| line.trim() == MARK) {
                return if is_checkout(dir) { Ok(Self::at(dir)) } else { Self::project(dir) };
            }
        }
        bail!("{} is neither in a checkout of Nacre nor in a kernel project", here.display());
    }

    /// The checkout at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let (package, programs) = ("nacre".to_owned(), BTreeMap::new());
        Self { target: root.join("target"), root, package, programs }
    }

    /// The checkout that this program was built from.
    pub fn checkout() -> Self {
        let osdk = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(osdk.parent().unwrap_or(osdk))
    }

    /// The project in `root`, as Cargo knows it.
    fn project(root: &Path) -> Result<Self> {
        let mut workspace = Self::at(root);
        let output = workspace
            .cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("cannot start cargo")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {errors}");
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        workspace.read(&metadata).with_context(|| {
            format!("{}: {MARK} is not as it should be", root.join("Cargo.toml").display())
        })?;
        Ok(workspace)
    }

    fn read(&mut self, metadata: &Value) -> Option<()> {
        let manifest = self.root.join("Cargo.toml");
        let is_ours = |package: &&Value| {
            let path = package.get("manifest_path").and_then(Value::as_str);
            path.is_some_and(|path| Path::new(path) == manifest)
        };
        let package = metadata.get("packages")?.as_array()?.iter().find(is_ours)?;
        package.get("name")?.as_str()?.clone_into(&mut self.package);
        self.target = metadata.get("target_directory")?.as_str()?.into();
        let Some(programs) = package.get("metadata")?.get("osdk")?.get("programs") else {
            return Some(());
        };
        for (place, source) in programs.as_object()? {
            self.programs.insert(place.clone(), self.root.join(source.as_str()?));
        }
        Some(())
    }

    /// Top folder of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is a checkout of Nacre, not a project made with it.
    pub fn is_checkout(&self) -> bool {
        is_checkout(&self.root)
    }

    /// Whether this is a checkout of Nacre, or lies in one.
    pub fn is_in_checkout(&self) -> bool {
        self.root.ancestors().any(is_checkout)
    }

    /// The kernel's package, which is also the name of its program.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// What a project has in its initramfs: paths in the guest, and what comes there. Empty: busybox.
    pub fn programs(&self) -> &BTreeMap<String, PathBuf> {
        &self.programs
    }

    /// Cargo's target folder.
    pub fn target_dir(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.target.clone(),
        }
    }

    /// A `cargo` command in the project, with the flags of the environment that would change the product removed.
    pub fn cargo(&self) -> Command {
        self.tool("CARGO", "cargo")
    }

    /// A `rustc` command in the project.
    pub fn rustc(&self) -> Command {
        self.tool("RUSTC", "rustc")
    }

    fn tool(&self, variable: &str, name: &str) -> Command {
        let program = env::var_os(variable).unwrap_or_else(|| OsString::from(name));
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS"]
        {
            command.env_remove(name);
        }
        command
    }
}

fn is_checkout(root: &Path) -> bool {
    root.join("framework/Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_read_from_its_manifest() {
        let template = Workspace::checkout().root().join("osdk/template");
        let project = Workspace::project(&template).unwrap();
        assert_eq!(project.package(), "nacre-template");
        let program = template.join("programs/init.rs");
        assert_eq!(project.programs().get("/init"), Some(&program));
        assert!(!project.is_checkout() && Workspace::find().unwrap().is_checkout());
    }
}
