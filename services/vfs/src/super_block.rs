// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a file system implements once: its superblock.
//!
//! A file system embeds a [`SuperBase`] in it, with the lock that renames take.
//!
//! Locks: the tree of a superblock (sleeping), then directories in it. Of two
//! superblocks never both: nothing is renamed or linked across.

use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use abi::Result;
use framework::sync::RwLock;

use crate::{DeviceId, StatFs};

/// The next minor number of a file system without a device; the major is 0.
static NEXT_ANONYMOUS: AtomicU32 = AtomicU32::new(1);

/// What every file system has.
pub struct SuperBase {
    dev: DeviceId,
    /// Renames hold it exclusively, all else that reads or changes directories shared.
    pub(crate) tree: RwLock<()>,
    /// Files that are open for writing.
    pub(crate) writers: AtomicUsize,
}

impl SuperBase {
    /// That of a file system without a device, with a number of its own.
    pub fn new() -> Self {
        Self::on(DeviceId::new(0, NEXT_ANONYMOUS.fetch_add(1, Ordering::Relaxed)))
    }

    /// That of a file system on a device.
    pub const fn on(dev: DeviceId) -> Self {
        Self { dev, tree: RwLock::new(()), writers: AtomicUsize::new(0) }
    }
}

impl Default for SuperBase {
    fn default() -> Self {
        Self::new()
    }
}

/// A mounted file system, shared by its inodes.
pub trait SuperBlock: Any + Send + Sync {
    /// The name of the type, as /proc/mounts shows it.
    fn type_name(&self) -> &'static str;
    /// What every file system has.
    fn base(&self) -> &SuperBase;
    /// The device number that stat(2) reports for its files.
    fn dev(&self) -> DeviceId {
        self.base().dev
    }
    /// Figures for statfs(2).
    fn statfs(&self) -> StatFs;
    /// Own options for /proc/mounts, such as `size=1024k`; with a leading comma each.
    fn show_options(&self, _out: &mut Vec<u8>) {}
    /// Writes what is dirty to its medium.
    ///
    /// # Errors
    /// `EIO` if the medium fails.
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    /// Obeys the options of a remount; nothing has changed after an error.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option, or one that cannot be changed so.
    fn reconfigure(&self, _options: &[u8]) -> Result<()> {
        Ok(())
    }
    /// How dentries of this file system may be cached.
    fn dentry_policy(&self) -> DentryPolicy {
        DentryPolicy::Cache
    }
}

/// How names of a file system are cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DentryPolicy {
    /// Names change through the vfs only: positive and negative entries are kept.
    Cache,
    /// Names come and go by themselves (procfs): positive entries are asked
    /// [`Inode::is_valid`](crate::Inode::is_valid) at each use, negative ones are not kept.
    Revalidate,
}
