// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Devices in /sys: a folder, the links of its class, and the link by number.

use alloc::format;
use alloc::string::String;

use abi::Result;
use vfs::DeviceId;

use crate::tree::{link, readable};

/// In which list of numbers a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Character devices.
    Char,
    /// Block devices.
    Block,
    /// Block devices that are parts of one, with their number there.
    Partition(u32),
}

/// A device to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Its folder's parent below /sys, as `devices/virtual/misc`.
    pub parent: &'a str,
    /// Its class, as `misc`.
    pub class: &'a str,
    /// Its name, also that of its node in /dev.
    pub name: &'a str,
    /// Its number.
    pub dev: DeviceId,
    /// Whose number it is.
    pub numbering: Numbering,
}

/// Shows a device: `dev`, `uevent` and `subsystem` in its folder, and the links to it.
/// Returns the folder, below /sys.
///
/// # Errors
/// `ENOTDIR` if a part of a path is no directory.
pub fn device(device: &Device<'_>) -> Result<String> {
    let Device { parent, class, name, dev, numbering } = *device;
    let (major, minor) = (dev.major, dev.minor);
    let folder = format!("{parent}/{name}");
    let number = format!("{major}:{minor}");
    let event = format!("MAJOR={major}\nMINOR={minor}\nDEVNAME={name}\n");
    let event = match numbering {
        Numbering::Char => event,
        Numbering::Block => event + "DEVTYPE=disk\n",
        Numbering::Partition(part) => format!("{event}DEVTYPE=partition\nPARTN={part}\n"),
    };
    let line = format!("{number}\n");
    readable(&format!("{folder}/dev"), move |out| {
        out.push(line.as_bytes());
        Ok(())
    })?;
    readable(&format!("{folder}/uevent"), move |out| {
        out.push(event.as_bytes());
        Ok(())
    })?;
    link(&format!("{folder}/subsystem"), &format!("class/{class}"))?;
    link(&format!("class/{class}/{name}"), &folder)?;
    match numbering {
        Numbering::Char => link(&format!("dev/char/{number}"), &folder)?,
        Numbering::Block | Numbering::Partition(_) => {
            link(&format!("dev/block/{number}"), &folder)?;
            if numbering == Numbering::Block {
                link(&format!("block/{name}"), &folder)?;
            }
        }
    }
    Ok(folder)
}

/// Shows a character device without hardware, below devices/virtual. A failure is for the log.
pub fn add_virtual(class: &str, name: &str, dev: DeviceId) {
    let parent = format!("devices/virtual/{class}");
    let shown = Device { parent: &parent, class, name, dev, numbering: Numbering::Char };
    if let Err(error) = device(&shown) {
        log::warn!("sysfs: {name}: {error:?}");
    }
}
