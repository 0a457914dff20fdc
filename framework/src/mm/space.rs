// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`VmSpace`]: what a program's addresses mean.
//!
//! Maps untyped frames into the user half of a 4-level page table, with
//! copy-on-write and demand faults left to the owner's [`FaultHandler`]. It
//! knows no files and no areas: those are `services/mm`'s.
//!
//! Any safe call is sound: only untyped frames can be mapped, only below
//! [`USER_MAX`], and a frame is not given away before no CPU can reach it.
//!
//! More than 400 lines: each change of a mapping is here, beside the TLB flush that it
//! owes.
//!
//! Locks: the tree's, for its form, then that of a leaf table, for its entries; the tree's of
//! a second space is tried, not waited for. Nothing sleeps under them. They are held for the
//! entries of one leaf table at most, or the copy of one page, and free while other CPUs are
//! waited for. A fault takes the leaf table's alone, if there is one already.

use alloc::sync::{Arc, Weak};
use core::ops::{Deref, Range};
use core::sync::atomic::{AtomicU64, Ordering};

use super::frames;
use super::gather::{Gather, ROOM};
use super::leaf::{Leaf, Piece};
use super::meta;
use super::table::{Seen, Tables, next_boundary};
use super::tlb::{self, ActiveCpus};
use super::{Access, Frame, NoMemory, PAGE_SIZE, Perms, USER_MAX, USER_MIN, UserFault};
use crate::arch;
use crate::arch::paging::{Pte, span};
use crate::sync::{Once, SpinLock, SpinLockGuard, Spread, spin_until};

/// Is a mapped frame copied before it is written?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cow {
    /// Writes go to the frame.
    No,
    /// Writes go to a copy, unless the mapping has the only reference.
    Yes,
}

/// How `fork` treats a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Copy-on-write on both sides.
    Private,
    /// Both sides see each other's writes.
    Shared,
}

/// What [`VmSpace::write_fault`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteOutcome {
    /// Nothing was mapped: the new page is.
    Filled,
    /// The page was shared: it has a copy of its own now.
    Copied,
    /// Nobody else had the page any more: it was made writable.
    Reused,
    /// Another thread was faster: the page is writable already, or gone.
    Retry,
    /// The mapping does not permit writes, or this is no user address.
    Refused,
}

/// A page that is mapped.
#[derive(Debug)]
pub struct Mapping {
    /// The page.
    pub frame: Frame,
    /// What the program may do, after a copy if `cow`.
    pub perms: Perms,
    /// Is the page copied before it is written?
    pub cow: bool,
    /// Has it been written through this mapping?
    pub dirty: bool,
}

/// Makes missing pages present when the kernel accesses user memory.
pub trait FaultHandler: Send + Sync {
    /// Resolves a fault at `addr`; may sleep.
    ///
    /// # Errors
    /// [`UserFault`] when the program has no such right there.
    fn handle(&self, addr: usize, access: Access) -> Result<(), UserFault>;
}

/// An address space: the page tables of a process.
pub struct VmSpace {
    tables: Tables,
    /// Held by who makes tables or takes them out of the tree, and so by who needs them to stay.
    lock: SpinLock<()>,
    /// Pages mapped: the sum, which wraps on the way.
    pages: Spread,
    pub(super) cpus: ActiveCpus,
    handler: Once<Weak<dyn FaultHandler>>,
}

/// The tables of a space with the tree's lock held.
struct Locked<'a> {
    tables: &'a Tables,
    _guard: SpinLockGuard<'a, ()>,
}

impl Deref for Locked<'_> {
    type Target = Tables;

    #[inline]
    fn deref(&self) -> &Tables {
        self.tables
    }
}

impl VmSpace {
    /// An empty address space.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none for its first table.
    pub fn new() -> Result<Arc<Self>, NoMemory> {
        frames::admit()?;
        Ok(Arc::new(Self {
            tables: Tables::new()?,
            lock: SpinLock::new(()),
            pages: Spread::new(),
            cpus: ActiveCpus::new(),
            handler: Once::new(),
        }))
    }

    /// Says who resolves faults of kernel accesses. Only the first call counts.
    pub fn set_fault_handler(&self, handler: Weak<dyn FaultHandler>) {
        self.handler.call_once(|| handler);
    }

    /// Asks the handler to make `addr` accessible.
    pub(super) fn fault(&self, addr: usize, access: Access) -> Result<(), UserFault> {
        let handler = self.handler.get().and_then(Weak::upgrade).ok_or(UserFault)?;
        handler.handle(addr, access)
    }

    /// The top page table.
    #[inline]
    pub(super) fn root(&self) -> super::Pfn {
        self.tables.root()
    }

    /// The tables, with the tree's lock held.
    #[inline]
    fn lock(&self) -> Locked<'_> {
        let guard = self.lock.lock();
        Locked { tables: &self.tables, _guard: guard }
    }

    /// The same, unless somebody holds it.
    fn try_lock(&self) -> Option<Locked<'_>> {
        self.lock.try_lock().map(|guard| Locked { tables: &self.tables, _guard: guard })
    }

    /// The leaf table of `addr`, locked, if there is one.
    #[inline]
    pub(super) fn leaf(&self, addr: usize) -> Option<Leaf<'_>> {
        let leaf = self.tables.leaf_alone(&self.cpus, addr);
        leaf.or_else(|| self.leaf_slowly(addr))
    }

    #[cold]
    fn leaf_slowly(&self, addr: usize) -> Option<Leaf<'_>> {
        let _tree = self.lock.lock();
        self.tables.leaf(addr)
    }

    /// The same, made if there is none.
    #[inline]
    fn make_leaf(&self, addr: usize) -> Result<Leaf<'_>, NoMemory> {
        match self.tables.leaf_alone(&self.cpus, addr) {
            Some(leaf) => Ok(leaf),
            None => self.make_leaf_slowly(addr),
        }
    }

    #[cold]
    fn make_leaf_slowly(&self, addr: usize) -> Result<Leaf<'_>, NoMemory> {
        let _tree = self.lock.lock();
        self.tables.make_leaf(addr)
    }

    /// Maps `frame` at the page of `addr`. `false`: something was mapped there
    /// already (or `addr` is no user address), and the frame was dropped.
    ///
    /// # Errors
    /// [`NoMemory`] when a page table is needed and there is none.
    #[inline]
    pub fn map(&self, addr: usize, frame: Frame, perms: Perms, cow: Cow) -> Result<bool, NoMemory> {
        if !(USER_MIN..USER_MAX).contains(&addr) {
            return Ok(false);
        }
        let leaf = self.make_leaf(addr)?;
        let shared = cow == Cow::Yes && frame.refs() > 1;
        Ok(self.fill(leaf.entry_for_use(addr), frame, perms, shared))
    }

    /// Maps what there is of `frames` at the pages from that of `addr` on, where nothing is
    /// mapped yet; the others are dropped. Those beyond the next multiple of 2 MiB are left.
    ///
    /// # Errors
    /// [`NoMemory`] when a page table is needed and there is none.
    pub fn map_run(
        &self,
        addr: usize,
        frames: &mut [Option<Frame>],
        perms: Perms,
        cow: Cow,
    ) -> Result<(), NoMemory> {
        if !(USER_MIN..USER_MAX).contains(&addr) {
            return Ok(());
        }
        let leaf = self.make_leaf(addr)?;
        for (slot, frame) in leaf.run_for_use(addr, frames.len()).iter().zip(frames) {
            if let Some(frame) = frame.take() {
                let shared = cow == Cow::Yes && frame.refs() > 1;
                self.fill(slot, frame, perms, shared);
            }
        }
        Ok(())
    }

    /// Serves a program's write to the page of `addr`, which it may make: copies
    /// the page if it is shared copy-on-write, or maps the frame that `fill`
    /// makes if none is there.
    ///
    /// `fill` is called without a lock and may sleep.
    ///
    /// # Errors
    /// That of `fill`; [`NoMemory`] when a copy or a page table is needed and
    /// there is none.
    #[inline]
    pub fn write_fault<E: From<NoMemory>>(
        &self,
        addr: usize,
        perms: Perms,
        fill: impl FnOnce() -> Result<Frame, E>,
    ) -> Result<WriteOutcome, E> {
        if !(USER_MIN..USER_MAX).contains(&addr) {
            return Ok(WriteOutcome::Refused);
        }
        let seen = self.see(addr);
        if seen.has_page {
            return Ok(self.break_cow(seen)?);
        }
        let frame = fill()?;
        let leaf = match self.tables.try_again(&self.cpus, seen) {
            Some(leaf) => leaf,
            None => self.make_leaf(addr)?,
        };
        let is_filled = self.fill(leaf.entry_for_use(addr), frame, perms, false);
        Ok(if is_filled { WriteOutcome::Filled } else { WriteOutcome::Retry })
    }

    /// Looks for the leaf table of `addr`, without a lock where that can be.
    #[inline]
    fn see(&self, addr: usize) -> Seen {
        let seen = self.tables.glance(&self.cpus, addr);
        seen.unwrap_or_else(|| self.lock().see(addr))
    }

    /// Puts `frame` in a leaf entry, whose table is locked, unless something is there already.
    #[inline]
    fn fill(&self, entry: &AtomicU64, frame: Frame, perms: Perms, cow: bool) -> bool {
        if Pte(entry.load(Ordering::Relaxed)).is_page() {
            return false;
        }
        let pte = Pte::user_page(frame.into_pfn(), perms, cow);
        entry.store(pte.0, Ordering::Release);
        self.count(1);
        true
    }

    /// Resolves a write to the page that is mapped where `seen` says.
    fn break_cow(&self, seen: Seen) -> Result<WriteOutcome, NoMemory> {
        let addr = seen.addr;
        let leaf = self.tables.try_again(&self.cpus, seen).or_else(|| self.leaf(addr));
        let Some(leaf) = leaf else { return Ok(WriteOutcome::Retry) };
        let entry = leaf.entry(addr);
        let pte = Pte(entry.load(Ordering::Relaxed));
        let Some(pfn) = pte.pfn().filter(|_| pte.is_page() && !pte.is_writable()) else {
            return Ok(WriteOutcome::Retry);
        };
        if !pte.is_cow() || !pte.perms().contains(Perms::WRITE) {
            return Ok(WriteOutcome::Refused);
        }
        if pte.is_fresh() {
            drop(leaf);
            self.await_opening(addr);
            return Ok(WriteOutcome::Retry);
        }
        if meta::of(pfn).refs() == 1 {
            // The entry has the only reference. A wider right needs no flush:
            // a stale entry faults once more, which drops it.
            let accessed = Pte::touched_bits(false);
            entry.store(pte.into_private(pfn).0 | accessed, Ordering::Release);
            return Ok(WriteOutcome::Reused);
        }
        // SAFETY: the entry owned the reference, and is overwritten below; on
        // failure the reference is put back by `into_pfn`.
        let old = unsafe { Frame::from_pfn(pfn) };
        let new = match Frame::copy_of(&old) {
            Ok(new) => new,
            Err(error) => {
                old.into_pfn();
                return Err(error);
            }
        };
        let page = page_down(addr);
        let page = page..page + PAGE_SIZE;
        // Until all have flushed, a CPU may read the old page: nobody may write to the new one.
        entry.store(pte.into_fresh(new.pfn()).0, Ordering::Release);
        if tlb::flush_alone(&self.cpus, page.clone()) {
            entry.store(pte.into_private(new.into_pfn()).0, Ordering::Release);
            drop(leaf);
        } else {
            // A second reference: no other page may come to be this one meanwhile.
            let held = new.clone();
            new.into_pfn();
            // Who waits for this may be of a higher priority, and on this CPU.
            arch::preempt_disable();
            drop(leaf);
            tlb::flush(&self.cpus, page);
            self.open(addr, &held);
            arch::preempt_enable();
        }
        drop(old);
        Ok(WriteOutcome::Copied)
    }

    /// Opens the fresh copy at `addr` if it still is `frame`: for writing if nobody else
    /// refers to it, else for those who copy it again.
    fn open(&self, addr: usize, frame: &Frame) {
        let Some(leaf) = self.leaf(addr) else { return };
        let entry = leaf.entry(addr);
        let pte = Pte(entry.load(Ordering::Relaxed));
        if pte.is_fresh() && pte.pfn() == Some(frame.pfn()) {
            let is_alone = frame.refs() == 2;
            let open = if is_alone { pte.into_private(frame.pfn()) } else { pte.into_settled() };
            entry.store(open.0, Ordering::Release);
        }
    }

    /// Waits while the page at `addr` is a fresh copy: for another CPU, which flushes the TLBs.
    #[cold]
    fn await_opening(&self, addr: usize) {
        // Without the lock of the table: who opens it needs that.
        spin_until(|| !self.see(addr).is_fresh);
    }

    /// Calls `change` for pieces of a range with both locks held, of as many pages as `most`
    /// says of their start. After each piece the locks are free and other tasks may run; what
    /// the pieces gathered is flushed when there is no room for as much again, and at the end.
    fn in_pieces<E>(
        &self,
        range: Range<usize>,
        most: impl Fn(usize) -> usize,
        mut change: impl FnMut(&Locked<'_>, Piece<'_>, &mut Gather<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut gather = Gather::new(&self.cpus);
        let mut at = range.start;
        while at < range.end {
            at = {
                let tables = self.lock();
                let (piece, next) = tables.piece(at..range.end, &most);
                if let Some(piece) = piece {
                    change(&tables, piece, &mut gather)?;
                }
                next
            };
            gather.make_room(ROOM);
        }
        Ok(())
    }

    /// As [`VmSpace::in_pieces`], for a change that cannot fail.
    fn each_piece(
        &self,
        range: Range<usize>,
        most: impl Fn(usize) -> usize,
        mut change: impl FnMut(&Locked<'_>, Piece<'_>, &mut Gather<'_>),
    ) {
        let _ = self.in_pieces::<NoMemory>(range, most, |tables, piece, gather| {
            change(tables, piece, gather);
            Ok(())
        });
    }

    /// Removes all pages of a range (widened to whole pages), and tables that are empty
    /// then; how many pages it held.
    pub fn unmap(&self, range: Range<usize>) -> usize {
        let range = user_pages(range);
        let mut gather = Gather::new(&self.cpus);
        let mut removed = 0;
        let mut at = range.start;
        while at < range.end {
            at = {
                let tables = self.lock();
                let room = gather.room();
                let most = |at| if covers_table(at..range.end) { ROOM } else { room };
                let (piece, next) = tables.piece(at..range.end, most);
                if let Some(piece) = piece {
                    removed += remove(&tables, piece, &mut gather);
                }
                next
            };
            gather.make_room(1);
        }
        gather.flush();
        removed += gather.freed;
        self.count(-removed.cast_signed());
        removed
    }

    /// Changes the permissions of the pages that are mapped in a range.
    pub fn protect(&self, range: Range<usize>, perms: Perms) {
        self.each_piece(
            user_pages(range),
            |_| ROOM,
            |_, piece, gather| {
                piece.visit(|start, run| {
                    for (i, entry) in run.iter().enumerate() {
                        let change = |bits| {
                            let pte = Pte(bits);
                            let new = pte.with_perms(perms);
                            (pte.is_page() && new != pte).then_some(new.0)
                        };
                        if entry.fetch_update(Ordering::AcqRel, Ordering::Relaxed, change).is_ok() {
                            let page = start + i * PAGE_SIZE;
                            gather.touch(page..page + PAGE_SIZE);
                        }
                    }
                });
            },
        );
    }

    /// Moves the pages of `len` bytes from `old` to `new`, replacing what is
    /// mapped there. Both are page-aligned and do not overlap, else nothing happens.
    ///
    /// # Errors
    /// [`NoMemory`] when page tables are needed and there are none; then
    /// nothing was moved.
    pub fn move_range(&self, old: usize, new: usize, len: usize) -> Result<(), NoMemory> {
        let from = user_pages(old..old.saturating_add(len));
        let len = from.end - from.start;
        let to = user_pages(new..new.saturating_add(len));
        if from.start != old
            || to.start != new
            || to.end - to.start != len
            || (from.start < to.end && to.start < from.end)
        {
            return Ok(());
        }
        let target = |source: usize| source - old + new;
        // To the end of a table on either side; each page may push two frames.
        let most = |source: usize| {
            let to = target(source);
            ((next_boundary(to, 2) - to) / PAGE_SIZE).min(ROOM / 2)
        };
        self.in_pieces(from.clone(), most, |tables, piece, _| {
            // Only where there is something to move.
            if piece.has_pages() { tables.make(target(piece.start())) } else { Ok(()) }
        })?;
        self.each_piece(from.clone(), most, |tables, piece, gather| {
            let to = target(piece.start());
            let other = tables.leaf_beside(&piece, to);
            let Some(leaf) = other.as_ref().or_else(|| piece.leaf_for(to)) else { return };
            self.count(-move_pages(&piece, leaf, to, gather));
        });
        // Only now: a table that pages leave may be one that others come to.
        self.each_piece(from, |_| ROOM, prune);
        Ok(())
    }

    /// What is mapped at the page of `addr`.
    pub fn query(&self, addr: usize) -> Option<Mapping> {
        if addr >= USER_MAX {
            return None;
        }
        let leaf = self.leaf(addr)?;
        let pte = Pte(leaf.entry(addr).load(Ordering::Relaxed));
        let pfn = pte.pfn().filter(|_| pte.is_page())?;
        meta::of(pfn).acquire();
        // SAFETY: the entry holds a reference while the table is locked, so the
        // frame is untyped; the new reference was made by `acquire`.
        let frame = unsafe { Frame::from_pfn(pfn) };
        Some(Mapping { frame, perms: pte.perms(), cow: pte.is_cow(), dirty: pte.is_dirty() })
    }

    /// Is something mapped at the page of `addr`, with whatever permissions?
    pub fn is_mapped(&self, addr: usize) -> bool {
        addr < USER_MAX && self.leaf(addr).is_some_and(|leaf| leaf.has_page(addr))
    }

    /// Pages that are mapped.
    pub fn rss_pages(&self) -> usize {
        let parts = self.pages.iter().map(|pages| pages.load(Ordering::Relaxed));
        // A page may be counted on one CPU and go on another, in the midst of this.
        parts.fold(0, usize::wrapping_add).cast_signed().max(0).cast_unsigned()
    }

    /// Pages that its page tables take.
    pub fn table_pages(&self) -> usize {
        self.tables.count()
    }

    /// Gives `child` the pages of a range of this space, where it has none.
    ///
    /// # Errors
    /// [`NoMemory`] when page tables are needed and there are none; some pages
    /// may be there already.
    pub fn fork_range(
        &self,
        child: &Self,
        range: Range<usize>,
        sharing: Sharing,
    ) -> Result<(), NoMemory> {
        if core::ptr::eq(self, child) {
            return Ok(());
        }
        let range = user_pages(range);
        let mut gather = Gather::new(&self.cpus);
        let mut at = range.start;
        while at < range.end {
            let next = self.fork_piece(child, at..range.end, sharing, &mut gather)?;
            // Until then another thread may write a page through a stale entry, so the
            // caller lets nobody copy one before this returns.
            gather.flush();
            match next {
                Some(next) => at = next,
                // Waiting for one with the other held, two forks could wait for each other.
                None => drop(child.lock()),
            }
        }
        Ok(())
    }

    /// Forks the first piece of a range; where to go on, or nothing if the child's tree is
    /// not to be had.
    fn fork_piece(
        &self,
        child: &Self,
        range: Range<usize>,
        sharing: Sharing,
        gather: &mut Gather<'_>,
    ) -> Result<Option<usize>, NoMemory> {
        let own = self.lock();
        let (piece, next) = own.piece(range, |_| ROOM);
        if let Some(piece) = piece {
            let Some(theirs) = child.try_lock() else { return Ok(None) };
            child.copy_piece(&theirs, &piece, sharing, gather)?;
        }
        Ok(Some(next))
    }

    /// Takes over the pages of a piece of the space that is forked.
    fn copy_piece(
        &self,
        own: &Locked<'_>,
        piece: &Piece<'_>,
        sharing: Sharing,
        gather: &mut Gather<'_>,
    ) -> Result<(), NoMemory> {
        let mut copied = 0;
        let mut result = Ok(());
        let mut leaf = None;
        piece.visit(|start, run| {
            let is_page = |entry: &AtomicU64| Pte(entry.load(Ordering::Relaxed)).is_page();
            let Some(first) = run.iter().position(is_page) else { return };
            if leaf.is_none() && result.is_ok() {
                match own.make_leaf(start) {
                    Ok(made) => leaf = Some(made),
                    Err(error) => result = Err(error),
                }
            }
            let Some(leaf) = &leaf else { return };
            let slots = leaf.run_for_use(start, run.len());
            let mut narrowed = false;
            for (entry, slot) in run.iter().zip(slots).skip(first) {
                let mut pte = Pte(entry.load(Ordering::Relaxed));
                let Some(pfn) = pte.pfn().filter(|_| pte.is_page()) else { continue };
                if Pte(slot.load(Ordering::Relaxed)).is_page() {
                    continue;
                }
                if sharing == Sharing::Private && !pte.is_cow() {
                    narrowed |= pte.is_writable();
                    pte = make_cow(entry, pte);
                }
                meta::of(pfn).acquire();
                slot.store(pte.into_settled().0, Ordering::Release);
                copied += 1;
            }
            if narrowed {
                gather.touch(start..start + run.len() * PAGE_SIZE);
            }
        });
        self.count(copied);
        result
    }

    /// Counts pages that came or went.
    #[inline]
    fn count(&self, change: isize) {
        self.pages.current().fetch_add(change.cast_unsigned(), Ordering::Relaxed);
    }
}

/// Does a range begin with all that a leaf table maps?
fn covers_table(range: Range<usize>) -> bool {
    range.start.is_multiple_of(span(2)) && range.len() >= span(2)
}

/// Removes the pages of a piece, and its table if it is empty then; how many pages that
/// were, but for those of a table that goes as a whole.
fn remove(tables: &Locked<'_>, piece: Piece<'_>, gather: &mut Gather<'_>) -> usize {
    if piece.is_whole() {
        gather.touch(piece.start()..piece.start() + span(2));
        tables.detach(piece, &mut gather.tables);
        return 0;
    }
    let mut removed = 0;
    piece.visit(|start, run| {
        for (i, entry) in run.iter().enumerate() {
            if !Pte(entry.load(Ordering::Relaxed)).is_page() {
                continue;
            }
            // The CPU may set the dirty bit until the swap.
            let pte = Pte(entry.swap(Pte::EMPTY.0, Ordering::AcqRel));
            if let Some(pfn) = pte.pfn() {
                // SAFETY: the entry owned this reference and is empty now.
                gather.push(start + i * PAGE_SIZE, unsafe { Frame::from_pfn(pfn) });
                removed += 1;
            }
        }
    });
    if removed > 0 {
        piece.forget();
    }
    prune(tables, piece, gather);
    removed
}

/// Takes the table of a piece out of the tree if it is empty.
fn prune(tables: &Locked<'_>, piece: Piece<'_>, gather: &mut Gather<'_>) {
    if piece.is_empty() {
        gather.touch(piece.start()..piece.start() + PAGE_SIZE);
        tables.detach(piece, &mut gather.tables);
    }
}

/// Moves the pages of a piece to the entries from that of `to` on, which lie in `target`; how
/// many pages they replace there.
///
/// Each frame gets a reference of the gather's too: until its old place is flushed, a CPU may
/// reach it there, even if somebody unmaps the new one meanwhile.
fn move_pages(piece: &Piece<'_>, target: &Leaf<'_>, to: usize, gather: &mut Gather<'_>) -> isize {
    let mut replaced = 0;
    piece.visit(|start, run| {
        for (i, entry) in run.iter().enumerate() {
            if !Pte(entry.load(Ordering::Relaxed)).is_page() {
                continue;
            }
            let source = start + i * PAGE_SIZE;
            let goal = source - piece.start() + to;
            let pte = Pte(entry.swap(Pte::EMPTY.0, Ordering::AcqRel));
            if let Some(pfn) = pte.pfn() {
                meta::of(pfn).acquire();
                // SAFETY: `acquire` made this reference, beside that of the entry.
                gather.push(source, unsafe { Frame::from_pfn(pfn) });
            }
            let slot = target.entry_for_use(goal);
            let before = Pte(slot.swap(pte.into_settled().0, Ordering::AcqRel));
            if let Some(pfn) = before.pfn().filter(|_| before.is_page()) {
                // SAFETY: the target entry owned it and was overwritten.
                gather.push(goal, unsafe { Frame::from_pfn(pfn) });
                replaced += 1;
            }
        }
    });
    replaced
}

/// Marks a leaf entry copy-on-write; what it is now.
#[inline]
fn make_cow(entry: &AtomicU64, pte: Pte) -> Pte {
    let mut bits = pte.0;
    loop {
        let cow = Pte(bits).into_cow();
        match entry.compare_exchange(bits, cow.0, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => return cow,
            Err(now) => bits = now,
        }
    }
}

/// The range widened to whole pages and cut to user addresses.
fn user_pages(range: Range<usize>) -> Range<usize> {
    let start = page_down(range.start.max(USER_MIN));
    let end = range.end.min(USER_MAX).next_multiple_of(PAGE_SIZE);
    start..end.max(start)
}

/// The first address of the page of `addr`.
#[inline]
pub(super) const fn page_down(addr: usize) -> usize {
    addr & !(PAGE_SIZE - 1)
}
