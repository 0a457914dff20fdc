// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The two kernels: ours, built from the workspace, and the oracle, Debian's stock cloud kernel.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use osdk::cvm::{Host, Kind as Cvm, check_qemu, plugin};
use osdk::kernel::{Build, Profile, Verbosity};
use osdk::machine::find_qemu;
use osdk::workspace::Workspace;

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
    /// The simulated host, when it runs as a confidential VM.
    pub(crate) cvm: Option<Host>,
    /// More arguments for QEMU.
    pub(crate) extra: Vec<OsString>,
}

impl Kernel {
    /// Finds or makes the kernel; `file` overrides where it is.
    pub(crate) fn get(kind: Kind, file: Option<PathBuf>, workspace: &Workspace) -> Result<Self> {
        Self::with_features(kind, file, vec![], workspace)
    }

    /// As [`Kernel::get`], built with these features.
    pub(crate) fn with_features(
        kind: Kind,
        file: Option<PathBuf>,
        features: Vec<String>,
        workspace: &Workspace,
    ) -> Result<Self> {
        let image = match (file, kind) {
            (Some(file), _) => file,
            (None, Kind::Nacre) => {
                let verbosity = Verbosity::Quiet;
                Build { profile: Profile::Release, features, verbosity }.run(workspace)?
            }
            (None, Kind::Linux) => oracle(workspace)?,
        };
        ensure!(image.is_file(), "no kernel at {}", image.display());
        Ok(Self { kind, image, cvm: None, extra: vec![] })
    }
}

impl Kernel {
    /// Runs it as a TD under a simulated host, if that is asked for.
    pub(crate) fn under(mut self, cvm: Cvm, workspace: &Workspace) -> Result<Self> {
        if cvm == Cvm::Tdx {
            check_qemu(&find_qemu()?)?;
            let is_linux = self.kind == Kind::Linux;
            self.cvm = Some(Host { plugin: plugin(workspace)?, is_linux, ..Host::default() });
        }
        Ok(self)
    }
}

/// The oracle's file; the set-up script unpacks it when it is missing.
fn oracle(workspace: &Workspace) -> Result<PathBuf> {
    let image = workspace.root().join(".toolchain/linux/vmlinuz");
    if !image.is_file() {
        let script = workspace.root().join("tools/setup.sh");
        run(Command::new(script).arg("oracle"))?;
    }
    Ok(image)
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
