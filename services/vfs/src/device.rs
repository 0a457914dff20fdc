// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The registry of character and block devices: device number to what opens it.
//!
//! Services register their devices before devfs is made; a device node of any
//! file system opens through here.
//!
//! Locks: `REGISTRY` is a leaf (preemption off); a device is opened outside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use abi::{Result, err};
use framework::sync::SpinLock;

use crate::{DeviceId, FileOps, Opening};

/// Opens devices of one driver.
pub trait CharDevice: Send + Sync {
    /// Opens `dev`, one of the registered numbers.
    ///
    /// # Errors
    /// What the driver finds, such as `ENXIO` for a device that is not there, or `EBUSY`.
    fn open(&self, dev: DeviceId, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>>;
}

impl<F> CharDevice for F
where
    F: Fn(DeviceId, &Opening<'_>) -> Result<Arc<dyn FileOps>> + Send + Sync,
{
    fn open(&self, dev: DeviceId, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        self(dev, opening)
    }
}

/// A node that devfs shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNode {
    /// Its name in /dev.
    pub name: &'static str,
    /// The device.
    pub dev: DeviceId,
    /// Permission bits.
    pub perm: u32,
    /// Group.
    pub gid: u32,
}

struct Entry {
    major: u32,
    minors: Range<u32>,
    device: Arc<dyn CharDevice>,
}

struct Registry {
    chars: Vec<Entry>,
    blocks: Vec<Entry>,
    nodes: Vec<DeviceNode>,
    block_nodes: Vec<DeviceNode>,
}

static REGISTRY: SpinLock<Registry> = SpinLock::new(Registry {
    chars: Vec::new(),
    blocks: Vec::new(),
    nodes: Vec::new(),
    block_nodes: Vec::new(),
});

/// Registers who opens the character devices `major:minors`. A later
/// registration of the same numbers goes before an earlier one.
pub fn register_chrdev(major: u32, minors: Range<u32>, device: Arc<dyn CharDevice>) {
    REGISTRY.lock().chars.insert(0, Entry { major, minors, device });
}

/// Registers who opens the block devices `major:minors`.
pub fn register_blkdev(major: u32, minors: Range<u32>, device: Arc<dyn CharDevice>) {
    REGISTRY.lock().blocks.insert(0, Entry { major, minors, device });
}

/// Has devfs show a node of a block device when it is made.
pub fn register_block_node(node: DeviceNode) {
    REGISTRY.lock().block_nodes.push(node);
}

/// The nodes of block devices that devfs shows.
pub fn block_nodes() -> Vec<DeviceNode> {
    REGISTRY.lock().block_nodes.clone()
}

/// Has devfs show a node when it is made.
pub fn register_node(node: DeviceNode) {
    let mut registry = REGISTRY.lock();
    registry.nodes.retain(|old| old.name != node.name);
    registry.nodes.push(node);
}

/// The nodes that devfs shows.
pub fn nodes() -> Vec<DeviceNode> {
    REGISTRY.lock().nodes.clone()
}

pub(crate) fn open_char(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    open(opening, |registry| &registry.chars)
}

pub(crate) fn open_block(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    open(opening, |registry| &registry.blocks)
}

fn open(
    opening: &Opening<'_>,
    kind: impl FnOnce(&Registry) -> &Vec<Entry>,
) -> Result<Arc<dyn FileOps>> {
    let dev = opening.inode.base().rdev();
    let found = {
        let registry = REGISTRY.lock();
        let is_it = |entry: &&Entry| entry.major == dev.major && entry.minors.contains(&dev.minor);
        kind(&registry).iter().find(is_it).map(|entry| entry.device.clone())
    };
    match found {
        Some(device) => device.open(dev, opening),
        None => err!(ENXIO, "no such device"),
    }
}
