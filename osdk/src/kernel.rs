// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Builds the kernel so that the same source gives the same bytes, wherever it lies.
//!
//! Absolute paths are the one thing of the build machine that would get into the product: those of the checkout, of
//! Cargo's registry and of the compiler's sysroot are remapped to `/nacre`, `/deps` and `/rust`, that of another
//! project to `/kernel`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{KERNEL_TARGET, Workspace};

/// What the path of the checkout is called in the kernel's debug information.
pub const SOURCE_PREFIX: &str = "/nacre/";
/// The same for the folder of a project outside of it.
pub const PROJECT_PREFIX: &str = "/kernel/";

/// Which of the kernel's builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Optimised; what is shipped.
    Release,
    /// With debug assertions, overflow checks and lock-order checks.
    Dev,
}

impl Profile {
    fn cargo_name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Build {
    /// The profile.
    pub profile: Profile,
    /// Features of the kernel's package, such as `ktest`.
    pub features: Vec<String>,
    /// Whether Cargo says what it does.
    pub verbosity: Verbosity,
}

/// How much Cargo says on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Progress as well.
    Normal,
}

impl Build {
    /// The shipped kernel.
    pub fn release() -> Self {
        Self { profile: Profile::Release, features: Vec::new(), verbosity: Verbosity::Normal }
    }

    /// Builds it; returns the path of the kernel, an ELF file with a PVH note.
    pub fn run(&self, workspace: &Workspace) -> Result<PathBuf> {
        let mut cargo = workspace.cargo();
        let name = workspace.package();
        cargo.args(["build", "--package", name, "--bin", name]);
        if workspace.is_checkout() {
            cargo.arg("--locked");
        }
        cargo.args(["--target", KERNEL_TARGET, "--profile", self.profile.cargo_name()]);
        if self.verbosity == Verbosity::Quiet {
            cargo.arg("--quiet");
        }
        if !self.features.is_empty() {
            cargo.args(["--features", &self.features.join(",")]);
        }
        cargo.args(base_config(workspace)?);
        cargo.arg("--config").arg(flags_config(workspace)?);
        let output = match self.verbosity {
            Verbosity::Quiet => cargo.output(),
            Verbosity::Normal => cargo.stderr(Stdio::inherit()).output(),
        };
        let output = output.context("cannot start cargo")?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            bail!("the kernel did not build");
        }
        let path =
            workspace.target_dir().join(KERNEL_TARGET).join(self.profile.folder()).join(name);
        if !path.is_file() {
            bail!("cargo built no {}", path.display());
        }
        Ok(path)
    }
}

/// Arguments that give a project outside of the checkout its flags: those of the checkout's `.cargo/config.toml`.
fn base_config(workspace: &Workspace) -> Result<Vec<String>> {
    // Cargo itself finds the flags of a checkout that the project lies in.
    if workspace.is_in_checkout() {
        return Ok(Vec::new());
    }
    let checkout = Workspace::checkout();
    let path = checkout.root().join(".cargo/config.toml");
    let path = path.into_os_string().into_string().ok().context("a path that is not UTF-8")?;
    Ok(vec!["--config".to_owned(), path])
}

/// The value for Cargo's `--config` that adds the remapping to the flags of `.cargo/config.toml`, and for a project the
/// folder from which these name the linker script.
pub fn flags_config(workspace: &Workspace) -> Result<String> {
    let mut flags: Vec<_> = remappings(workspace)?
        .into_iter()
        .map(|(from, to)| {
            let from = from.to_str().context("a path that is not UTF-8")?;
            Ok(format!("--remap-path-prefix={from}={to}"))
        })
        .collect::<Result<_>>()?;
    if !workspace.is_checkout() {
        let checkout = Workspace::checkout();
        let folder = checkout.root().to_str().context("a path that is not UTF-8")?;
        flags.push(format!("-Clink-arg=-L{folder}"));
    }
    // A JSON string is a TOML basic string.
    let flags: Vec<_> = flags.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(format!("target.{KERNEL_TARGET}.rustflags=[{}]", flags.join(",")))
}

fn remappings(workspace: &Workspace) -> Result<Vec<(PathBuf, &'static str)>> {
    let own = if workspace.is_checkout() { SOURCE_PREFIX } else { PROJECT_PREFIX };
    let mut all = vec![(workspace.root().to_owned(), own.trim_end_matches('/'))];
    if !workspace.is_checkout() {
        let checkout = Workspace::checkout().root().to_owned();
        all.push((checkout, SOURCE_PREFIX.trim_end_matches('/')));
    }
    // Folder names below registry/src depend on which mirror is used; leave them out of the product.
    for source in registry_sources(&cargo_home()?) {
        all.push((source, "/deps"));
    }
    all.push((sysroot(workspace)?, "/rust"));
    // Cargo and rustc follow symbolic links here and there: then the other name gets into the product.
    let real = all.clone().into_iter().filter_map(|(path, to)| {
        let real = path.canonicalize().ok()?;
        (real != path).then_some((real, to))
    });
    all.extend(real.collect::<Vec<_>>());
    Ok(all)
}

fn registry_sources(cargo_home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = cargo_home.join("registry/src").read_dir() else {
        return Vec::new();
    };
    let mut sources: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    sources.sort();
    sources
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(PathBuf::from(env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?)
        .join(".cargo"))
}

fn sysroot(workspace: &Workspace) -> Result<PathBuf> {
    let output =
        workspace.rustc().args(["--print", "sysroot"]).output().context("cannot start rustc")?;
    ensure!(output.status.success(), "rustc --print sysroot failed");
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_checkout_and_sysroot() {
        let config = flags_config(&Workspace::at("/some/\"odd\" place")).unwrap_or_default();
        // rustc cannot run in a folder that is not there: then there is nothing to look at.
        if !config.is_empty() {
            assert!(config.contains("--remap-path-prefix=/some/\\\"odd\\\" place=/kernel"));
        }
        let config = flags_config(&Workspace::find().unwrap()).unwrap();
        assert!(config.starts_with("target.x86_64-unknown-none.rustflags=["));
        assert!(config.contains("=/nacre\"") && config.contains("=/rust\""));
    }
}
