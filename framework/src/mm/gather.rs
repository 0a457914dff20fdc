// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pages on their way out of an address space.
//!
//! A frame or a table may be freed only when no CPU can reach it any more. [`Gather`]
//! collects them with the space's locks held; with the locks free again it shoots the TLBs
//! down, once for many pieces of a range, and only then drops them.

use core::mem::MaybeUninit;
use core::ops::Range;

use super::batch::Batch;
use super::table::Detached;
use super::tlb::ActiveCpus;
use super::{Frame, PAGE_SIZE, tlb};

/// Frames per shootdown: as many as a leaf table has entries.
pub(super) const ROOM: usize = 512;
/// Tables per shootdown: each may hold as many frames again.
const MOST_TABLES: usize = 32;

/// Frames that left the page tables, but perhaps not the TLBs.
///
/// # Invariants
/// The first `len` slots of `frames` are initialised.
pub(super) struct Gather<'a> {
    cpus: &'a ActiveCpus,
    frames: [MaybeUninit<Frame>; ROOM],
    len: usize,
    pub(super) tables: Detached,
    /// Pages that the tables held which were freed.
    pub(super) freed: usize,
    /// Addresses to flush; empty if `end` is 0.
    start: usize,
    end: usize,
}

impl<'a> Gather<'a> {
    /// Nothing yet.
    #[inline]
    pub(super) fn new(cpus: &'a ActiveCpus) -> Self {
        Self {
            cpus,
            frames: [const { MaybeUninit::uninit() }; ROOM],
            len: 0,
            tables: Detached::new(),
            freed: 0,
            start: usize::MAX,
            end: 0,
        }
    }

    /// How many frames it has room for.
    #[inline]
    pub(super) fn room(&self) -> usize {
        ROOM - self.len
    }

    /// Takes the frame that was mapped at `page`. Who holds the space's locks pushes no more
    /// than there is room for, so that no CPU is waited for with it held.
    #[inline]
    pub(super) fn push(&mut self, page: usize, frame: Frame) {
        if self.len == ROOM {
            self.flush();
        }
        self.touch(page..page + PAGE_SIZE);
        if let Some(slot) = self.frames.get_mut(self.len) {
            slot.write(frame);
            self.len += 1;
        }
    }

    /// Entries of `pages` changed, with no frame to drop.
    #[inline]
    pub(super) fn touch(&mut self, pages: Range<usize>) {
        self.start = self.start.min(pages.start);
        self.end = self.end.max(pages.end);
    }

    /// Flushes if there is room for fewer than `most` frames, or none for another table.
    #[inline]
    pub(super) fn make_room(&mut self, most: usize) {
        if self.room() < most || self.tables.count() >= MOST_TABLES {
            self.flush();
        }
    }

    /// Makes the pages unreachable, then drops the frames and frees the tables.
    #[inline]
    pub(super) fn flush(&mut self) {
        if self.end != 0 {
            self.flush_now();
        }
    }

    fn flush_now(&mut self) {
        tlb::flush(self.cpus, self.start..self.end);
        (self.start, self.end) = (usize::MAX, 0);
        let len = core::mem::replace(&mut self.len, 0);
        if len == 0 && self.tables.count() == 0 {
            return;
        }
        let mut batch = Batch::new();
        for slot in self.frames.iter().take(len) {
            // SAFETY: the first `len` slots were initialised (type invariant);
            // `len` is 0 by now, so none is taken twice.
            batch.drop(unsafe { slot.assume_init_read() });
        }
        // SAFETY: whoever pushed a table had taken it out of the tree and touched a page of
        // it, so all CPUs have flushed it above; nothing was pushed since.
        self.freed += unsafe { self.tables.free(&mut batch) };
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}
