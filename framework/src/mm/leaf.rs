// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Leaf`]: a leaf table of an address space with its lock held.
//!
//! Each leaf table has a lock of its own, a byte of its frame's record. Who holds it may
//! look at the entries and change them; the table stays in its tree meanwhile. So faults
//! in different tables do not meet, and a table that was found needs no other lock.
//!
//! Locks: taken with the tree's lock held, or tried; the tree's may go first. Of two at a
//! time, the tree's lock is held all along.

use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::NoMemory;
use super::PAGE_SIZE;
use super::meta::{self, Meta};
use super::table::{Detached, GROUP, Seen, Table, Tables, groups_of, next_boundary, note};
use super::tlb::ActiveCpus;
use crate::arch::paging::{ENTRIES, Pte, index, span};
use crate::sync::spin_until;

/// A leaf table, locked: it is in its tree, and nobody else has its entries.
pub(super) struct Leaf<'a> {
    table: Table<'a>,
    record: &'static Meta,
    /// Not `Send`: its holder stays on its CPU.
    _stays: PhantomData<*const ()>,
}

impl<'a> Leaf<'a> {
    /// Waits for the lock of a leaf table. The tree's lock is held.
    #[inline]
    pub(super) fn lock(table: Table<'a>) -> Self {
        let record = meta::of(table.frame());
        record.latch.take();
        Self { table, record, _stays: PhantomData }
    }

    /// Locks a leaf table, unless somebody has it or it is in no tree any more.
    #[inline]
    pub(super) fn try_lock(table: Table<'a>) -> Option<Self> {
        let record = meta::of(table.frame());
        record.latch.try_take().then(|| Self { table, record, _stays: PhantomData })
    }

    /// The groups of entries that were ever used.
    #[inline]
    fn groups(&self) -> &AtomicU32 {
        &self.record.count
    }

    /// The entry of `addr`.
    #[inline]
    pub(super) fn entry(&self, addr: usize) -> &AtomicU64 {
        self.table.entry(index(addr, 1))
    }

    /// The entry of `addr`, to be filled.
    #[inline]
    pub(super) fn entry_for_use(&self, addr: usize) -> &AtomicU64 {
        let index = index(addr, 1);
        note(self.groups(), 1 << (index / GROUP));
        self.table.entry(index)
    }

    /// At most `count` entries from that of `addr` on, to be filled.
    pub(super) fn run_for_use(&self, addr: usize, count: usize) -> &[AtomicU64] {
        let first = index(addr, 1);
        let count = count.min(ENTRIES - first);
        note(self.groups(), groups_of(first, count));
        self.table.run(first, first + count)
    }

    /// Is a page mapped at `addr`, with whatever permissions?
    pub(super) fn has_page(&self, addr: usize) -> bool {
        Pte(self.entry(addr).load(Ordering::Relaxed)).is_page()
    }

    /// Takes the table out of use: nobody locks it again before it is freed.
    pub(super) fn retire(self) -> Table<'a> {
        let leaf = core::mem::ManuallyDrop::new(self);
        leaf.record.latch.keep();
        leaf.table
    }
}

impl Drop for Leaf<'_> {
    #[inline]
    fn drop(&mut self) {
        self.record.latch.free();
    }
}

/// Pages in a row whose entries lie in one leaf table, which is locked.
pub(super) struct Piece<'a> {
    leaf: Leaf<'a>,
    range: Range<usize>,
}

impl<'a> Piece<'a> {
    /// The part of `leaf` that maps `range`, which is not empty.
    #[inline]
    pub(super) fn new(leaf: Leaf<'a>, range: Range<usize>) -> Self {
        Self { leaf, range }
    }

    /// The table, if the entry of `addr` is in it too.
    #[inline]
    pub(super) fn leaf_for(&self, addr: usize) -> Option<&Leaf<'a>> {
        (addr / span(2) == self.range.start / span(2)).then_some(&self.leaf)
    }

    /// Its first address.
    #[inline]
    pub(super) fn start(&self) -> usize {
        self.range.start
    }

    /// Is it all that the table maps?
    #[inline]
    pub(super) fn is_whole(&self) -> bool {
        self.range.len() == span(2)
    }

    /// Does the table map nothing, here and elsewhere?
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.leaf.table.is_empty()
    }

    /// Calls `visit` for runs of entries, with the address of the first: all that may be in
    /// use.
    #[inline]
    pub(super) fn visit(&self, mut visit: impl FnMut(usize, &[AtomicU64])) {
        let first = index(self.range.start, 1);
        let end = first + self.range.len() / PAGE_SIZE;
        let table = self.leaf.table;
        let groups = self.leaf.groups().load(Ordering::Relaxed);
        let mut groups = groups & groups_of(first, end - first);
        while groups != 0 {
            let from = groups.trailing_zeros() as usize;
            let count = (groups >> from).trailing_ones() as usize;
            groups &= groups.wrapping_add(1 << from);
            let (from, to) = ((from * GROUP).max(first), ((from + count) * GROUP).min(end));
            visit(self.range.start + (from - first) * PAGE_SIZE, table.run(from, to));
        }
    }

    /// Is any page mapped in it?
    pub(super) fn has_pages(&self) -> bool {
        let mut found = false;
        self.visit(|_, run| {
            let is_page = |entry: &AtomicU64| Pte(entry.load(Ordering::Relaxed)).is_page();
            found = found || run.iter().any(is_page);
        });
        found
    }

    /// Forgets which of the entries were used: there is none any more.
    pub(super) fn forget(&self) {
        // Only groups that lie in the range as a whole.
        let first = index(self.range.start, 1);
        let end = (first + self.range.len() / PAGE_SIZE) / GROUP * GROUP;
        let first = first.next_multiple_of(GROUP);
        if first < end {
            let groups = self.leaf.groups();
            let left = groups.load(Ordering::Relaxed) & !groups_of(first, end - first);
            groups.store(left, Ordering::Relaxed);
        }
    }

    /// The table, taken out of use.
    pub(super) fn retire(self) -> Table<'a> {
        self.leaf.retire()
    }
}

/// Somebody else has the leaf table.
#[derive(Debug)]
pub(super) struct Busy;

/// Missing tables that are skipped with the lock held.
const SKIPS: usize = 64;

impl Tables {
    /// The leaf table of `addr`, if there is one. The tree's lock is held.
    #[inline]
    pub(super) fn leaf(&self, addr: usize) -> Option<Leaf<'_>> {
        self.leaf_table(addr).ok().map(Leaf::lock)
    }

    /// The leaf table of `addr`, if there is one and it is not that of `piece`, which the
    /// caller has. The tree's lock is held.
    pub(super) fn leaf_beside(&self, piece: &Piece<'_>, addr: usize) -> Option<Leaf<'_>> {
        if piece.leaf_for(addr).is_some() { None } else { self.leaf(addr) }
    }

    /// The leaf table of `addr`, if there is one and it can be had without the tree's lock.
    /// Waits, spinning, for who has it.
    #[inline]
    pub(super) fn leaf_alone(&self, active: &ActiveCpus, addr: usize) -> Option<Leaf<'_>> {
        match self.try_leaf(active, addr) {
            Ok(leaf) => leaf,
            Err(Busy) => self.leaf_when_free(active, addr),
        }
    }

    #[cold]
    fn leaf_when_free(&self, active: &ActiveCpus, addr: usize) -> Option<Leaf<'_>> {
        let mut found = None;
        spin_until(|| match self.try_leaf(active, addr) {
            Ok(leaf) => {
                found = leaf;
                true
            }
            Err(Busy) => false,
        });
        found
    }

    /// The leaf table of `addr`, if there is one and it can be had without the tree's lock.
    #[inline]
    pub(super) fn try_leaf(
        &self,
        active: &ActiveCpus,
        addr: usize,
    ) -> Result<Option<Leaf<'_>>, Busy> {
        let found = self.unlocked(active, || {
            let table = self.leaf_table(addr).ok()?;
            Some(Leaf::try_lock(table).ok_or(Busy))
        });
        found.transpose()
    }

    /// The leaf table that was seen, if it can be had at once without the tree's lock.
    #[inline]
    pub(super) fn try_again(&self, active: &ActiveCpus, seen: Seen) -> Option<Leaf<'_>> {
        self.unlocked(active, || Leaf::try_lock(self.again(seen)?))
    }

    /// The leaf table for `addr`, making tables on the way. The tree's lock is held.
    ///
    /// `addr` must be a user address: the kernel's half is shared.
    pub(super) fn make_leaf(&self, addr: usize) -> Result<Leaf<'_>, NoMemory> {
        self.make_leaf_table(addr).map(Leaf::lock)
    }

    /// A piece at the beginning of a range of user addresses that lies in one leaf table
    /// and has at most as many pages as `most` says of its start, if there is one soon; and
    /// where to go on. The tree's lock is held.
    pub(super) fn piece(
        &self,
        range: Range<usize>,
        most: impl Fn(usize) -> usize,
    ) -> (Option<Piece<'_>>, usize) {
        let mut at = range.start;
        for _ in 0..SKIPS {
            if at >= range.end {
                break;
            }
            match self.leaf_table(at) {
                Ok(table) => {
                    let end = next_boundary(at, 2).min(range.end).min(at + most(at) * PAGE_SIZE);
                    return (Some(Piece::new(Leaf::lock(table), at..end)), end);
                }
                Err(level) => at = next_boundary(at, level),
            }
        }
        (None, at)
    }

    /// Takes the leaf table of a piece out of the tree, and those above it that are empty
    /// then. Its entries keep what they hold. The tree's lock is held.
    pub(super) fn detach(&self, piece: Piece<'_>, out: &mut Detached) {
        let addr = piece.start();
        piece.retire();
        self.unlink(addr, out);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::thread;

    /// A tree with one leaf table. Loom reports it if the table is freed while it is used.
    struct Tree {
        link: AtomicBool,
        age: AtomicUsize,
        latch: AtomicBool,
        /// The other CPU has answered the flush.
        is_answered: AtomicBool,
        table: UnsafeCell<u32>,
    }

    impl Tree {
        fn try_take(&self) -> bool {
            !self.latch.swap(true, Ordering::Acquire)
        }

        /// What a fault does with interrupts off, and afterwards. `is_there`: its look.
        fn fault(&self, is_there: impl Fn(&Self) -> bool) {
            let is_locked = is_there(self) && self.try_take();
            // Interrupts are on again, so the flush may be answered.
            self.is_answered.store(true, Ordering::Release);
            if is_locked {
                // SAFETY: loom reports any other access.
                self.table.with_mut(|table| unsafe { *table += 1 });
                self.latch.store(false, Ordering::Release);
            }
        }

        /// Takes the table out of the tree, asks for the flush, and frees the table. Where it
        /// would wait it ends: that it comes later is tried too.
        fn unmap(&self) {
            if !self.try_take() {
                return;
            }
            self.link.store(false, Ordering::Release);
            self.age.fetch_add(1, Ordering::Release);
            if self.is_answered.load(Ordering::Acquire) {
                // SAFETY: loom reports any other access.
                self.table.with_mut(|table| unsafe { *table = 0 });
            }
        }
    }

    fn race(is_there: fn(&Tree) -> bool) {
        loom::model(move || {
            let tree = Arc::new(Tree {
                link: AtomicBool::new(true),
                age: AtomicUsize::new(0),
                latch: AtomicBool::new(false),
                is_answered: AtomicBool::new(false),
                table: UnsafeCell::new(0),
            });
            let other = tree.clone();
            let fault = thread::spawn(move || other.fault(is_there));
            tree.unmap();
            fault.join().unwrap();
        });
    }

    /// As in `Tables::try_leaf`.
    #[test]
    fn loom_a_table_that_was_found_is_locked_or_stays_shut() {
        race(|tree| tree.link.load(Ordering::Acquire));
    }

    /// As in `Tables::try_again`.
    #[test]
    fn loom_a_table_that_was_seen_is_locked_or_stays_shut() {
        race(|tree| tree.age.load(Ordering::Acquire) == 0);
    }
}
