// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The page tables of one address space, and how to walk them.
//!
//! The same walker runs on the machine's tables and on simulated memory. Entries
//! are atomics because the CPU sets the accessed and dirty bits on its own.

use core::marker::PhantomData;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use super::frames::{self, Class};
use super::meta::Kind;
use super::paging::{ENTRIES, Pte, USER_ENTRIES, index, span};
use super::phys::Pfn;
use super::{Frame, NoMemory, PAGE_SIZE};

/// The level of the top table; leaves are level 1.
const TOP: usize = 4;

/// One table.
///
/// # Invariants
/// The frame is a [`Kind::Table`] that lives for `'a`, is used for nothing
/// else, and whose present entries of the user half (all entries below the top)
/// point to tables of the next level or, in a leaf, to frames the entry owns a
/// reference of.
#[derive(Clone, Copy)]
pub(super) struct Table<'a>(Pfn, PhantomData<&'a Tables>);

impl<'a> Table<'a> {
    /// The table in a frame.
    ///
    /// # Safety
    /// The type's invariants hold.
    #[cfg(target_os = "none")]
    pub(super) unsafe fn of(frame: Pfn) -> Self {
        Self(frame, PhantomData)
    }

    #[inline]
    fn entries(self) -> &'a [AtomicU64; ENTRIES] {
        let entries = self.0.ptr().cast::<[AtomicU64; ENTRIES]>();
        // SAFETY: a table frame is aligned, as large as the array, lives for
        // `'a`, and all accesses to it are atomic (type invariant).
        unsafe { &*entries }
    }

    /// Entry `index`.
    #[inline]
    pub(super) fn entry(self, index: usize) -> &'a AtomicU64 {
        match self.entries().get(index % ENTRIES) {
            Some(entry) => entry,
            None => unreachable!("the index was reduced"),
        }
    }

    /// The table that entry `index` points to. Not for leaf tables.
    #[inline]
    pub(super) fn child(self, index: usize) -> Option<Self> {
        let pte = Pte(self.entry(index).load(Ordering::Acquire));
        if pte.is_table() { Some(Self(pte.pfn()?, PhantomData)) } else { None }
    }
}

/// The page tables of an address space: a tree that owns its tables and a
/// reference to each frame that is mapped. Tables stay until the tree dies.
pub(super) struct Tables {
    root: Pfn,
    /// Pages mapped.
    pub(super) pages: usize,
}

impl Tables {
    /// Tables that map nothing but the kernel's half.
    pub(super) fn new() -> Result<Self, NoMemory> {
        let root = new_table()?;
        #[cfg(target_os = "none")]
        super::kernel::share_kernel_half(root);
        Ok(Self { root, pages: 0 })
    }

    /// The top table's frame.
    #[cfg(any(target_os = "none", test))]
    pub(super) fn root(&self) -> Pfn {
        self.root
    }

    fn top(&self) -> Table<'_> {
        Table(self.root, PhantomData)
    }

    /// The leaf table for `addr`, or the level whose entry is missing.
    #[inline]
    fn leaf_table(&self, addr: usize) -> Result<Table<'_>, usize> {
        let mut table = self.top();
        for level in (2..=TOP).rev() {
            table = table.child(index(addr, level)).ok_or(level)?;
        }
        Ok(table)
    }

    /// The leaf entry for `addr`, if there is a leaf table.
    #[inline]
    pub(super) fn leaf(&self, addr: usize) -> Option<&AtomicU64> {
        self.leaf_table(addr).ok().map(|table| table.entry(index(addr, 1)))
    }

    /// The leaf entry for `addr`, making tables on the way.
    ///
    /// `addr` must be a user address: the kernel's half is shared.
    #[inline]
    pub(super) fn make_leaf(&self, addr: usize) -> Result<&AtomicU64, NoMemory> {
        let table = match self.leaf_table(addr) {
            Ok(table) => table,
            Err(_) => self.make_leaf_table(addr)?,
        };
        Ok(table.entry(index(addr, 1)))
    }

    #[cold]
    fn make_leaf_table(&self, addr: usize) -> Result<Table<'_>, NoMemory> {
        debug_assert!(index(addr, TOP) < USER_ENTRIES, "the kernel's half is shared");
        let mut table = self.top();
        for level in (2..=TOP).rev() {
            let index = index(addr, level);
            table = match table.child(index) {
                Some(child) => child,
                None => {
                    let child = new_table()?;
                    let pte = Pte::user_table(child);
                    table.entry(index).store(pte.0, Ordering::Release);
                    Table(child, PhantomData)
                }
            };
        }
        Ok(table)
    }

    /// Calls `visit` for each run of leaf entries in a page-aligned range of
    /// user addresses, with the address of the first.
    #[inline]
    pub(super) fn visit<'a>(
        &'a self,
        range: Range<usize>,
        mut visit: impl FnMut(usize, &'a [AtomicU64]),
    ) {
        let mut addr = range.start;
        while addr < range.end {
            match self.leaf_table(addr) {
                Ok(table) => {
                    let next = next_boundary(addr, 2);
                    let first = index(addr, 1);
                    let count = (next.min(range.end) - addr) / PAGE_SIZE;
                    if let Some(run) = table.entries().get(first..first + count) {
                        visit(addr, run);
                    }
                    addr = next;
                }
                Err(level) => addr = next_boundary(addr, level),
            }
        }
    }

    /// Frees the tables below `table` and drops what the leaves refer to.
    fn free_below(table: Table<'_>, level: usize) {
        let used = if level == TOP { USER_ENTRIES } else { ENTRIES };
        for entry in table.entries().iter().take(used) {
            let pte = Pte(entry.load(Ordering::Relaxed));
            if level > 1 {
                if let (true, Some(child)) = (pte.is_table(), pte.pfn()) {
                    Self::free_below(Table(child, PhantomData), level - 1);
                    frames::give(child, Kind::Table);
                }
            } else if let (true, Some(frame)) = (pte.is_page(), pte.pfn()) {
                // SAFETY: the leaf entry owned a reference (`Table`'s
                // invariant), and the table is freed without looking again.
                drop(unsafe { Frame::from_pfn(frame) });
            }
        }
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        Self::free_below(self.top(), TOP);
        frames::give(self.root, Kind::Table);
    }
}

/// An empty table.
fn new_table() -> Result<Pfn, NoMemory> {
    let frame = frames::take(Class::Kernel, Kind::Table).ok_or(NoMemory)?;
    // SAFETY: the frame was just allocated and nobody else knows it.
    unsafe { frame.ptr().write_bytes(0, PAGE_SIZE) };
    Ok(frame)
}

/// The next address above `addr` where an entry of a table of `level` begins.
#[inline]
fn next_boundary(addr: usize, level: usize) -> usize {
    (addr | (span(level) - 1)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn leaves_are_found_again() {
        let tables = Tables::new().unwrap();
        let addr = 0x7fff_1234_5000;
        assert!(tables.leaf(addr).is_none());
        tables.make_leaf(addr).unwrap().store(1 << 12, Ordering::Relaxed);
        assert_eq!(tables.leaf(addr).unwrap().load(Ordering::Relaxed), 1 << 12);
        assert_eq!(tables.leaf(addr + PAGE_SIZE).unwrap().load(Ordering::Relaxed), 0);
        assert!(tables.leaf(addr ^ (1 << 30)).is_none());
        tables.make_leaf(addr).unwrap().store(0, Ordering::Relaxed);
    }

    #[test]
    fn visits_skip_what_is_absent() {
        let tables = Tables::new().unwrap();
        let (low, high) = (span(2) * 3 - PAGE_SIZE, span(4) + PAGE_SIZE);
        tables.make_leaf(low).unwrap();
        tables.make_leaf(high).unwrap();
        let mut seen = Vec::new();
        tables.visit(low..high + 3 * PAGE_SIZE, |addr, run| seen.push((addr, run.len())));
        assert_eq!(seen, [(low, 1), (span(4), 4)]);
        seen.clear();
        tables.visit(0x1000..0x7fff_ffff_f000, |addr, run| seen.push((addr, run.len())));
        assert_eq!(seen, [(span(2) * 2, 512), (span(4), 512)]);
    }

    #[test]
    fn tables_are_freed_with_the_tree() {
        // Other tests allocate meanwhile, so look at this tree's own frames.
        let tables = Tables::new().unwrap();
        tables.make_leaf(0x1000).unwrap();
        let root = tables.root();
        assert!(super::super::meta::of(root).is(Kind::Table));
        let child = tables.top().child(0).unwrap().0;
        drop(tables);
        assert_ne!(root, child);
    }
}
