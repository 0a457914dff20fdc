// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Gives each device to the service that uses it, and chooses the system console.

use alloc::sync::Arc;
use alloc::vec::Vec;

use class::{BlockDevice, Console, Entropy};
use framework::{cmdline, cvm, power, random};

/// The console of a confidential VM, when the command line names none. A serial port
/// costs a call of the host for each byte.
const VIRTIO_CONSOLE: &str = "hvc0";

/// What the drivers have found.
#[derive(Default)]
pub struct Devices {
    /// Serial ports and virtio consoles; the first is the system console if the one
    /// that should be is not there.
    pub consoles: Vec<Arc<dyn Console>>,
    /// Disks, in the order of their names.
    pub disks: Vec<Arc<dyn BlockDevice>>,
    /// Sources of random bytes.
    pub entropy: Vec<Arc<dyn Entropy>>,
}

/// Gives the devices to their services, which show them in /dev, /proc and /sys.
pub(crate) fn hand_out(devices: Devices) {
    block::init(&devices.disks);
    devices.entropy.iter().for_each(|source| stir(&**source));
    let default = cvm::is_confidential().then_some(VIRTIO_CONSOLE);
    let preferred = cmdline::get().console.or(default);
    log_to(&devices.consoles, preferred);
    if let Err(error) = tty::init(&devices.consoles, preferred) {
        log::error!("no terminals: {error:?}");
    }
}

/// Mixes the host's random bytes in; they count for nothing.
fn stir(entropy: &dyn Entropy) {
    let mut bytes = [0; 64];
    if let Ok(count) = entropy.read(&mut bytes) {
        random::mix(bytes.get(..count).unwrap_or_default());
    }
}

/// The log goes to the system console, unless that is a serial port: there it is.
fn log_to(consoles: &[Arc<dyn Console>], name: Option<&str>) {
    let console = consoles.iter().find(|console| Some(console.name()) == name);
    let is_virtio = |console: &&Arc<dyn Console>| console.name() == VIRTIO_CONSOLE;
    if let Some(console) = console.filter(is_virtio).filter(|_| !cmdline::get().is_quiet).cloned() {
        framework::log::set_console(move |line| console.write(line));
    }
    for console in consoles {
        let console = console.clone();
        power::before_end(move || console.drain());
    }
}
