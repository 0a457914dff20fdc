// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Disks and partitions: which there are, and where each lies.
//!
//! Locks: a disk's `blocks` (sleeping, held over its requests but not while user memory
//! is copied); `VOLUMES` is a leaf (preemption off).

use alloc::sync::Arc;
use alloc::vec::Vec;

use class::{BlockDevice, Sector};
use framework::sync::{RwLock, SpinLock};
use vfs::DeviceId;

/// A disk.
pub(crate) struct Disk {
    pub(crate) device: Arc<dyn BlockDevice>,
    /// Held for writing while a part of a block is changed.
    pub(crate) blocks: RwLock<()>,
}

/// A disk or a partition: a range of sectors.
#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) disk: Arc<Disk>,
    pub(crate) dev: DeviceId,
    pub(crate) name: &'static str,
    pub(crate) start: u64,
    pub(crate) sectors: u64,
}

impl Volume {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.sectors * Sector::SIZE as u64
    }

    /// The smallest unit, in bytes.
    pub(crate) fn block_size(&self) -> usize {
        self.device().limits().block_size as usize
    }

    /// The disk.
    pub(crate) fn device(&self) -> &dyn BlockDevice {
        &*self.disk.device
    }

    /// The sector of byte `at`.
    pub(crate) fn sector(&self, at: u64) -> Sector {
        Sector(self.start + at / Sector::SIZE as u64)
    }
}

static VOLUMES: SpinLock<Vec<Volume>> = SpinLock::new(Vec::new());

/// A line of /proc/partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Info {
    /// The device number.
    pub(crate) dev: DeviceId,
    /// Its size in units of 1024 bytes.
    pub(crate) kilobytes: u64,
    /// Its name.
    pub(crate) name: &'static str,
}

/// All disks and partitions.
pub(crate) fn list() -> Vec<Info> {
    let volumes = VOLUMES.lock();
    let info = |v: &Volume| Info { dev: v.dev, kilobytes: v.sectors / 2, name: v.name };
    volumes.iter().map(info).collect()
}

/// The disk or partition of a device number.
pub(crate) fn find(dev: DeviceId) -> Option<Volume> {
    VOLUMES.lock().iter().find(|volume| volume.dev == dev).cloned()
}

/// Adds a disk or partition.
pub(crate) fn add(volume: Volume) {
    VOLUMES.lock().push(volume);
}
