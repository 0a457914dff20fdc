// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One QEMU guest: its command line, its console, its results channel and its control channel.
//!
//! COM1 is the console, on QEMU's standard streams; COM2 is the results channel and port 0xe9 the kernel's control
//! channel, both sockets that this process listens on. Always TCG: the verdicts must not depend on the machine.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use osdk::cvm::Host;
use osdk::machine::{Clock, ConsolePort, Machine};
use tempfile::TempDir;

use crate::kernel::{Kernel, Kind};

/// What to start.
pub(crate) struct Launch<'a> {
    /// The kernel.
    pub(crate) kernel: &'a Kernel,
    /// The initramfs file.
    pub(crate) initramfs: &'a Path,
    /// More words for the kernel's command line.
    pub(crate) append: &'a str,
    /// Number of CPUs.
    pub(crate) smp: u32,
    /// Memory in MiB.
    pub(crate) mem_mib: u32,
    /// Whether time is the count of instructions.
    pub(crate) clock: Clock,
    /// Where console and QEMU messages are kept, without extension.
    pub(crate) log: &'a Path,
}

/// How long lines of the control channel may come after the end of the results channel.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a guest said.
#[derive(Debug)]
pub(crate) enum Said {
    /// A line of the results channel.
    Result(String),
    /// A line of the control channel.
    Control(String),
    /// QEMU closed the results channel.
    Closed,
    /// Nothing for the given time.
    Nothing,
}

/// A running guest; killed when dropped.
pub(crate) struct Guest {
    child: Child,
    keys: Option<ChildStdin>,
    console: Arc<Mutex<Vec<u8>>>,
    said: Receiver<Said>,
    /// Whether the results channel has ended.
    is_closed: bool,
    /// The folder of the sockets; removed at the end.
    _sockets: TempDir,
}

impl Guest {
    /// Starts QEMU.
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let sockets = folder.path();
        let (sender, said) = channel();
        listen(&sockets.join("results"), sender.clone(), Said::Result, Some(Said::Closed))?;
        listen(&sockets.join("control"), sender, Said::Control, None)?;

        let messages = std::fs::File::create(launch.log.with_extension("qemu"))?;
        let mut command = machine(launch, sockets)?.command(&sockets.join("control"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(messages);
        let mut child = command.spawn()?;
        let keys = child.stdin.take();
        let console = Arc::new(Mutex::new(Vec::new()));
        if let Some(output) = child.stdout.take() {
            let log = std::fs::File::create(launch.log.with_extension("console"))?;
            let console = Arc::clone(&console);
            std::thread::spawn(move || copy_console(output, &console, log));
        }
        Ok(Self { child, keys, console, said, is_closed: false, _sockets: folder })
    }

    /// The next line, or [`Said::Nothing`] after `patience`. What the control channel said comes before the end.
    pub(crate) fn next(&mut self, patience: Duration) -> Said {
        let patience = if self.is_closed { LAST_WORDS } else { patience };
        match self.said.recv_timeout(patience) {
            Ok(Said::Closed) => {
                self.is_closed = true;
                self.next(LAST_WORDS)
            }
            Ok(said) => said,
            Err(RecvTimeoutError::Timeout) if !self.is_closed => Said::Nothing,
            Err(_) => Said::Closed,
        }
    }

    /// Types at the console.
    pub(crate) fn type_keys(&mut self, keys: &[u8]) {
        if let Some(stdin) = &mut self.keys {
            // A guest that is gone shows up as a closed results channel.
            let _ = stdin.write_all(keys).and_then(|()| stdin.flush());
        }
    }

    /// How many bytes the console has shown.
    pub(crate) fn console_len(&self) -> usize {
        self.console.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What the console has shown since `from`.
    pub(crate) fn console_since(&self, from: usize) -> Vec<u8> {
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        console.get(from..).unwrap_or_default().to_vec()
    }

    /// Waits until the console has shown exactly `expected` after `from`; otherwise what it showed.
    pub(crate) fn await_console(
        &self,
        from: usize,
        expected: &[u8],
        patience: Duration,
    ) -> Result<(), Vec<u8>> {
        let end = Instant::now() + patience;
        loop {
            let shown = self.console_since(from);
            if shown == expected {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(shown);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for QEMU's end; its exit code, or `None` if it had to be killed.
    pub(crate) fn finish(&mut self, patience: Duration) -> Option<i32> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn machine(launch: &Launch<'_>, sockets: &Path) -> Result<Machine> {
    let mut machine = Machine::new(&launch.kernel.image)?;
    machine.initramfs = Some(launch.initramfs.to_owned());
    machine.smp = launch.smp;
    machine.mem = format!("{}M", launch.mem_mib);
    machine.clock = launch.clock;
    machine.second_serial = Some(format!("socket,path={}", sockets.join("results").display()));
    machine.append("rdinit=/tests/init");
    if !launch.append.contains("loglevel=") {
        machine.append("quiet loglevel=1");
    }
    let disk = sockets.join("disk");
    std::fs::write(&disk, disk_image())?;
    machine.disks.push(disk);
    if launch.kernel.kind == Kind::Linux {
        machine.append("panic=-1 oops=panic random.trust_cpu=on");
    }
    if let Some(host) = &launch.kernel.cvm {
        // The alias of RAM is no memory to be added.
        let words = osdk::cvm::words();
        machine.append(if host.is_linux { "acpi_no_memhotplug" } else { &words });
        if !host.is_linux {
            machine.append("nacre.serial=ttyS1");
            machine.use_console(ConsolePort::Virtio);
        }
        let events = Some(launch.log.with_extension("events"));
        machine.cvm = Some(Host { events, ..host.clone() });
    }
    machine.append(launch.append);
    machine.extra.extend(launch.kernel.extra.iter().cloned());
    Ok(machine)
}

/// The disk of the suite `disk`: see there.
fn disk_image() -> Vec<u8> {
    let mut image: Vec<u8> = (0..4usize << 20).map(|at| (at / 512 + at % 512) as u8).collect();
    let mut put = |at: usize, bytes: &[u8]| {
        image.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
    };
    put(0, &[0; 512]);
    for (at, start, len) in [(446, 64u32, 1024u32), (462, 2048, 2048)] {
        put(at + 4, &[0x83]);
        put(at + 8, &start.to_le_bytes());
        put(at + 12, &len.to_le_bytes());
    }
    put(510, &[0x55, 0xaa]);
    image
}

/// Accepts one connection on a new socket and sends its lines, then `last`.
fn listen(
    path: &Path,
    sender: Sender<Said>,
    wrap: fn(String) -> Said,
    last: Option<Said>,
) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    std::thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                if sender.send(wrap(String::from_utf8_lossy(&line).into_owned())).is_err() {
                    return;
                }
            }
        }
        if let Some(last) = last {
            let _ = sender.send(last);
        }
    });
    Ok(())
}

fn copy_console(mut from: impl Read, console: &Mutex<Vec<u8>>, mut log: impl Write) {
    let mut buffer = [0; 4096];
    while let Ok(n) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get(..n).filter(|b| !b.is_empty()) else { break };
        console.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        let _ = log.write_all(bytes);
    }
}
