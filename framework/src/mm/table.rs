// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The page tables of one address space, and how to walk them.
//!
//! The same walker runs on the machine's tables and on simulated memory. Entries
//! are atomics because the CPU sets the accessed and dirty bits on its own.
//!
//! More than 400 lines with its tests: whoever may touch an entry is in this file, so
//! that its invariants are private to it.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::batch::Batch;
use super::frames::{self, Class, Frames};
use super::local::CpuCell;
use super::meta::{self, Kind};
use super::phys::Pfn;
use super::tlb::ActiveCpus;
use super::{Frame, NoMemory, PAGE_SIZE, usage};
use crate::arch;
use crate::arch::paging::{ENTRIES, Pte, USER_ENTRIES, index, span};

/// The level of the top table; leaves are level 1.
const TOP: usize = 4;

/// One table.
///
/// # Invariants
/// The frame is a [`Kind::Table`] that lives for `'a` (the tree's lock or its own is held,
/// or as in [`Tables::unlocked`]), is used for nothing else, and whose present entries of the user half (all entries below the top)
/// point to tables of the next level or, in a leaf, to frames the entry owns a
/// reference of.
#[derive(Clone, Copy)]
pub(super) struct Table<'a>(Pfn, PhantomData<&'a Tables>);

impl<'a> Table<'a> {
    /// The table in a frame.
    ///
    /// # Safety
    /// The type's invariants hold.
    pub(super) unsafe fn of(frame: Pfn) -> Self {
        Self(frame, PhantomData)
    }

    /// Entry `index`.
    #[inline]
    pub(super) fn entry(self, index: usize) -> &'a AtomicU64 {
        let entry = self.0.ptr().cast::<AtomicU64>().wrapping_add(index % ENTRIES);
        // SAFETY: the index was reduced, so the entry lies in the table, which
        // lives for `'a`; all accesses to it are atomic (type invariant).
        unsafe { &*entry }
    }

    /// The frame it is in.
    #[inline]
    pub(super) fn frame(self) -> Pfn {
        self.0
    }

    /// The entries `from..to`; none if that is no range of the table.
    #[inline]
    pub(super) fn run(self, from: usize, to: usize) -> &'a [AtomicU64] {
        if from >= to || to > ENTRIES {
            return &[];
        }
        let first = self.0.ptr().cast::<AtomicU64>().wrapping_add(from);
        // SAFETY: the range was checked, so it lies in the table, which is aligned
        // and lives for `'a`; all accesses to it are atomic (type invariant).
        unsafe { core::slice::from_raw_parts(first, to - from) }
    }

    /// The table that entry `index` points to. Not for leaf tables.
    #[inline]
    pub(super) fn child(self, index: usize) -> Option<Self> {
        let pte = Pte(self.entry(index).load(Ordering::Acquire));
        if pte.is_table() { Some(Self(pte.pfn()?, PhantomData)) } else { None }
    }

    /// The groups of entries that were ever used: bit n for entries from n * 16.
    #[inline]
    fn groups(self) -> &'static AtomicU32 {
        &meta::of(self.0).count
    }

    /// Forgets groups in which no entry is left, up to the first that has one; whether
    /// there was none. Its lock is held.
    pub(super) fn is_empty(self) -> bool {
        let groups = self.groups();
        let mut left = groups.load(Ordering::Relaxed);
        while left != 0 {
            let first = left.trailing_zeros() as usize * GROUP;
            let run = self.run(first, first + GROUP);
            if run.iter().any(|entry| entry.load(Ordering::Relaxed) != Pte::EMPTY.0) {
                break;
            }
            left &= left - 1;
        }
        groups.store(left, Ordering::Relaxed);
        left == 0
    }
}

/// Notes that the groups in `mask` are used, in a table whose lock is held.
#[inline]
pub(super) fn note(groups: &AtomicU32, mask: u32) {
    let now = groups.load(Ordering::Relaxed);
    if now & mask != mask {
        groups.store(now | mask, Ordering::Relaxed);
    }
}

/// Entries that one bit of [`Table::groups`] stands for.
pub(super) const GROUP: usize = ENTRIES / u32::BITS as usize;

/// The groups of `count` entries from `first` on.
#[inline]
pub(super) fn groups_of(first: usize, count: usize) -> u32 {
    let last = first + count.max(1) - 1;
    (u32::MAX >> (31 - last / GROUP)) & (u32::MAX << (first / GROUP))
}

/// Where the leaf entry of an address is, as it was seen, perhaps without a lock.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) addr: usize,
    table: Option<Pfn>,
    age: usize,
    /// Was a page mapped there?
    pub(super) has_page: bool,
    /// Was it a copy that not all CPUs see yet?
    pub(super) is_fresh: bool,
}

/// The page tables of an address space: a tree that owns its tables and a
/// reference to each frame that is mapped. A table without entries is taken out of the tree,
/// and freed when no CPU can reach it any more ([`Detached`]).
///
/// The owner holds the tree's lock where a method says so. Entries of a leaf table are
/// [`Leaf`](super::leaf::Leaf)'s, which locks it.
pub(super) struct Tables {
    root: Pfn,
    /// How many tables there are, the top one included.
    count: AtomicUsize,
    /// Grows after tables were taken out of the tree.
    age: AtomicUsize,
}

impl Tables {
    /// Tables that map nothing but the kernel's half.
    pub(super) fn new() -> Result<Self, NoMemory> {
        let root = match ROOTS.with(Frames::pop) {
            Some(root) => root,
            None => {
                let root = new_table()?;
                share_kernel_half(root);
                root
            }
        };
        usage::TABLES.add(1);
        Ok(Self { root, count: AtomicUsize::new(1), age: AtomicUsize::new(0) })
    }

    /// The top table's frame.
    #[inline]
    pub(super) fn root(&self) -> Pfn {
        self.root
    }

    /// How many tables there are.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn top(&self) -> Table<'_> {
        Table(self.root, PhantomData)
    }

    /// The leaf table for `addr`, or the level whose entry is missing.
    #[inline]
    pub(super) fn leaf_table(&self, addr: usize) -> Result<Table<'_>, usize> {
        let top = self.top();
        let third = top.child(index(addr, 4)).ok_or(4usize)?;
        let second = third.child(index(addr, 3)).ok_or(3usize)?;
        second.child(index(addr, 2)).ok_or(2)
    }

    /// Does something that needs no lock: not if this CPU is none of `active`, which have the
    /// tables loaded.
    ///
    /// Interrupts are off meanwhile. So a table that is taken out of the tree stays what it
    /// was: it is freed only after all of `active` have answered a flush, which this CPU does
    /// in an interrupt or while it spins. `look` does not spin.
    #[inline]
    #[allow(clippy::let_unit_value, reason = "there is no such state on the build machine")]
    pub(super) fn unlocked<R>(
        &self,
        active: &ActiveCpus,
        look: impl FnOnce() -> Option<R>,
    ) -> Option<R> {
        let state = arch::irq_save();
        let seen = if active.has_current() { look() } else { None };
        arch::irq_restore(state);
        seen
    }

    /// Looks for the leaf table of `addr` without a lock, if that can be done here.
    #[inline]
    pub(super) fn glance(&self, active: &ActiveCpus, addr: usize) -> Option<Seen> {
        self.unlocked(active, || Some(self.see(addr)))
    }

    /// The leaf table that was seen, if none was taken out of the tree since: then it stays
    /// what it was, or who takes it out waits for this CPU. In [`Tables::unlocked`].
    #[inline]
    pub(super) fn again(&self, seen: Seen) -> Option<Table<'_>> {
        let is_current = self.age.load(Ordering::Acquire) == seen.age;
        seen.table.filter(|_| is_current).map(|table| Table(table, PhantomData))
    }

    /// Looks for the leaf table of `addr`.
    #[inline]
    pub(super) fn see(&self, addr: usize) -> Seen {
        // Before the walk: of a table that went before this age, nothing is seen.
        let age = self.age.load(Ordering::Acquire);
        let table = self.leaf_table(addr).ok();
        let entry = table.map(|table| table.entry(index(addr, 1)).load(Ordering::Relaxed));
        let entry = Pte(entry.unwrap_or(Pte::EMPTY.0));
        let table = table.map(|table| table.0);
        Seen { addr, table, age, has_page: entry.is_page(), is_fresh: entry.is_fresh() }
    }

    /// Makes the leaf table for `addr` if there is none. The tree's lock is held.
    pub(super) fn make(&self, addr: usize) -> Result<(), NoMemory> {
        self.make_leaf_table(addr).map(drop)
    }

    pub(super) fn make_leaf_table(&self, addr: usize) -> Result<Table<'_>, NoMemory> {
        debug_assert!(index(addr, TOP) < USER_ENTRIES, "the kernel's half is shared");
        let mut table = self.top();
        for level in (2..=TOP).rev() {
            let index = index(addr, level);
            table = match table.child(index) {
                Some(child) => child,
                None => {
                    let child = new_table()?;
                    usage::TABLES.add(1);
                    self.count.fetch_add(1, Ordering::Relaxed);
                    let pte = Pte::user_table(child);
                    note(table.groups(), 1 << (index / GROUP));
                    table.entry(index).store(pte.0, Ordering::Release);
                    Table(child, PhantomData)
                }
            };
        }
        Ok(table)
    }
}

impl Tables {
    /// Takes the leaf table of `addr` out of the tree, and those above it that are empty
    /// then. Its entries keep what they hold. The tree's lock is held, and its own for good.
    pub(super) fn unlink(&self, addr: usize, out: &mut Detached) {
        let top = self.top();
        let Some(third) = top.child(index(addr, 4)) else { return };
        let Some(second) = third.child(index(addr, 3)) else { return };
        for (table, level) in [(second, 2), (third, 3), (top, TOP)] {
            let index = index(addr, level);
            let Some(child) = table.child(index) else { break };
            table.entry(index).store(Pte::EMPTY.0, Ordering::Release);
            self.count.fetch_sub(1, Ordering::Relaxed);
            out.push(child);
            if level == TOP || !table.is_empty() {
                break;
            }
        }
        self.age.fetch_add(1, Ordering::Release);
    }
}

/// Tables that were taken out of a tree, linked by their records.
///
/// # Invariants
/// Each is in no tree and in no other list. It is a leaf, or has no entries.
pub(super) struct Detached {
    first: Option<Pfn>,
    count: usize,
}

impl Detached {
    /// None.
    pub(super) const fn new() -> Self {
        Self { first: None, count: 0 }
    }

    /// How many there are.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes a table, which the caller has just taken out of its tree.
    fn push(&mut self, table: Table<'_>) {
        let next = self.first.map_or(0, Pfn::get);
        meta::of(table.0).next.store(next, Ordering::Relaxed);
        self.first = Some(table.0);
        self.count += 1;
    }

    /// Drops what the tables map, and frees them. Returns how many pages that were.
    ///
    /// # Safety
    /// No CPU can reach any of them: all that had the space loaded have flushed it since
    /// the last one was pushed.
    pub(super) unsafe fn free(&mut self, batch: &mut Batch) -> usize {
        let mut pages = 0;
        usage::TABLES.sub(core::mem::take(&mut self.count));
        while let Some(table) = self.first {
            self.first = Pfn::new(meta::of(table).next.load(Ordering::Relaxed));
            pages += empty(Table(table, PhantomData), 1, batch);
            // Held since the table was retired; nobody looks at it any more.
            meta::of(table).latch.reset();
            give_table(table);
        }
        pages
    }
}

/// Keeps an empty table for the next tree, or frees it.
fn give_table(table: Pfn) {
    if let Err(table) = EMPTY_TABLES.with(|tables| tables.push(table)) {
        frames::give(table, Kind::Table);
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let mut batch = Batch::new();
        empty(self.top(), TOP, &mut batch);
        usage::TABLES.sub(self.count());
        if let Err(root) = ROOTS.with(|roots| roots.push(self.root)) {
            frames::give(root, Kind::Table);
        }
    }
}

/// Frees the tables below `table`, drops what the leaves refer to, and leaves
/// the table without user entries. Returns how many pages that were.
fn empty(table: Table<'_>, level: usize, batch: &mut Batch) -> usize {
    let mut pages = 0;
    let groups = table.groups();
    let mut left = groups.load(Ordering::Relaxed);
    groups.store(0, Ordering::Relaxed);
    while left != 0 {
        let group = left.trailing_zeros() as usize;
        left &= left - 1;
        for entry in table.run(group * GROUP, (group + 1) * GROUP) {
            let pte = Pte(entry.load(Ordering::Relaxed));
            if pte == Pte::EMPTY {
                continue;
            }
            entry.store(Pte::EMPTY.0, Ordering::Relaxed);
            let Some(pfn) = pte.pfn() else { continue };
            if level == 1 {
                // SAFETY: the leaf entry owned a reference (`Table`'s
                // invariant), and is empty now.
                batch.drop(unsafe { Frame::from_pfn(pfn) });
                pages += 1;
            } else {
                pages += empty(Table(pfn, PhantomData), level - 1, batch);
                give_table(pfn);
            }
        }
    }
    pages
}

/// Tables of trees that died: all zeros, and not used in any group.
static EMPTY_TABLES: CpuCell<Frames<32>> = CpuCell::new();
/// Top tables of trees that died: zeros, but for the kernel's half.
static ROOTS: CpuCell<Frames<8>> = CpuCell::new();

/// An empty table.
fn new_table() -> Result<Pfn, NoMemory> {
    if let Some(table) = EMPTY_TABLES.with(Frames::pop) {
        return Ok(table);
    }
    let frame = frames::take(Class::Kernel, Kind::Table).ok_or(NoMemory)?;
    meta::of(frame).count.store(0, Ordering::Relaxed);
    // SAFETY: the frame was just allocated and nobody else knows it.
    unsafe { frame.ptr().write_bytes(0, PAGE_SIZE) };
    Ok(frame)
}

/// Copies the kernel's entries into a new top table, which nobody uses yet.
fn share_kernel_half(new: Pfn) {
    let Some(root) = super::root::root() else { return };
    let (top, new) = (Table(root, PhantomData), Table(new, PhantomData));
    for i in super::root::kernel_entries() {
        new.entry(i).store(top.entry(i).load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The next address above `addr` where an entry of a table of `level` begins.
#[inline]
pub(super) fn next_boundary(addr: usize, level: usize) -> usize {
    (addr | (span(level) - 1)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{self, CpuSet};
    use crate::mm::leaf::Piece;
    use core::ops::Range;
    use std::vec::Vec;

    /// This CPU, as one that has the tables loaded.
    fn active() -> ActiveCpus {
        let cpus = ActiveCpus::new();
        cpus.join(CpuSet::of(cpu::current()).bits());
        cpus
    }

    #[test]
    fn a_table_is_looked_at_without_a_lock_only_where_it_is_loaded() {
        let tables = Tables::new().unwrap();
        tables.make(0x1000).unwrap();
        let nobody = ActiveCpus::new();
        assert!(tables.glance(&nobody, 0x1000).is_none());
        assert!(matches!(tables.try_leaf(&nobody, 0x1000), Ok(None)));
        assert!(tables.try_again(&nobody, tables.see(0x1000)).is_none());
        assert!(tables.glance(&active(), 0x1000).is_some());
        assert!(matches!(tables.try_leaf(&active(), 0x1000), Ok(Some(_))));
        assert!(tables.try_again(&active(), tables.see(0x1000)).is_some());
    }

    #[test]
    fn a_table_that_somebody_has_is_locked_by_nobody_else() {
        let (tables, cpus) = (Tables::new().unwrap(), active());
        let held = tables.make_leaf(0x1000).unwrap();
        let seen = tables.see(0x1000);
        for _ in 0..2 {
            assert!(tables.try_leaf(&cpus, 0x1000).is_err());
            assert!(tables.try_again(&cpus, seen).is_none());
        }
        drop(held);
        assert!(tables.leaf_alone(&cpus, 0x1000).is_some());
    }

    #[test]
    fn a_table_that_went_is_not_found_again() {
        let (tables, cpus) = (Tables::new().unwrap(), active());
        tables.make(0x1000).unwrap();
        let seen = tables.see(0x1000);
        let mut gone = Detached::new();
        let (piece, _) = tables.piece(0x1000..0x2000, |_| 1);
        tables.detach(piece.unwrap(), &mut gone);
        assert!(matches!(tables.try_leaf(&cpus, 0x1000), Ok(None)));
        assert!(tables.try_again(&cpus, seen).is_none(), "it is locked until it is freed");
        // SAFETY: no CPU has these tables loaded.
        unsafe { gone.free(&mut Batch::new()) };
        assert!(tables.try_again(&cpus, seen).is_none(), "it is another's now");
    }

    #[test]
    fn leaves_are_found_again() {
        let tables = Tables::new().unwrap();
        let addr = 0x7fff_1234_5000;
        assert!(tables.leaf(addr).is_none());
        let leaf = tables.make_leaf(addr).unwrap();
        leaf.entry_for_use(addr).store(1 << 12, Ordering::Relaxed);
        drop(leaf);
        let leaf = tables.leaf(addr).unwrap();
        assert_eq!(leaf.entry(addr).load(Ordering::Relaxed), 1 << 12);
        assert_eq!(leaf.entry(addr + PAGE_SIZE).load(Ordering::Relaxed), 0);
        assert!(tables.leaf(addr ^ (1 << 30)).is_none());
        leaf.entry(addr).store(0, Ordering::Relaxed);
    }

    /// The runs of a range: where they begin, and how many entries they have.
    fn runs(tables: &Tables, range: Range<usize>) -> Vec<(usize, usize)> {
        let mut seen = Vec::new();
        each(tables, range, |piece| piece.visit(|addr, run| seen.push((addr, run.len()))));
        seen
    }

    fn each(tables: &Tables, range: Range<usize>, mut piece: impl FnMut(Piece<'_>)) {
        let mut at = range.start;
        while at < range.end {
            let (found, next) = tables.piece(at..range.end, |_| ENTRIES);
            found.map(&mut piece);
            at = next;
        }
    }

    #[test]
    fn visits_skip_what_is_absent() {
        let tables = Tables::new().unwrap();
        let (low, high) = (span(2) * 3 - PAGE_SIZE, span(4) + PAGE_SIZE);
        tables.make_leaf(low).unwrap().entry_for_use(low);
        tables.make_leaf(high).unwrap().entry_for_use(high);
        assert_eq!(runs(&tables, low..high + 3 * PAGE_SIZE), [(low, 1), (span(4), 4)], "cut");
        // All user addresses, but under Miri, where that takes minutes.
        let all = if cfg!(miri) { 0x1000..span(4) + span(2) } else { 0x1000..0x7fff_ffff_f000 };
        assert_eq!(runs(&tables, all), [(span(2) * 3 - 16 * PAGE_SIZE, 16), (span(4), 16)]);
        let more = span(4) + 16 * PAGE_SIZE;
        tables.make_leaf(more).unwrap().run_for_use(more, 17);
        let some = span(4) + PAGE_SIZE..span(4) + 40 * PAGE_SIZE;
        assert_eq!(runs(&tables, some.clone()), [(span(4) + PAGE_SIZE, 39)]);
        each(&tables, some, |piece| piece.forget());
        let left = [(span(4), 16), (span(4) + 32 * PAGE_SIZE, 16)];
        assert_eq!(runs(&tables, span(4)..span(4) + span(2)), left);
    }

    #[test]
    fn groups() {
        assert_eq!(groups_of(0, 512), u32::MAX);
        assert_eq!(groups_of(0, 1), 1);
        assert_eq!(groups_of(15, 2), 0b11);
        assert_eq!(groups_of(511, 1), 1 << 31);
        assert_eq!(groups_of(16, 16), 0b10);
    }

    #[test]
    fn tables_are_freed_with_the_tree() {
        // Other tests allocate meanwhile, so look at this tree's own frames.
        let tables = Tables::new().unwrap();
        tables.make(0x1000).unwrap();
        let root = tables.root();
        assert!(super::super::meta::of(root).is(Kind::Table));
        let child = tables.top().child(0).unwrap().0;
        drop(tables);
        assert_ne!(root, child);
    }
}
