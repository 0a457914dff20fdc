// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The device files: /dev/ttyS*, /dev/tty and /dev/console.
//!
//! Opening one by a session leader without a terminal makes it the controlling
//! one, unless O_NOCTTY forbids or it was opened as /dev/console.
//!
//! Locks: `TERMINALS` is a leaf (preemption off).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::capability::Caps;
use abi::device::{HVC_MAJOR, SERIAL_MINOR, TTY_MAJOR, TTYAUX_MAJOR};
use abi::fcntl::OpenFlags;
use abi::poll::PollEvents;
use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::{SpinLock, Waiter};
use task::session::Terminal;
use vfs::{DeviceId, DeviceNode, File, FileOps, IoctlContext, Opening};

use crate::io::{Generation, Mode};
use crate::tty::Tty;

/// Serial lines that get a name.
const SERIAL: [&str; 4] = ["ttyS0", "ttyS1", "ttyS2", "ttyS3"];

/// Consoles of the hypervisor that get a name.
const HOST: [&str; 1] = ["hvc0"];

/// /dev/tty: the controlling terminal, whichever it is.
const CURRENT: DeviceId = DeviceId::new(TTYAUX_MAJOR, 0);

/// /dev/console: the system console.
const CONSOLE: DeviceId = DeviceId::new(TTYAUX_MAJOR, 1);

/// All terminals; the first one is the system console.
static TERMINALS: SpinLock<Vec<Arc<Tty>>> = SpinLock::new(Vec::new());

/// Registers the device files of `terminals`; the first is the console.
pub(crate) fn register(terminals: Vec<Arc<Tty>>) {
    for name in SERIAL.into_iter().chain(HOST) {
        if let Some(tty) = terminals.iter().find(|tty| tty.console.name() == name) {
            node(name, tty.dev(), 0o600);
        }
    }
    *TERMINALS.lock() = terminals;
    let last = SERIAL_MINOR + SERIAL.len() as u32;
    vfs::register_chrdev(TTY_MAJOR, SERIAL_MINOR..last, Arc::new(open));
    vfs::register_chrdev(HVC_MAJOR, 0..HOST.len() as u32, Arc::new(open));
    vfs::register_chrdev(CURRENT.major, CURRENT.minor..CONSOLE.minor + 1, Arc::new(open));
    node("tty", CURRENT, 0o666);
    node("console", CONSOLE, 0o600);
    procfs::devices::name_char(TTY_MAJOR, "ttyS");
    procfs::devices::name_char(CURRENT.major, "/dev/tty");
    procfs::devices::name_char(CONSOLE.major, "/dev/console");
}

fn node(name: &'static str, dev: DeviceId, perm: u32) {
    vfs::register_node(DeviceNode { name, dev, perm, gid: 0 });
    sysfs::add_virtual("tty", name, dev);
}

/// The device number of the console called `name`.
pub(crate) fn dev_of(name: &str) -> Option<DeviceId> {
    let index = |names: &[&str]| names.iter().position(|known| *known == name);
    let serial = index(&SERIAL).map(|n| DeviceId::new(TTY_MAJOR, SERIAL_MINOR + n as u32));
    serial.or_else(|| index(&HOST).map(|n| DeviceId::new(HVC_MAJOR, n as u32)))
}

/// The terminal with a device number.
pub fn by_dev(dev: DeviceId) -> Option<Arc<Tty>> {
    TERMINALS.lock().iter().find(|tty| tty.dev() == dev).cloned()
}

/// The system console.
pub fn console() -> Option<Arc<Tty>> {
    TERMINALS.lock().first().cloned()
}

fn open(dev: DeviceId, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    let tty = match dev {
        CURRENT => current()?,
        CONSOLE => console().ok_or(error!(ENODEV, "no console"))?,
        _ => by_dev(dev).ok_or(error!(ENXIO, "no such terminal"))?,
    };
    let is_exclusive = tty.control.lock().is_exclusive;
    if is_exclusive && !opening.cred.capable(Caps::SYS_ADMIN) {
        return err!(EBUSY, "opened for one user only");
    }
    let may_control = dev != CONSOLE && !opening.flags.contains(OpenFlags::NOCTTY);
    if may_control
        && opening.flags.can_read()
        && let Some(thread) = task::current()
    {
        // Whether it becomes the controlling terminal does not matter to the open.
        let _ = tty.acquire(thread.process());
    }
    let generation = (dev != CONSOLE).then(|| tty.hangups.load(Ordering::Acquire));
    Ok(Arc::new(TtyFile { tty, generation }))
}

/// The caller's controlling terminal.
fn current() -> Result<Arc<Tty>> {
    let thread = task::current().ok_or(error!(ENXIO))?;
    let terminal = thread.process().session().terminal();
    let number = terminal.map(|terminal| terminal.device_number());
    let terminals = TERMINALS.lock();
    let found = terminals.iter().find(|tty| Some(tty.device_number()) == number);
    found.cloned().ok_or(error!(ENXIO, "no controlling terminal"))
}

/// An open terminal.
struct TtyFile {
    tty: Arc<Tty>,
    generation: Generation,
}

fn mode(file: &File) -> Mode {
    if file.is_nonblocking() { Mode::Nonblocking } else { Mode::Blocking }
}

impl FileOps for TtyFile {
    fn read(&self, file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        self.tty.read(self.generation, mode(file), dst)
    }

    fn write(&self, file: &File, src: &mut Reader<'_>) -> Result<usize> {
        self.tty.write(self.generation, mode(file), src)
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn ioctl(&self, file: &File, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        if self.tty.is_hung_up(self.generation) {
            return err!(EIO, "hung up");
        }
        self.tty.ioctl(file, cmd, context)
    }

    fn poll(&self, _file: &File, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        self.tty.poll(self.generation, waiter)
    }
}
