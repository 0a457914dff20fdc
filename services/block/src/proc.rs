// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Disks and partitions in /proc and /sys.

use alloc::format;

use abi::Result;
use procfs::Entry;
use pseudofs::{Text, put};
use sysfs::{Device, Numbering};

use crate::volume::{Info, list};

static FILES: &[Entry] =
    &[Entry::file("diskstats", |_| Ok(())), Entry::file("partitions", partitions)];

fn partitions(out: &mut Text) -> Result<()> {
    let volumes = list();
    if !volumes.is_empty() {
        put!(out, "major minor  #blocks  name\n\n");
    }
    for Info { dev, kilobytes, name } in volumes {
        put!(out, "{:4}  {:7} {kilobytes:10} {name}\n", dev.major, dev.minor);
    }
    Ok(())
}

/// Registers the files, and shows all disks and partitions.
pub(crate) fn init(major: u32) {
    procfs::register(FILES);
    let volumes = list();
    if !volumes.is_empty() {
        procfs::devices::name_block(major, "virtblk");
    }
    for volume in volumes {
        if let Err(error) = show(&volume) {
            log::warn!("sysfs: {}: {error:?}", volume.name);
        }
    }
}

fn show(volume: &Info) -> Result<()> {
    let (name, dev) = (volume.name, volume.dev);
    let disk = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let part = name.get(disk.len()..).and_then(|part| part.parse().ok());
    let (parent, numbering) = match part {
        None => ("devices/virtual/block".into(), Numbering::Block),
        Some(part) => (format!("devices/virtual/block/{disk}"), Numbering::Partition(part)),
    };
    let folder = sysfs::device(&Device { parent: &parent, class: "block", name, dev, numbering })?;
    let number = |file: &str, value: u64| {
        sysfs::readable(&format!("{folder}/{file}"), move |out| {
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
