// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The QEMU machine a kernel boots in, as a command line.
//!
//! q35 with the small qboot firmware; COM1 is the console, COM2 a second channel if one is asked for, port 0xe9
//! the control channel, and a write to port 0xf4 ends QEMU. No network, no display, no default devices.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::accel::Accel;
use crate::cvm;
use crate::workspace::Workspace;

/// QEMU's exit status after the guest wrote 0x10 (orderly end) to the debug-exit port.
pub const EXIT_ORDERLY: i32 = 0x10 << 1 | 1;
/// The same after 0x11 (kernel stop).
pub const EXIT_STOP: i32 = 0x11 << 1 | 1;

/// Which clock the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The host's.
    Host,
    /// One tick per guest instruction: bit-exact from run to run.
    InstructionCount,
}

/// What the guest's console is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsolePort {
    /// The first serial port.
    #[value(name = "ttyS0")]
    Serial,
    /// A virtio console, the default in a confidential VM.
    #[value(name = "hvc0")]
    Virtio,
}

/// A machine to be started.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The QEMU binary.
    pub qemu: PathBuf,
    /// The kernel: ELF with a PVH note, or a Linux bzImage.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: Option<PathBuf>,
    /// Kernel command line.
    pub append: String,
    /// Number of CPUs.
    pub smp: u32,
    /// Memory, in QEMU's notation.
    pub mem: String,
    /// KVM or TCG.
    pub accel: Accel,
    /// The guest's clock.
    pub clock: Clock,
    /// QEMU chardev of the console, without its id; `stdio,signal=off` is stdin and stdout.
    pub console: String,
    /// Where the console is; see [`Machine::use_console`].
    pub console_port: ConsolePort,
    /// QEMU chardev of COM2, without its id.
    pub second_serial: Option<String>,
    /// Disks, as raw files.
    pub disks: Vec<PathBuf>,
    /// The simulated host that makes it a confidential VM.
    pub cvm: Option<cvm::Host>,
    /// Further QEMU arguments.
    pub extra: Vec<OsString>,
}

impl Machine {
    /// A machine of one CPU and 512 MiB with the console on stdin and stdout.
    pub fn new(kernel: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            qemu: find_qemu()?,
            kernel: kernel.into(),
            initramfs: None,
            append: "console=ttyS0".to_owned(),
            smp: 1,
            mem: "512M".to_owned(),
            accel: Accel::Tcg,
            clock: Clock::Host,
            console: "stdio,signal=off".to_owned(),
            console_port: ConsolePort::Serial,
            second_serial: None,
            disks: Vec::new(),
            cvm: None,
            extra: Vec::new(),
        })
    }

    /// Puts the console at `port` and tells the kernel.
    pub fn use_console(&mut self, port: ConsolePort) -> &mut Self {
        self.console_port = port;
        let words = ["console=ttyS0", "console=hvc0"];
        let (old, new) = match port {
            ConsolePort::Serial => (words[1], words[0]),
            ConsolePort::Virtio => (words[0], words[1]),
        };
        self.append = self.append.replace(old, new);
        self
    }

    /// Adds words to the kernel command line.
    pub fn append(&mut self, words: &str) -> &mut Self {
        if !words.is_empty() {
            self.append.push(' ');
            self.append.push_str(words);
        }
        self
    }

    /// The command that starts QEMU with its control channel at the Unix socket `control`.
    pub fn command(&self, control: &Path) -> Command {
        let mut command = tethered(&self.qemu);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
        command.args(["-display", "none", "-monitor", "none", "-nic", "none"]);
        self.memory(&mut command, control);
        command.args(["-smp", &self.smp.to_string()]);
        match (self.accel, self.clock) {
            // Two callbacks at once want `multi`, even on one CPU.
            _ if self.is_td() => command.args(["-accel", "tcg,thread=multi", "-cpu", TD_CPU]),
            _ if self.cvm.is_some() => {
                command.args(["-accel", "tcg,thread=multi", "-cpu", TCG_CPU])
            }
            (Accel::Kvm, _) => command.args(["-accel", "kvm", "-cpu", "host"]),
            (Accel::Tcg, Clock::Host) if self.smp > 1 => {
                command.args(["-accel", "tcg,thread=multi", "-cpu", TCG_CPU])
            }
            (Accel::Tcg, Clock::Host) => {
                command.args(["-accel", "tcg,thread=single", "-cpu", TCG_CPU])
            }
            (Accel::Tcg, Clock::InstructionCount) => {
                command.args(["-accel", "tcg,thread=single", "-cpu", COUNTED_CPU])
            }
        };
        if self.clock == Clock::InstructionCount {
            command.args(["-icount", "shift=0,sleep=off", "-seed", "42"]);
            command.args(["-rtc", "base=2024-01-01T00:00:00,clock=vm"]);
        }
        chardev(&mut command, &self.console, "console");
        match self.console_port {
            ConsolePort::Serial => command.args(["-serial", "chardev:console"]),
            ConsolePort::Virtio => {
                let bus = format!("virtio-serial-pci,max_ports=1,{VIRTIO}");
                let port = "virtconsole,chardev=console";
                command.args(["-serial", "null", "-device", &bus, "-device", port])
            }
        };
        if let Some(second) = &self.second_serial {
            chardev(&mut command, second, "second");
            command.args(["-serial", "chardev:second"]);
        }
        // A comma in an option's value is written twice.
        let path = control.to_string_lossy().replace(',', ",,");
        chardev(&mut command, &format!("socket,path={path}"), "control");
        command.args(["-device", "isa-debugcon,iobase=0xe9,chardev=control"]);
        command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        command.arg("-kernel").arg(&self.kernel);
        if let Some(initramfs) = &self.initramfs {
            command.arg("-initrd").arg(initramfs);
        }
        command.args(["-append", &self.append]);
        for (number, disk) in self.disks.iter().enumerate() {
            let file = disk.to_string_lossy().replace(',', ",,");
            command.args(["-drive", &format!("if=none,id=disk{number},format=raw,file={file}")]);
            command.args(["-device", &format!("virtio-blk-pci,drive=disk{number},{VIRTIO}")]);
        }
        if let Some(host) = &self.cvm {
            let monitor = control.with_file_name("monitor");
            if host.is_exact {
                let path = monitor.to_string_lossy().replace(',', ",,");
                command.args(["-qmp", &format!("unix:{path},server=on,wait=off")]);
            }
            command.args(["-plugin", &host.argument(&self.kernel, &self.mem, &monitor)]);
        }
        command.args(&self.extra);
        command
    }

    fn is_td(&self) -> bool {
        self.cvm.as_ref().is_some_and(|host| !host.is_plain)
    }

    /// RAM, in a confidential VM with its shared alias; the file of that lies beside the control channel.
    fn memory(&self, command: &mut Command, control: &Path) {
        let Some(host) = self.cvm.as_ref().filter(|host| !host.is_plain) else {
            command.args(["-M", "q35", "-bios", "qboot.rom", "-m", &self.mem]);
            return;
        };
        command.args(["-M", "q35,memory-backend=private"]);
        if !host.is_linux {
            command.args(["-bios", "qboot.rom"]);
        }
        command.args(cvm::memory_arguments(&self.mem, &control.with_file_name("ram")));
    }
}

/// What a confidential VM's devices must offer, and no more.
const VIRTIO: &str = "disable-legacy=on,iommu_platform=on";
/// Linux looks for TDX on Intel's CPUs alone; the shared bit wants 52 bits of physical address.
const TD_CPU: &str = "max,-erms,-fsrm,phys-bits=52,vendor=GenuineIntel";

/// `rep movsb` is slow under translation; without these flags programs choose faster copies.
const TCG_CPU: &str = "max,-erms,-fsrm";
/// With FSRS Linux fills memory by `rep stosb`, which counts as an instruction for each byte.
/// QEMU ends with "Bad icount read" when a timer is set through an x2APIC while it counts instructions.
const COUNTED_CPU: &str = "max,-erms,-fsrm,-fsrs,-x2apic";

fn chardev(command: &mut Command, backend: &str, id: &str) {
    let (kind, rest) = backend.split_once(',').unwrap_or((backend, ""));
    let comma = if rest.is_empty() { "" } else { "," };
    command.args(["-chardev", &format!("{kind},id={id}{comma}{rest}")]);
}

/// A command for `program` that dies with this process, where setpriv(1) is there to arrange it.
fn tethered(program: &Path) -> Command {
    match find_in_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// The QEMU to use: `NACRE_QEMU`, else the one that the set-up unpacked, else the one in the path.
pub fn find_qemu() -> Result<PathBuf> {
    if let Some(path) = env::var_os("NACRE_QEMU") {
        return Ok(path.into());
    }
    if let Some(path) = unpacked_qemu(&Workspace::checkout()) {
        return Ok(path);
    }
    match find_in_path("qemu-system-x86_64") {
        Some(path) => Ok(path),
        None => bail!("qemu-system-x86_64 is not in the path; run: make setup"),
    }
}

fn unpacked_qemu(workspace: &Workspace) -> Option<PathBuf> {
    let folders = workspace.root().join(".toolchain").read_dir().ok()?;
    let mut found: Vec<_> = folders
        .flatten()
        .filter(|folder| folder.file_name().to_string_lossy().starts_with("qemu-"))
        .map(|folder| folder.path().join("qemu-system-x86_64"))
        .filter(|file| file.is_file())
        .collect();
    found.sort();
    found.pop()
}

/// Looks a program up in `PATH`.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            qemu: "/bin/qemu".into(),
            kernel: "/k".into(),
            initramfs: None,
            append: "console=ttyS0".into(),
            smp: 1,
            mem: "512M".into(),
            accel: Accel::Tcg,
            clock: Clock::Host,
            console: "stdio,signal=off".into(),
            console_port: ConsolePort::Serial,
            second_serial: None,
            disks: Vec::new(),
            cvm: None,
            extra: Vec::new(),
        }
    }

    fn line(machine: &Machine) -> String {
        let command = machine.command(Path::new("/run/a,b/ctl"));
        let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy()).collect();
        args.join(" ")
    }

    #[test]
    fn plain_machine() {
        let line = line(machine().append("quiet"));
        assert!(line.contains("-accel tcg,thread=single"));
        assert!(line.contains("-chardev stdio,id=console,signal=off -serial chardev:console"));
        assert!(line.contains("-chardev socket,id=control,path=/run/a,,b/ctl"));
        assert!(line.contains("-append console=ttyS0 quiet"));
        assert!(!line.contains("-initrd") && !line.contains("icount"));
    }

    #[test]
    fn several_cpus_run_in_parallel_but_not_when_counted() {
        let mut machine = machine();
        machine.smp = 2;
        assert!(line(&machine).contains("thread=multi"));
        machine.clock = Clock::InstructionCount;
        machine.second_serial = Some("null".into());
        let line = line(&machine);
        assert!(line.contains("thread=single") && line.contains("-x2apic"));
        assert!(line.contains("-seed 42"));
        assert!(line.contains("-chardev null,id=second -serial chardev:second"));
    }

    #[test]
    fn disks_and_the_virtio_console() {
        let mut machine = machine();
        machine.disks = vec!["/a,b.img".into(), "/c".into()];
        machine.use_console(ConsolePort::Virtio);
        let line = line(&machine);
        assert!(line.contains("if=none,id=disk0,format=raw,file=/a,,b.img"));
        assert!(line.contains("virtio-blk-pci,drive=disk1,disable-legacy=on,iommu_platform=on"));
        assert!(line.contains("virtconsole,chardev=console") && line.contains("console=hvc0"));
        assert!(!line.contains("ttyS0"));
    }

    #[test]
    fn exit_statuses() {
        assert_eq!((EXIT_ORDERLY, EXIT_STOP), (33, 35));
    }
}
