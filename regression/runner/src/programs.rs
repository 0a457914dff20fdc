// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The guest's programs: building them, listing their tests, packing the initramfs.
//!
//! One static program per folder of `regression/linux`: its C files and `include/test.c`. Built again only when a source is
//! newer than the program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use osdk::initramfs;
use osdk::workspace::Workspace;

use crate::kernel::{Kind, run};

/// The folders of `regression/linux` that become suites, in the order in which they run.
const SUITES: [&str; 13] = [
    "process",
    "exec",
    "signal",
    "mm",
    "fs",
    "pipe",
    "time",
    "proc",
    "tty",
    "privilege",
    "exhaustion",
    "attest",
    "disk",
];
/// Linux's modules for the suites `attest` and `disk`, in the order in which they are loaded.
const MODULES: [&str; 4] = [
    "fs/configfs/configfs",
    "drivers/virt/coco/tsm",
    "drivers/virt/coco/tdx-guest/tdx-guest",
    "drivers/block/virtio_blk",
];
/// The last ones: tests pass bad arguments on purpose.
const FLAGS: [&str; 12] = [
    "-static",
    "-O2",
    "-g0",
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
    "-Wno-nonnull",
    "-Wno-array-bounds",
    "-Wno-unused-result",
    "-Wno-infinite-recursion",
];

/// A program with tests.
pub(crate) struct Suite {
    /// The name of its folder.
    pub(crate) name: String,
    /// Words that start it in the guest.
    pub(crate) command: Vec<String>,
    /// Its tests in their order.
    pub(crate) tests: Vec<String>,
}

impl Suite {
    /// A program that gives the verdict of one test.
    pub(crate) fn of_one_test(name: &str, command: &[String], test: &str) -> Self {
        Self { name: name.to_owned(), command: command.to_vec(), tests: vec![test.to_owned()] }
    }
}

/// A file for the guest: path there, mode, file here.
struct Item {
    guest_path: String,
    host_path: PathBuf,
}

/// All built programs.
pub(crate) struct Programs {
    /// The suites.
    pub(crate) suites: Vec<Suite>,
    items: Vec<Item>,
    init: PathBuf,
    /// The folder of Linux's modules.
    modules: PathBuf,
}

impl Programs {
    /// Builds what is out of date.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        let root = workspace.root();
        let sources = root.join("regression/linux");
        let output = workspace.target_dir().join("regression/programs");
        std::fs::create_dir_all(&output)?;
        let include = sources.join("include");
        let mut programs = Self {
            suites: vec![],
            items: vec![],
            init: output.join("init"),
            modules: root.join(".toolchain/linux/modules/kernel"),
        };
        for name in SUITES {
            let mut files = c_files(&sources.join(name))?;
            if files.is_empty() {
                continue;
            }
            files.push(include.join("test.c"));
            let program = output.join(name);
            compile(&files, &include, &program)?;
            let tests = list(Command::new(&program).arg("--list"))?;
            let guest_path = format!("/tests/{name}");
            let command = vec![guest_path.clone()];
            programs.suites.push(Suite { name: name.to_owned(), command, tests });
            programs.items.push(Item { guest_path, host_path: program });
        }
        programs.add_script(&root.join("regression/apps/applets.sh"))?;
        let others = [
            ("fuzz", sources.join("fuzz")),
            ("differ", sources.join("differential")),
            ("micro", root.join("benchmark")),
            ("latency", sources.join("latency")),
        ];
        for (name, folder) in others {
            let program = output.join(name);
            compile(&c_files(&folder)?, &include, &program)?;
            programs.items.push(Item { guest_path: format!("/tests/{name}"), host_path: program });
        }
        compile(&c_files(&sources.join("init"))?, &include, &programs.init)?;
        Ok(programs)
    }

    fn add_script(&mut self, script: &Path) -> Result<()> {
        let tests = list(Command::new(initramfs::BUSYBOX).arg("sh").arg(script).arg("--list"))?;
        let guest_path = "/tests/applets.sh".to_owned();
        let command = vec!["/bin/sh".to_owned(), guest_path.clone()];
        self.suites.push(Suite { name: "shell".to_owned(), command, tests });
        self.items.push(Item { guest_path, host_path: script.to_owned() });
        Ok(())
    }

    /// The bytes of a program that is no suite.
    pub(crate) fn content(&self, name: &str) -> Result<Vec<u8>> {
        let path = format!("/tests/{name}");
        let item = self.items.iter().find(|item| item.guest_path == path);
        read(&item.with_context(|| format!("no program {name}"))?.host_path)
    }

    /// Packs an initramfs that runs `plan`, one line per program, words parted by tabs.
    pub(crate) fn initramfs(&self, plan: &str, kind: Kind) -> Result<Vec<u8>> {
        self.initramfs_with(plan, kind, &[])
    }

    /// The same with more files: path and content.
    pub(crate) fn initramfs_with(
        &self,
        plan: &str,
        kind: Kind,
        files: &[(&str, &[u8])],
    ) -> Result<Vec<u8>> {
        let mut archive = initramfs::base()?;
        for (path, content) in files {
            archive.file(path, 0o644, content)?;
        }
        archive.file("etc/plan", 0o644, plan.as_bytes())?;
        archive.file("tests/init", 0o755, &read(&self.init)?)?;
        for item in &self.items {
            archive.file(&item.guest_path, 0o755, &read(&item.host_path)?)?;
        }
        if kind == Kind::Linux {
            archive.dir("tests/modules", 0o755)?;
            for module in MODULES {
                let name = module.rsplit('/').next().unwrap_or(module);
                let guest_path = format!("tests/modules/{name}.ko");
                archive.file(&guest_path, 0o644, &unpack(&self.modules.join(module))?)?;
            }
        }
        archive.finish()
    }
}

/// A module's content; Debian compresses them.
fn unpack(module: &Path) -> Result<Vec<u8>> {
    let plain = module.with_extension("ko");
    if plain.is_file() {
        return read(&plain);
    }
    let mut command = Command::new("xz");
    command.args(["--decompress", "--stdout"]).arg(module.with_extension("ko.xz"));
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn list(command: &mut Command) -> Result<Vec<String>> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn c_files(dir: &Path) -> Result<Vec<PathBuf>> {
    files_of(dir, "c")
}

fn files_of(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(vec![]) };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    Ok(files)
}

fn modified(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn compile(files: &[PathBuf], include: &Path, program: &Path) -> Result<()> {
    let built = modified(program);
    let mut sources = vec![include.join("test.h")];
    for file in files {
        sources.push(file.clone());
        sources
            .extend(file.parent().map(|dir| files_of(dir, "h")).transpose()?.unwrap_or_default());
    }
    let newest = sources.iter().map(|f| modified(f)).max();
    if program.is_file() && newest < Some(built) {
        return Ok(());
    }
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    // Under another name first: a second runner may be running the old program or building the same one.
    let fresh = program.with_extension(std::process::id().to_string());
    let mut command = Command::new(compiler);
    command.args(FLAGS).arg("-I").arg(include).args(files).arg("-o").arg(&fresh);
    run(&mut command)?;
    std::fs::rename(&fresh, program).with_context(|| program.display().to_string())
}
