// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A guest with the disk that lies: what it boots from, its machine, and what it left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use osdk::cvm::{self, Host, Kind};
use osdk::guest::{Console, Ending, Guest as Running};
use osdk::initramfs;
use osdk::kernel::{Build, Profile, Verbosity};
use osdk::machine::{ConsolePort, Machine};
use osdk::workspace::Workspace;
use serde_json::Value;
use vhost::vhost_user::Listener;
use vhost_user_backend::VhostUserDaemon;
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};

use crate::backend::{EvilDisk, Lie};
use crate::content;

/// Whose kernel is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guest {
    /// This project's.
    Nacre,
    /// Debian's stock cloud kernel.
    Linux,
}

const MEM: &str = "128M";
/// What Linux needs for a disk; PCI and virtio are built in.
const MODULE: &str = ".toolchain/linux/modules/kernel/drivers/block/virtio_blk.ko.xz";
/// Longer than the guest's own watch.
const PATIENCE: Duration = Duration::from_secs(120);

/// All that runs share.
pub(crate) struct Kit {
    guest: Guest,
    kernel: PathBuf,
    /// The plugin that plays a TDX host, when the guest is to be a TD.
    plugin: Option<PathBuf>,
    initramfs: PathBuf,
}

/// What a run left behind.
pub(crate) struct Seen {
    /// The console.
    pub(crate) shown: String,
    pub(crate) ending: Ending,
    /// Whether the disk came to lie at all.
    pub(crate) has_lied: bool,
    /// Where the disk found the guest's secret.
    pub(crate) secret: Option<u64>,
    /// What the oracles of the simulated host saw, and its last words.
    pub(crate) violations: Vec<String>,
}

impl Kit {
    /// Builds or finds everything; what is only for this run goes into `folder`.
    pub(crate) fn prepare(
        guest: Guest,
        kind: Kind,
        kernel: Option<PathBuf>,
        folder: &Path,
    ) -> Result<Self> {
        let can = guest == Guest::Nacre || kind == Kind::Plain;
        ensure!(can, "Linux is compared on the plain machine only");
        let workspace = Workspace::find()?;
        let kernel = match (kernel, guest) {
            (Some(kernel), _) => kernel,
            (None, Guest::Nacre) => {
                let verbosity = Verbosity::Quiet;
                Build { profile: Profile::Release, features: vec![], verbosity }.run(&workspace)?
            }
            (None, Guest::Linux) => workspace.root().join(".toolchain/linux/vmlinuz"),
        };
        ensure!(kernel.is_file(), "no kernel {}; run: tools/setup.sh oracle", kernel.display());
        let plugin = match kind {
            Kind::Plain => None,
            Kind::Tdx => {
                cvm::check_qemu(&osdk::machine::find_qemu()?)?;
                Some(cvm::plugin(&workspace)?)
            }
        };
        let initramfs = folder.join("initramfs");
        fs::write(&initramfs, archive(&workspace, guest, folder)?)?;
        Ok(Self { guest, kernel, plugin, initramfs })
    }

    /// Whose kernel it is.
    pub(crate) fn guest(&self) -> Guest {
        self.guest
    }

    /// Boots once, with a disk that tells `lie`.
    pub(crate) fn run(&self, lie: Lie) -> Result<Seen> {
        let folder = tempfile::Builder::new().prefix("nacre-disk-").tempdir()?;
        let socket = folder.path().join("disk");
        let disk = serve(&socket, lie)?;
        let (console, events) = (folder.path().join("console"), folder.path().join("events"));
        let machine = self.machine(&socket, &console, &events)?;
        let ending = Running::start(&machine, Console::Elsewhere)?.wait(Some(PATIENCE), |_| {})?;
        let disk = disk.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Seen {
            shown: String::from_utf8_lossy(&fs::read(console).unwrap_or_default()).into_owned(),
            ending,
            has_lied: disk.has_lied(),
            secret: disk.find_secret(),
            violations: match self.plugin {
                Some(_) => violations(&fs::read_to_string(events)?),
                None => Vec::new(),
            },
        })
    }

    fn machine(&self, socket: &Path, console: &Path, events: &Path) -> Result<Machine> {
        let mut machine = Machine::new(&self.kernel)?;
        machine.initramfs = Some(self.initramfs.clone());
        machine.console = format!("file,path={}", console.display());
        machine.mem = MEM.to_owned();
        machine.append(match self.guest {
            Guest::Nacre => "nacre.io_timeout=3",
            Guest::Linux => "panic=-1 rdinit=/init quiet loglevel=1",
        });
        match &self.plugin {
            None => {
                let memory = format!("memory-backend-memfd,id=shared,size={MEM},share=on");
                let words = ["-object", &memory, "-machine", "memory-backend=shared"];
                machine.extra.extend(words.map(Into::into));
            }
            Some(plugin) => {
                machine.append(&cvm::words());
                machine.use_console(ConsolePort::Virtio);
                let (plugin, events) = (plugin.clone(), Some(events.to_owned()));
                machine.cvm = Some(Host { plugin, events, seed: 1, ..Host::default() });
            }
        }
        let backend = format!("socket,id=evil,path={}", socket.display());
        let device = "vhost-user-blk-pci,chardev=evil,num-queues=1,disable-legacy=on";
        let device = format!("{device},iommu_platform=on");
        machine.extra.extend(["-chardev", &backend, "-device", &device].map(Into::into));
        Ok(machine)
    }
}

/// Starts the disk behind a socket.
fn serve(socket: &Path, lie: Lie) -> Result<Arc<RwLock<EvilDisk>>> {
    let mut listener = Listener::new(socket, true).context("no socket for the disk")?;
    let disk = Arc::new(RwLock::new(EvilDisk::new(lie)));
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::new());
    let mut daemon = VhostUserDaemon::new("evil".into(), disk.clone(), memory)
        .map_err(|error| anyhow!("the disk does not start: {error}"))?;
    std::thread::spawn(move || {
        // QEMU connects again when it did not like an answer.
        while daemon.start(&mut listener).is_ok() {
            let _ = daemon.wait();
        }
    });
    Ok(disk)
}

/// The initramfs: busybox, the witness as first program, its work, and what the disk may give.
fn archive(workspace: &Workspace, guest: Guest, folder: &Path) -> Result<Vec<u8>> {
    let witness = folder.join("witness");
    let source = workspace.root().join("regression/hostile/guest/witness.c");
    let mut cc = Command::new("cc");
    cc.args(["-static", "-O2", "-g0", "-std=gnu11", "-o"]).arg(&witness).arg(&source);
    ensure!(cc.status().context("cannot start cc")?.success(), "the witness did not compile");
    let witness = fs::read(witness)?;
    let mut archive = initramfs::base_with_init(&witness)?;
    archive.file("bin/witness", 0o755, &witness)?;
    archive.file("etc/work", 0o644, include_bytes!("../guest/work.sh"))?;
    for (name, bytes) in content::files() {
        archive.file(&format!("disk/{name}"), 0o644, &bytes)?;
    }
    if guest == Guest::Linux {
        let file = workspace.root().join(MODULE);
        let unpacked = Command::new("xz").args(["--decompress", "--stdout"]).arg(&file).output()?;
        ensure!(unpacked.status.success(), "{} cannot be unpacked", file.display());
        archive.file("lib/modules/virtio_blk.ko", 0o644, &unpacked.stdout)?;
        archive.file("lib/modules/list", 0o644, b"/lib/modules/virtio_blk.ko\n")?;
    }
    archive.finish()
}

/// Events of the simulated host that no guest may cause.
fn violations(events: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in events.lines().filter(|line| !line.trim().is_empty()) {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        match text("event") {
            // The last word of a power-off that QEMU was slow to carry out.
            Some("fatal") if text("reason") == Some("powered off") => {}
            Some("oracle" | "fatal" | "error") | None => found.push(line.to_owned()),
            Some(_) => {}
        }
    }
    if !events.contains("\"handover\"") {
        found.push("the guest never became a TD".to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_saw() {
        let good = "{\"event\":\"handover\"}\n{\"event\":\"result\",\"status\":0}\n";
        assert!(violations(good).is_empty());
        assert_eq!(violations("").len(), 1);
        let bad = format!("{good}{{\"event\":\"oracle\",\"kind\":\"leak\"}}\nnot json\n");
        assert_eq!(violations(&bad).len(), 2);
    }
}
