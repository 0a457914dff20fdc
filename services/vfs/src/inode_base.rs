// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What every inode has: numbers, attributes, locks.
//!
//! A file system embeds an [`InodeBase`] in each of its inodes.
//!
//! Locks: `dir` (sleeping) of the parent, then of the child; `attr` (preemption off)
//! innermost. What a file system locks inside of its own calls lies between the two.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use abi::stat::{S_IALLUGO, S_ISGID, S_ISUID, S_IXGRP};
use abi::{Result, err};
use framework::sync::{Mutex, Once, SpinLock};

use crate::lock::LockTable;
use crate::{Attr, DeviceId, FileKind, Metadata, Owner, SetAttr, SuperBlock, Timestamp};

/// What every inode has: numbers, attributes, locks.
pub struct InodeBase {
    sb: Arc<dyn SuperBlock>,
    ino: u64,
    kind: FileKind,
    rdev: DeviceId,
    attr: SpinLock<Attr>,
    /// Held by the vfs around each change of a directory.
    pub(crate) dir: Mutex<()>,
    /// Open for writing if positive, executing if negative.
    writers: AtomicI32,
    locks: Once<Box<LockTable>>,
    is_linkable: AtomicBool,
    /// It has or once had a set-id bit: writers need not look at the others.
    may_be_setid: AtomicBool,
}

impl InodeBase {
    /// The base of a new inode.
    pub fn new(sb: Arc<dyn SuperBlock>, ino: u64, kind: FileKind, attr: Attr) -> Self {
        Self::with_rdev(sb, ino, kind, attr, DeviceId::default())
    }

    /// The base of a new device node.
    pub fn with_rdev(
        sb: Arc<dyn SuperBlock>,
        ino: u64,
        kind: FileKind,
        attr: Attr,
        rdev: DeviceId,
    ) -> Self {
        Self {
            sb,
            ino,
            kind,
            rdev,
            attr: SpinLock::new(attr),
            dir: Mutex::new(()),
            writers: AtomicI32::new(0),
            locks: Once::new(),
            is_linkable: AtomicBool::new(false),
            may_be_setid: AtomicBool::new(attr.perm & (S_ISUID | S_ISGID) != 0),
        }
    }

    /// The file system.
    pub fn sb(&self) -> &Arc<dyn SuperBlock> {
        &self.sb
    }

    /// The inode number.
    pub fn ino(&self) -> u64 {
        self.ino
    }

    /// What it is.
    #[inline]
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Whether it is a directory.
    #[inline]
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// The device a device node stands for.
    pub fn rdev(&self) -> DeviceId {
        self.rdev
    }

    /// Whether linkat(2) may name it though it has no name (O_TMPFILE without O_EXCL).
    pub fn is_linkable(&self) -> bool {
        self.is_linkable.load(Ordering::Relaxed)
    }

    pub(crate) fn set_linkable(&self) {
        self.is_linkable.store(true, Ordering::Relaxed);
    }

    /// A copy of the attributes.
    #[inline]
    pub fn attr(&self) -> Attr {
        *self.attr.lock()
    }

    /// Permission bits, owner and group: what every step of a path walk asks.
    #[inline]
    pub fn owner(&self) -> Owner {
        let attr = self.attr.lock();
        Owner { perm: attr.perm, uid: attr.uid, gid: attr.gid }
    }

    /// Changes the attributes under their lock.
    pub fn update<R>(&self, change: impl FnOnce(&mut Attr) -> R) -> R {
        change(&mut self.attr.lock())
    }

    /// Applies a change of attributes.
    pub fn apply(&self, change: &SetAttr) {
        let mut attr = self.attr.lock();
        let SetAttr { perm, uid, gid, atime, mtime, ctime } = *change;
        attr.perm = perm.unwrap_or(attr.perm) & S_IALLUGO;
        if attr.perm & (S_ISUID | S_ISGID) != 0 {
            self.may_be_setid.store(true, Ordering::Relaxed);
        }
        attr.uid = uid.unwrap_or(attr.uid);
        attr.gid = gid.unwrap_or(attr.gid);
        attr.atime = atime.unwrap_or(attr.atime);
        attr.mtime = mtime.unwrap_or(attr.mtime);
        attr.ctime = ctime.unwrap_or(attr.ctime);
    }

    /// Content changed: sets mtime and ctime.
    pub fn touch_modified(&self) {
        let now = Timestamp::now();
        let mut attr = self.attr.lock();
        attr.mtime = now;
        attr.ctime = now;
    }

    /// Attributes changed: sets ctime.
    pub fn touch_changed(&self) {
        self.attr.lock().ctime = Timestamp::now();
    }

    /// Whether a write has set-id bits to look at.
    #[inline]
    pub(crate) fn may_be_setid(&self) -> bool {
        self.may_be_setid.load(Ordering::Relaxed)
    }

    /// Clears the set-id bits that a write by another clears.
    pub(crate) fn remove_setid(&self) {
        self.update(|attr| {
            let mut cleared = S_ISUID;
            if attr.perm & S_IXGRP != 0 {
                cleared |= S_ISGID;
            }
            attr.perm &= !cleared;
        });
    }

    /// The metadata with a size and block count.
    pub fn metadata(&self, size: u64, blocks: u64) -> Metadata {
        let attr = self.attr();
        Metadata {
            dev: self.sb.dev(),
            ino: self.ino,
            mode: self.kind.mode_bits() | attr.perm,
            nlink: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            rdev: self.rdev,
            size,
            blksize: 4096,
            blocks,
            atime: attr.atime,
            mtime: attr.mtime,
            ctime: attr.ctime,
            btime: attr.btime,
        }
    }

    /// Counts one more writer.
    ///
    /// # Errors
    /// `ETXTBSY` while the file is executed.
    pub fn get_write(&self) -> Result<()> {
        self.count(1, |count| count >= 0)
    }

    /// Takes back [`Self::get_write`].
    pub fn put_write(&self) {
        self.writers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Denies writing while a program runs from the file.
    ///
    /// # Errors
    /// `ETXTBSY` while the file is open for writing.
    pub fn deny_write(&self) -> Result<()> {
        self.count(-1, |count| count <= 0)
    }

    /// Takes back [`Self::deny_write`].
    pub fn allow_write(&self) {
        self.writers.fetch_add(1, Ordering::AcqRel);
    }

    fn count(&self, step: i32, is_allowed: impl Fn(i32) -> bool) -> Result<()> {
        let next = |count| if is_allowed(count) { count.checked_add(step) } else { None };
        match self.writers.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(_) => err!(ETXTBSY, "the file is written or executed"),
        }
    }

    /// The file locks, made at first use.
    pub fn locks(&self) -> &LockTable {
        self.locks.call_once(|| Box::new(LockTable::new()))
    }

    /// The file locks if anyone ever took one.
    pub fn existing_locks(&self) -> Option<&LockTable> {
        self.locks.get().map(|table| &**table)
    }
}
