// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The two kernels: ours, built from the workspace, and the oracle, Debian's stock cloud kernel.
//!
//! The oracle is unpacked below `.toolchain/` and never installed: from the archive in the folder that
//! `NACRE_TOOLCHAIN_CACHE` names, or else from Debian's package.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose kernel it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// This project's.
    Nacre,
    /// Debian's stock cloud kernel.
    Linux,
}

impl Kind {
    /// The word of the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nacre => "nacre",
            Self::Linux => "linux",
        }
    }
}

/// A kernel that QEMU can start.
pub(crate) struct Kernel {
    /// Whose it is.
    pub(crate) kind: Kind,
    /// The file.
    pub(crate) image: PathBuf,
}

const ARCHIVE: &str = "linux-6.12.95-cloud-amd64";

impl Kernel {
    /// Finds or makes the kernel; `file` overrides where it is.
    pub(crate) fn get(kind: Kind, file: Option<PathBuf>, root: &Path) -> Result<Self, String> {
        let image = match (file, kind) {
            (Some(file), _) => file,
            (None, Kind::Nacre) => build(root)?,
            (None, Kind::Linux) => oracle(root)?,
        };
        if image.is_file() {
            Ok(Self { kind, image })
        } else {
            Err(format!("no kernel at {}", image.display()))
        }
    }
}

fn build(root: &Path) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--quiet", "--release", "--package", "nacre"]);
    run(command.args(["--target", "x86_64-unknown-none"]))?;
    Ok(root.join("target/x86_64-unknown-none/release/nacre"))
}

fn oracle(root: &Path) -> Result<PathBuf, String> {
    let toolchain = root.join(".toolchain");
    let image = toolchain.join(ARCHIVE).join("vmlinuz");
    if image.is_file() {
        return Ok(image);
    }
    std::fs::create_dir_all(&toolchain).map_err(|e| format!("{}: {e}", toolchain.display()))?;
    if let Some(cache) = std::env::var_os("NACRE_TOOLCHAIN_CACHE") {
        let archive = PathBuf::from(cache).join(format!("{ARCHIVE}.tar.xz"));
        if archive.is_file() {
            run(Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(&toolchain))?;
            return Ok(image);
        }
    }
    download(&toolchain, &image)?;
    Ok(image)
}

/// Fetches and unpacks the package that `linux-image-cloud-amd64` depends on.
fn download(toolchain: &Path, image: &Path) -> Result<(), String> {
    let why = "the oracle kernel is missing: put its archive into the folder named by NACRE_TOOLCHAIN_CACHE, \
               or let apt fetch Debian's linux-image-cloud-amd64";
    let output = Command::new("apt-cache")
        .args(["depends", "linux-image-cloud-amd64"])
        .output()
        .map_err(|e| format!("{why} (apt-cache: {e})"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let package = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|name| name.starts_with("linux-image-"))
        .ok_or(why)?;
    let unpacked = toolchain.join("linux-package");
    std::fs::create_dir_all(&unpacked).map_err(|e| format!("{}: {e}", unpacked.display()))?;
    run(Command::new("apt-get").current_dir(&unpacked).args(["download", package]))?;
    let deb = find(&unpacked, |name| name.ends_with(".deb")).ok_or(why)?;
    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&unpacked))?;
    let vmlinuz = find(&unpacked.join("boot"), |name| name.starts_with("vmlinuz-")).ok_or(why)?;
    let into = image.parent().ok_or(why)?;
    std::fs::create_dir_all(into).map_err(|e| format!("{}: {e}", into.display()))?;
    std::fs::copy(&vmlinuz, image).map_err(|e| format!("{}: {e}", vmlinuz.display()))?;
    let _ = std::fs::remove_dir_all(&unpacked);
    Ok(())
}

fn find(dir: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(dir).ok()?.filter_map(Result::ok);
    entries.find(|entry| entry.file_name().to_str().is_some_and(&wanted)).map(|entry| entry.path())
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
