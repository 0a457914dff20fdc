// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From PCI functions to devices. Each kind is on the allow-list by name.

use alloc::sync::Arc;
use alloc::vec::Vec;

use class::BlockDevice;
use framework::cmdline;
use framework::host::{DeviceError, Mmio};
use framework::irq::IrqHandler;
use pci::wire::Id;
use pci::{Function, Windows};

use crate::Transport;
use crate::blk::{self, Disk};
use crate::console::{self, HostConsole};
use crate::rng::{self, HostEntropy};
use crate::wire::{MODERN, VENDOR};

/// The most devices of all kinds.
const MOST: usize = 16;

/// The devices that answered.
#[derive(Default)]
pub struct Devices {
    /// Disks, in the order of the bus.
    pub disks: Vec<Arc<Disk>>,
    /// The console.
    pub console: Option<Arc<HostConsole>>,
    /// The source of random bytes.
    pub entropy: Option<Arc<HostEntropy>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Console,
    Entropy,
}

impl Kind {
    fn of(id: Id) -> Option<Self> {
        let kind = match (id.vendor, id.device.checked_sub(MODERN)?) {
            (VENDOR, 2) => Self::Block,
            (VENDOR, 3) => Self::Console,
            (VENDOR, 4) => Self::Entropy,
            _ => return None,
        };
        kind.is_allowed().then_some(kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Block => "virtio-blk",
            Self::Console => "virtio-console",
            Self::Entropy => "virtio-rng",
        }
    }

    /// `nacre.devices=virtio-blk,virtio-rng` leaves all others out.
    fn is_allowed(self) -> bool {
        let names = cmdline::get().devices;
        names.is_none_or(|names| names.iter().any(|name| name == self.name()))
    }
}

/// Finds the virtio devices of the root bus and starts them. One that lies, or for
/// which there is no memory, is left out, with a line in the log.
pub fn probe(ecam: Mmio, windows: Arc<dyn Windows>) -> Devices {
    let mut devices = Devices::default();
    let functions = pci::enumerate(ecam, windows, |id| Kind::of(id).is_some());
    for function in functions.into_iter().take(MOST) {
        let Some(kind) = Kind::of(function.id()) else { continue };
        if let Err(error) = start(kind, &function, &mut devices) {
            function.disable();
            log::error!("{error}; {function} is left out");
        }
    }
    devices
}

fn start(kind: Kind, function: &Function, devices: &mut Devices) -> Result<(), DeviceError> {
    let capabilities = function.capabilities()?;
    let transport = Transport::attach(kind.name(), function, &capabilities)?;
    let interrupts = |handler: Arc<dyn IrqHandler>| {
        transport.enable_interrupts(function, &capabilities, &[handler])
    };
    match kind {
        Kind::Block => {
            let interrupt = Arc::new(blk::Interrupt::default());
            interrupts(interrupt.clone())?;
            let features = transport.negotiate(blk::FEATURES)?;
            let timeout = match cmdline::get().io_timeout_s {
                Some(0) => u64::MAX,
                Some(seconds) => u64::from(seconds) * 1_000_000_000,
                None => blk::TIMEOUT_NS,
            };
            let disk = Disk::new(transport, features, Some(0), timeout)?;
            let _ = interrupt.0.set(disk.clone());
            log::info!("{function} is a disk of {} sectors", disk.limits().sectors);
            devices.disks.push(disk);
        }
        Kind::Console if devices.console.is_none() => {
            let interrupt = Arc::new(console::Interrupt::default());
            interrupts(interrupt.clone())?;
            transport.negotiate(0)?;
            let console = HostConsole::new(transport, Some(0))?;
            let _ = interrupt.0.set(console.clone());
            log::info!("{function} is a console");
            devices.console = Some(console);
        }
        Kind::Entropy if devices.entropy.is_none() => {
            let interrupt = Arc::new(rng::Interrupt::default());
            interrupts(interrupt.clone())?;
            transport.negotiate(0)?;
            let entropy = HostEntropy::new(transport, Some(0))?;
            let _ = interrupt.0.set(entropy.clone());
            log::info!("{function} is a source of random bytes");
            devices.entropy = Some(entropy);
        }
        Kind::Console | Kind::Entropy => log::warn!("{function}: a second {}", kind.name()),
    }
    Ok(())
}
