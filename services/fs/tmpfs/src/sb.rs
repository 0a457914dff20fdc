// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The superblock of a tmpfs: limits and what is charged to them.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::limits::NAME_MAX;
use abi::magic::TMPFS_MAGIC;
use abi::{Result, err};
use framework::mm::PAGE_SIZE;
use vfs::{StatFs, SuperBase, SuperBlock};

use crate::Options;
use crate::options::UNLIMITED;

/// Nodes of a [`vfs::PageMap`] that fit in a page.
const NODES_IN_PAGE: u64 = 3;

/// What the inodes of one tmpfs share.
pub(crate) struct TmpSuper {
    options: Options,
    base: SuperBase,
    /// The limits now; those in `options` are the first ones.
    max_pages: AtomicU64,
    max_inodes: AtomicU64,
    used_pages: AtomicU64,
    /// What finds the pages of files.
    used_nodes: AtomicU64,
    used_inodes: AtomicU64,
    next_ino: AtomicU64,
}

impl TmpSuper {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            base: SuperBase::new(),
            max_pages: AtomicU64::new(options.max_pages),
            max_inodes: AtomicU64::new(options.max_inodes),
            used_pages: AtomicU64::new(0),
            used_nodes: AtomicU64::new(0),
            used_inodes: AtomicU64::new(0),
            next_ino: AtomicU64::new(1),
        }
    }

    pub(crate) fn next_ino(&self) -> u64 {
        self.next_ino.fetch_add(1, Ordering::Relaxed)
    }

    fn max_pages(&self) -> u64 {
        self.max_pages.load(Ordering::Relaxed)
    }

    fn max_inodes(&self) -> u64 {
        self.max_inodes.load(Ordering::Relaxed)
    }

    /// Charges pages; `ENOSPC` beyond the limit.
    pub(crate) fn charge_pages(&self, count: u64) -> Result<()> {
        charge(&self.used_pages, count, self.max_pages().saturating_sub(self.node_pages()))
    }

    /// Notes that a file's pages are found through `new` nodes, not `old` any more.
    pub(crate) fn count_nodes(&self, old: u64, new: u64) {
        if old != new {
            self.used_nodes.fetch_add(new.wrapping_sub(old), Ordering::Relaxed);
        }
    }

    /// The pages that nodes take, but for one node to two pages, which files without holes
    /// never need: a file with a byte here and there takes more memory than its pages.
    fn node_pages(&self) -> u64 {
        let few = self.used_pages.load(Ordering::Relaxed) / 2;
        self.used_nodes.load(Ordering::Relaxed).saturating_sub(few) / NODES_IN_PAGE
    }

    pub(crate) fn uncharge_pages(&self, count: u64) {
        self.used_pages.fetch_sub(count, Ordering::Relaxed);
    }

    /// Charges an inode or a further name of one; `ENOSPC` beyond the limit.
    pub(crate) fn charge_inode(&self) -> Result<()> {
        charge(&self.used_inodes, 1, self.max_inodes())
    }

    pub(crate) fn uncharge_inode(&self) {
        self.used_inodes.fetch_sub(1, Ordering::Relaxed);
    }

    /// Pages that are not charged yet.
    pub(crate) fn free_pages(&self) -> u64 {
        let used = self.used_pages.load(Ordering::Relaxed);
        self.max_pages().saturating_sub(used.saturating_add(self.node_pages()))
    }
}

fn charge(used: &AtomicU64, count: u64, limit: u64) -> Result<()> {
    let old = used.fetch_add(count, Ordering::Relaxed);
    if old.saturating_add(count) > limit {
        used.fetch_sub(count, Ordering::Relaxed);
        return err!(ENOSPC, "tmpfs is full");
    }
    Ok(())
}

impl SuperBlock for TmpSuper {
    fn type_name(&self) -> &'static str {
        self.options.type_name
    }

    fn base(&self) -> &SuperBase {
        &self.base
    }

    fn statfs(&self) -> StatFs {
        let used_inodes = self.used_inodes.load(Ordering::Relaxed);
        StatFs {
            magic: TMPFS_MAGIC,
            block_size: PAGE_SIZE as u64,
            blocks: self.max_pages(),
            free_blocks: self.free_pages(),
            files: self.max_inodes(),
            free_files: self.max_inodes().saturating_sub(used_inodes),
            name_max: NAME_MAX as u64,
        }
    }

    /// Changes the limits, to no less than what is used; the root directory stays as it is.
    fn reconfigure(&self, options: &[u8]) -> Result<()> {
        let (pages, inodes) = (self.max_pages(), self.max_inodes());
        let now = Options { max_pages: pages, max_inodes: inodes, ..self.options.clone() };
        let new = now.with(options)?;
        let is_late = |old: u64, new: u64| old >= UNLIMITED && new < UNLIMITED;
        if is_late(pages, new.max_pages) || is_late(inodes, new.max_inodes) {
            return err!(EINVAL, "what had no limit gets none");
        }
        let used_pages = self.used_pages.load(Ordering::Relaxed).saturating_add(self.node_pages());
        if new.max_pages < used_pages || new.max_inodes < self.used_inodes.load(Ordering::Relaxed) {
            return err!(EINVAL, "more than that is used");
        }
        self.max_pages.store(new.max_pages, Ordering::Relaxed);
        self.max_inodes.store(new.max_inodes, Ordering::Relaxed);
        Ok(())
    }

    fn show_options(&self, out: &mut Vec<u8>) {
        let kib = self.max_pages().saturating_mul(PAGE_SIZE as u64 / 1024);
        let text = alloc::format!(",size={kib}k,nr_inodes={}", self.max_inodes());
        out.extend_from_slice(text.as_bytes());
        if self.options.perm != 0o1777 {
            out.extend_from_slice(alloc::format!(",mode={:o}", self.options.perm).as_bytes());
        }
    }
}
