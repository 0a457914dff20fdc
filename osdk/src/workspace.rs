// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where the checkout and its build products are.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Target triple of the kernel.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";

/// A checkout of the project.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that the current folder belongs to.
    pub fn find() -> Result<Self> {
        let here = env::current_dir().context("no current folder")?;
        for dir in here.ancestors() {
            if dir.join("framework/Cargo.toml").is_file() && dir.join("Cargo.toml").is_file() {
                return Ok(Self { root: dir.to_owned() });
            }
        }
        bail!("{} is not in a checkout of Nacre", here.display());
    }

    /// The checkout at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Top folder of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder.
    pub fn target_dir(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => self.root.join(dir),
            None => self.root.join("target"),
        }
    }

    /// A `cargo` command in the checkout, with the flags of the environment that would change the product removed.
    pub fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_X86_64_UNKNOWN_NONE_RUSTFLAGS"]
        {
            command.env_remove(name);
        }
        command
    }
}
