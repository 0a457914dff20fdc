// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Disks and partitions as devices: found at boot, opened by number.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use abi::{Result, error};
use class::block::Blocking;
use class::{BlockDevice, Sector};
use framework::sync::RwLock;
use vfs::{DeviceId, DeviceNode, FileOps, Opening};

use crate::file::BlockFile;
use crate::table::{self, MOST};
use crate::volume::{self, Disk, Volume};

/// Linux's major number of virtio disks, where nothing else takes it.
const MAJOR: u32 = 254;
/// Minor numbers of a disk: itself and its partitions.
const MINORS: u32 = MOST as u32 + 1;

/// Makes `disks` the devices vda, vdb, … and looks for partitions. Called once,
/// before devfs is made, by a task: it reads from the disks.
pub fn init(disks: &[Arc<dyn BlockDevice>]) {
    for ((index, letter), device) in (0u32..).zip('a'..='p').zip(disks) {
        let disk = Arc::new(Disk { device: device.clone(), blocks: RwLock::new(()) });
        let name = format!("vd{letter}");
        let first = index * MINORS;
        let limits = *device.limits();
        let per_block = u64::from(limits.block_size) / Sector::SIZE as u64;
        let blocks = limits.sectors / per_block;
        let mut read = |block: u64| {
            let mut bytes = alloc::vec![0; limits.block_size as usize];
            let sector = Sector(block.checked_mul(per_block)?);
            let is_read = block < blocks && device.read(sector, &mut bytes).is_ok();
            is_read.then_some(bytes)
        };
        let partitions = table::partitions(blocks, &mut read);
        let names: String = partitions.iter().map(|p| format!(" {name}{}", p.number)).collect();
        log::info!("{name}:{names}");
        add(Volume {
            disk: disk.clone(),
            dev: dev(first),
            name: name.clone().leak(),
            start: 0,
            sectors: limits.sectors,
        });
        for partition in partitions {
            add(Volume {
                disk: disk.clone(),
                dev: dev(first + partition.number),
                name: format!("{name}{}", partition.number).leak(),
                start: partition.start * per_block,
                sectors: partition.len * per_block,
            });
        }
    }
    vfs::register_blkdev(MAJOR, 0..16 * MINORS, Arc::new(open));
    crate::proc::init(MAJOR);
}

fn dev(minor: u32) -> DeviceId {
    DeviceId::new(MAJOR, minor)
}

fn add(volume: Volume) {
    vfs::register_block_node(DeviceNode {
        name: volume.name,
        dev: volume.dev,
        perm: 0o660,
        gid: 6,
    });
    volume::add(volume);
}

fn open(dev: DeviceId, _opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    let volume = volume::find(dev).ok_or(error!(ENXIO, "no such disk"))?;
    Ok(Arc::new(BlockFile::new(volume)))
}
