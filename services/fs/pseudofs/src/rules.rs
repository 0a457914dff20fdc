// SPDX-License-Identifier: Apache-2.0 OR MIT
//! In what the file systems differ, and their common superblock.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::limits::NAME_MAX;
use abi::{Errno, Error};
use vfs::{DentryPolicy, FileKind, StatFs, SuperBase, SuperBlock};

/// What a file system of this family says and how it behaves.
pub struct Rules {
    /// The name of the type, for mount(2) and /proc/mounts.
    pub type_name: &'static str,
    /// The magic number that statfs(2) reports.
    pub magic: u64,
    /// The block size that stat(2) reports.
    pub block_size: u32,
    /// The length that stat(2) reports of a text. 0 for "unknown": lseek(2) then knows no
    /// end.
    pub text_size: u64,
    /// Permission bits of directories that registration makes.
    pub directory_perm: u32,
    /// When the text of an open file is made anew.
    pub remake: Remake,
    /// How creating is refused, and whether chmod(2) and chown(2) are.
    pub refusal: Refusal,
}

/// When the text of an open file is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remake {
    /// At each read from offset 0.
    AtStart,
    /// At the first read after a write.
    AfterWrite,
}

/// How the file system refuses changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What is to be created is not found, and attributes are fixed (procfs).
    Missing,
    /// Creating is denied; attributes can be set (sysfs, configfs).
    Denied,
}

impl Refusal {
    /// Why nothing of this kind is created.
    pub(crate) fn creating(self, kind: FileKind) -> Error {
        let errno = match (self, kind) {
            (Self::Missing, _) => Errno::ENOENT,
            (Self::Denied, FileKind::Regular) => Errno::EACCES,
            (Self::Denied, _) => Errno::EPERM,
        };
        Error::new(errno, "nothing is created here")
    }
}

/// The superblock of a file system; there is one, however often it is mounted. (Of procfs
/// there is one in each pid namespace.)
pub struct PseudoFs {
    rules: &'static Rules,
    base: SuperBase,
    next_ino: AtomicU64,
}

impl PseudoFs {
    /// A new file system; its first inode gets number 1.
    pub fn new(rules: &'static Rules) -> Arc<Self> {
        Arc::new(Self { rules, base: SuperBase::new(), next_ino: AtomicU64::new(1) })
    }

    /// Its rules.
    pub fn rules(&self) -> &'static Rules {
        self.rules
    }

    /// A number for an inode that stays; below those of [`crate::PseudoInode::of_subject`].
    pub(crate) fn next_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }
}

impl SuperBlock for PseudoFs {
    fn type_name(&self) -> &'static str {
        self.rules.type_name
    }

    fn base(&self) -> &SuperBase {
        &self.base
    }

    fn statfs(&self) -> StatFs {
        StatFs {
            magic: self.rules.magic,
            block_size: 4096,
            name_max: NAME_MAX as u64,
            ..StatFs::default()
        }
    }

    fn dentry_policy(&self) -> DentryPolicy {
        DentryPolicy::Revalidate
    }
}
