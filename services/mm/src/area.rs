// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One VM area: a page range with one protection and one backing.
//!
//! An [`Area`] can be cut in two and, when it continues its neighbour exactly,
//! glued to it; [`crate::area_map`] does both and nobody else changes bounds.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use framework::mm::PAGE_SIZE;
use vfs::{File, Pager};

use crate::flags::AreaFlags;
use crate::shared::SharedPages;
use abi::mman::Prot;

/// Where the pages of an area come from.
#[derive(Clone)]
pub enum Backing {
    /// Zeroed pages, private to the address space (and COW after fork).
    Anonymous,
    /// Pages of a file, from byte `offset` at the area's start.
    File {
        /// The open file; keeps it open, names it in `/proc/pid/maps`.
        file: Arc<File>,
        /// Serves its pages.
        pager: Arc<dyn Pager>,
        /// Byte offset of the first page, page-aligned.
        offset: u64,
    },
    /// Memory shared with forked children: `MAP_SHARED | MAP_ANONYMOUS`.
    Shared {
        /// The shared object.
        pages: Arc<SharedPages>,
        /// Byte offset of the first page, page-aligned.
        offset: u64,
    },
}

impl Backing {
    /// The same backing, `by` bytes further on.
    pub(crate) fn advanced(&self, by: usize) -> Self {
        let mut next = self.clone();
        match &mut next {
            Self::Anonymous => {}
            Self::File { offset, .. } | Self::Shared { offset, .. } => *offset += by as u64,
        }
        next
    }

    /// The byte offset into the backing object; 0 for anonymous memory.
    pub fn offset(&self) -> u64 {
        match self {
            Self::Anonymous => 0,
            Self::File { offset, .. } | Self::Shared { offset, .. } => *offset,
        }
    }

    /// True when `next` continues `self` after `len` bytes.
    fn continues(&self, len: usize, next: &Self) -> bool {
        match (self, next) {
            (Self::Anonymous, Self::Anonymous) => true,
            (
                Self::File { file: a, offset: at, .. },
                Self::File { file: b, offset: next_at, .. },
            ) => Arc::ptr_eq(a, b) && at + len as u64 == *next_at,
            (Self::Shared { pages: a, offset: at }, Self::Shared { pages: b, offset: next_at }) => {
                Arc::ptr_eq(a, b) && at + len as u64 == *next_at
            }
            (Self::Anonymous | Self::File { .. } | Self::Shared { .. }, _) => false,
        }
    }
}

/// A range of pages with one protection and one backing.
///
/// # Invariants
///
/// `start < end`, both page-aligned; `prot` is within `max_prot`.
pub struct Area {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) prot: Prot,
    pub(crate) max_prot: Prot,
    pub(crate) flags: AreaFlags,
    pub(crate) backing: Backing,
    /// A private area that has, or had, pages of its own (fork must copy them).
    pub(crate) has_private: AtomicBool,
}

impl Area {
    pub(crate) fn new(
        range: Range<usize>,
        prot: Prot,
        max_prot: Prot,
        flags: AreaFlags,
        backing: Backing,
    ) -> Self {
        let has_private = AtomicBool::new(false);
        Self { start: range.start, end: range.end, prot, max_prot, flags, backing, has_private }
    }

    /// The first address.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The first address after the area.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The addresses of the area.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The protection.
    pub fn prot(&self) -> Prot {
        self.prot
    }

    /// The other properties.
    pub fn flags(&self) -> AreaFlags {
        self.flags
    }

    /// Where its pages come from.
    pub fn backing(&self) -> &Backing {
        &self.backing
    }

    /// True when it holds `addr`.
    pub fn contains(&self, addr: usize) -> bool {
        self.start <= addr && addr < self.end
    }

    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.flags.contains(AreaFlags::SHARED)
    }

    /// Whether it is private memory without a file.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.backing, Backing::Anonymous)
    }

    /// The page index in the backing object of the page at `addr`.
    pub(crate) fn page_index(&self, addr: usize) -> u64 {
        (self.backing.offset() + (addr - self.start) as u64) / PAGE_SIZE as u64
    }

    /// Where new mappings above which end at `start` must stop: a stack keeps its guard gap.
    pub(crate) fn guarded_start(&self) -> usize {
        if self.flags.contains(AreaFlags::GROWSDOWN) {
            self.start.saturating_sub(crate::STACK_GUARD_PAGES * PAGE_SIZE)
        } else {
            self.start
        }
    }

    /// A copy over `range`, which must lie inside.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::new(
            range.clone(),
            self.prot,
            self.max_prot,
            self.flags,
            self.backing.advanced(range.start - self.start),
        );
        part.has_private = AtomicBool::new(self.has_private.load(Relaxed));
        part
    }

    /// Cuts at `at` (strictly inside): `self` keeps the front, the rest is returned.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let back = self.part(at..self.end);
        self.end = at;
        back
    }

    /// True when `next` directly follows and differs in nothing but its place.
    pub(crate) fn can_merge(&self, next: &Self) -> bool {
        self.end == next.start
            && self.prot == next.prot
            && self.max_prot == next.max_prot
            && self.flags == next.flags
            && self.backing.continues(self.len(), &next.backing)
    }

    /// Takes over `next`, for which [`Area::can_merge`] holds.
    pub(crate) fn absorb(&mut self, next: &Self) {
        self.end = next.end;
        if next.has_private.load(Relaxed) {
            self.has_private.store(true, Relaxed);
        }
    }
}
