// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The registry of file-system types: what mount(2) can make.
//!
//! Locks: `TYPES` is a leaf (preemption off); a file system is made outside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, error};
use framework::sync::SpinLock;

use crate::Inode;

/// A file-system type.
#[derive(Clone, Copy)]
pub struct FsType {
    /// Its name for mount(2) and /proc/filesystems.
    pub name: &'static str,
    /// Makes (or finds) a file system from a source and options, and returns its root.
    pub mount: FsMount,
}

/// Makes (or finds) a file system from a source and options, and returns its root.
pub type FsMount = fn(source: &[u8], options: &[u8]) -> Result<Arc<dyn Inode>>;

static TYPES: SpinLock<Vec<FsType>> = SpinLock::new(Vec::new());

/// Makes a type known; a second one of the same name is ignored.
pub fn register_fs(fs: FsType) {
    let mut types = TYPES.lock();
    if types.iter().all(|known| known.name != fs.name) {
        types.push(fs);
    }
}

/// All known types; none needs a device.
pub fn fs_types() -> Vec<FsType> {
    TYPES.lock().clone()
}

/// Makes a file system of a type.
///
/// # Errors
/// `ENODEV` for an unknown type; what the type says of source and options, mostly `EINVAL`
/// or `ENOMEM`.
pub fn new_fs(name: &[u8], source: &[u8], options: &[u8]) -> Result<Arc<dyn Inode>> {
    let found = TYPES.lock().iter().find(|fs| fs.name.as_bytes() == name).copied();
    (found.ok_or(error!(ENODEV, "unknown file-system type"))?.mount)(source, options)
}
