// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Devices in /sys: a folder, the links of its class, and the link by number.

use alloc::format;
use alloc::string::String;

use abi::Result;
use pseudofs::put;
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

/// Shows the devices that are known by now. Called once at boot, when all are.
pub fn add_devices() {
    for node in vfs::device::nodes() {
        let class = match node.dev.major {
            MEM => "mem",
            SERIAL | TTY | HVC => "tty",
            _ => continue,
        };
        let parent = format!("devices/virtual/{class}");
        let (name, dev) = (node.name, node.dev);
        let shown = Device { parent: &parent, class, name, dev, numbering: Numbering::Char };
        report(name, device(&shown).map(drop));
    }
    for volume in block::list() {
        report(volume.name, add_volume(&volume));
    }
}

/// Major numbers.
const MEM: u32 = 1;
const SERIAL: u32 = 4;
const TTY: u32 = 5;
const HVC: u32 = 229;

fn report(name: &str, result: Result<()>) {
    if let Err(error) = result {
        log::warn!("sysfs: {name}: {error:?}");
    }
}

fn add_volume(volume: &block::Info) -> Result<()> {
    let (name, dev) = (volume.name, volume.dev);
    let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let part = name.get(disk.len()..).and_then(|part| part.parse().ok());
    let (parent, numbering) = match part {
        None => ("devices/virtual/block".into(), Numbering::Block),
        Some(part) => (format!("devices/virtual/block/{disk}"), Numbering::Partition(part)),
    };
    let folder = device(&Device { parent: &parent, class: "block", name, dev, numbering })?;
    let number = |file: &str, value: u64| {
        readable(&format!("{folder}/{file}"), move |out| {
            put!(out, "{value}\n");
            Ok(())
        })
    };
    number("size", volume.kilobytes * 2)?;
    number("ro", 0)?;
    match part {
        None => number("removable", 0),
        Some(part) => number("partition", part.into()),
    }
}
