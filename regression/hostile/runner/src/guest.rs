// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a run needs of the guest: kernel, initramfs with the witness, disk, and the plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use hostile_format::{Guest, Scenario};
use osdk::initramfs;
use osdk::kernel::{Build, Profile, Verbosity};
use osdk::workspace::Workspace;

/// Debian's modules that Linux needs, in the order in which they are loaded. Those of PCI, virtio and hvc0 are built in.
const MODULES: [&str; 4] = [
    "fs/configfs/configfs",
    "drivers/virt/coco/tsm",
    "drivers/virt/coco/tdx-guest/tdx-guest",
    "drivers/block/virtio_blk",
];

/// All that runs share.
pub(crate) struct Kit {
    guest: Guest,
    /// The kernel's file.
    pub(crate) kernel: PathBuf,
    /// The plugin's file.
    pub(crate) plugin: PathBuf,
    /// Where consoles and events are kept.
    pub(crate) logs: PathBuf,
    witness: PathBuf,
    modules: PathBuf,
}

impl Kit {
    /// Builds or finds everything.
    pub(crate) fn prepare(
        workspace: &Workspace,
        guest: Guest,
        kernel: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = workspace.target_dir().join("hostile");
        let logs = folder.join(if guest == Guest::Nacre { "nacre" } else { "linux" });
        fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
        let kernel = match (kernel, guest) {
            (Some(kernel), _) => kernel,
            (None, Guest::Nacre) => {
                let verbosity = Verbosity::Quiet;
                Build { profile: Profile::Release, features: vec![], verbosity }.run(workspace)?
            }
            (None, Guest::Linux) => workspace.root().join(".toolchain/linux/vmlinuz"),
        };
        ensure!(kernel.is_file(), "no kernel {}; run: tools/setup.sh oracle", kernel.display());
        let witness =
            compile(&workspace.root().join("regression/hostile/guest/witness.c"), &folder)?;
        let plugin = osdk::cvm::plugin(workspace)?;
        let modules = workspace.root().join(".toolchain/linux/modules/kernel");
        Ok(Self { guest, kernel, plugin, logs, witness, modules })
    }

    /// Whose kernel it is.
    pub(crate) fn guest(&self) -> Guest {
        self.guest
    }

    /// Writes the initramfs of `scenario` to `file`.
    pub(crate) fn initramfs(&self, scenario: &Scenario, file: &Path) -> Result<()> {
        let mut archive = initramfs::base_with_init(&fs::read(&self.witness)?)?;
        archive.file("bin/witness", 0o755, &fs::read(&self.witness)?)?;
        archive.file("etc/work", 0o644, scenario.workload.as_bytes())?;
        if self.guest == Guest::Linux {
            self.add_modules(&mut archive)?;
        }
        fs::write(file, archive.finish()?).with_context(|| file.display().to_string())
    }

    fn add_modules(&self, archive: &mut osdk::cpio::Archive) -> Result<()> {
        let mut list = String::new();
        for module in MODULES {
            let (_, name) = module.rsplit_once('/').unwrap_or(("", module));
            let path = format!("lib/modules/{name}.ko");
            archive.file(&path, 0o644, &unpack(&self.modules.join(module))?)?;
            list += &format!("/{path}\n");
        }
        archive.file("lib/modules/list", 0o644, list.as_bytes())
    }
}

/// A disk whose sector N is N in every 64-bit word, and the last of them zero.
pub(crate) fn write_disk(mib: u32, file: &Path) -> Result<()> {
    let sectors = u64::from(mib) << 11;
    let mut bytes = Vec::with_capacity((sectors << 9) as usize);
    for sector in 0..sectors {
        for _ in 0..64 {
            bytes.extend_from_slice(&sector.to_le_bytes());
        }
    }
    fs::write(file, bytes).with_context(|| file.display().to_string())
}

fn compile(source: &Path, folder: &Path) -> Result<PathBuf> {
    let program = folder.join("witness");
    let mut command = Command::new("cc");
    command.args(["-static", "-O2", "-g0", "-std=gnu11", "-Wall", "-Wextra", "-o"]);
    let status = command.arg(&program).arg(source).status().context("cannot start cc")?;
    ensure!(status.success(), "{} did not compile", source.display());
    Ok(program)
}

/// A module of Linux, as Debian packs it.
fn unpack(module: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new("xz");
    command.args(["--decompress", "--stdout"]).arg(module.with_extension("ko.xz"));
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
