// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The address space: areas and page table under one lock.
//!
//! [`AddressSpace`] pairs the areas with the page table and is the framework's
//! fault handler for it. Threads of a process share it by `Arc`; exec makes a
//! new one, [`AddressSpace::fork`] a copy.
//!
//! Locks: `inner` (sleeping), then a pager's locks, then the page table's. Files of areas
//! that went are closed outside of it.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut, Range};
use core::sync::atomic::{
    AtomicBool, AtomicU8, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use framework::mm::{FaultHandler, PAGE_SIZE, VmSpace};
use framework::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Spread};
use vfs::File;

use crate::area::{Area, Backing};
use crate::area_map::{AreaMap, is_data};
use crate::flags::AreaFlags;
use crate::layout::{Aslr, Layout, TASK_SIZE};
use crate::{Result, commit, max_areas};
use abi::err;
use abi::mman::Prot;

/// The resource limits that memory calls obey, in bytes; `u64::MAX` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_AS`.
    pub address_space: u64,
    /// `RLIMIT_DATA`.
    pub data: u64,
    /// `RLIMIT_STACK`.
    pub stack: u64,
    /// `RLIMIT_MEMLOCK`; see [`AddressSpace::set_lock_exempt`].
    pub memlock: u64,
}

impl Limits {
    /// No limit but the usual 8 MiB of stack and of locked memory.
    pub const DEFAULT: Self =
        Self { address_space: u64::MAX, data: u64::MAX, stack: 8 << 20, memlock: 8 << 20 };
}

/// What exec knows of the program; shown by `/proc`.
#[derive(Clone, Default)]
pub struct ProgramInfo {
    /// The executable file, `/proc/pid/exe`.
    pub exe: Option<Arc<File>>,
    /// Text: from the first to the end of the last executable segment.
    pub code: Range<usize>,
    /// Initialised data.
    pub data: Range<usize>,
    /// The stack pointer at the start.
    pub start_stack: usize,
    /// The strings of argv.
    pub args: Range<usize>,
    /// The strings of the environment.
    pub env: Range<usize>,
    /// The auxiliary vector as pairs of words.
    pub auxv: Vec<u64>,
}

/// The heap: from `start` to the exact `end` that the program asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heap {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

pub(crate) struct Inner {
    pub(crate) areas: AreaMap,
    pub(crate) limits: Limits,
    pub(crate) layout: Layout,
    pub(crate) heap: Heap,
    pub(crate) program: Arc<ProgramInfo>,
    /// `mlockall(MCL_FUTURE)`: new areas are locked.
    pub(crate) lock_future: bool,
    /// What `lock_future` locks comes in as it is used (`MCL_ONFAULT`).
    pub(crate) lock_on_fault: bool,
    /// The last caller of a locking call had `CAP_IPC_LOCK`.
    lock_exempt: bool,
    pub(crate) peak_bytes: usize,
    /// What unmapped areas referred to, until the lock is free.
    graveyard: Vec<Backing>,
}

/// The address space locked for changes.
///
/// Files of areas that went are closed only after the lock is released: closing
/// takes locks that a page fault may be waited for with.
pub(crate) struct Changing<'a> {
    // The order of fields is the order of dropping.
    inner: RwLockWriteGuard<'a, Inner>,
    dead: Vec<Backing>,
    area_count: &'a AtomicUsize,
}

impl Deref for Changing<'_> {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Inner {
        &mut self.inner
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.dead = core::mem::take(&mut self.inner.graveyard);
        self.area_count.store(self.inner.areas.len(), Relaxed);
    }
}

/// A user address space (Linux's mm).
pub struct AddressSpace {
    pub(crate) vm: Arc<VmSpace>,
    inner: RwLock<Inner>,
    /// Start of the area that the last fault on this CPU hit; only a hint.
    pub(crate) last_fault: Spread,
    /// The highest number of resident pages seen before a decrease.
    pub(crate) peak_rss: AtomicUsize,
    /// Whether others may look into it; see [`AddressSpace::dumpable`].
    dumpable: AtomicU8,
    /// How many areas there are, to be seen without the lock.
    area_count: AtomicUsize,
    /// See [`AddressSpace::is_registered`].
    is_registered: AtomicBool,
    /// What PR_SET_THP_DISABLE asked for.
    huge_pages_off: AtomicBool,
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // A CPU that idles in the space keeps its tables. It lets them go where it may not take
        // its time: so there shall be no pages left in them.
        if Arc::strong_count(&self.vm) > 1 {
            self.vm.unmap(0..TASK_SIZE);
        }
    }
}

impl AddressSpace {
    /// An empty address space with a fresh layout, for exec.
    ///
    /// # Errors
    /// `ENOMEM` without memory for a page table.
    pub fn new(limits: Limits, aslr: Aslr) -> Result<Arc<Self>> {
        Self::from_inner(Inner {
            areas: AreaMap::default(),
            limits,
            layout: Layout::new(limits.stack, aslr),
            heap: Heap::default(),
            program: Arc::new(ProgramInfo::default()),
            lock_future: false,
            lock_on_fault: false,
            lock_exempt: false,
            peak_bytes: 0,
            graveyard: Vec::new(),
        })
    }

    /// Locks the areas for looking.
    #[inline]
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read()
    }

    /// Locks the areas for changing them.
    pub(crate) fn write(&self) -> Changing<'_> {
        let area_count = &self.area_count;
        Changing { inner: self.inner.write(), dead: Vec::new(), area_count }
    }

    pub(crate) fn from_inner(inner: Inner) -> Result<Arc<Self>> {
        let area_count = AtomicUsize::new(inner.areas.len());
        let space = Arc::new(Self {
            vm: VmSpace::new()?,
            inner: RwLock::new(inner),
            last_fault: Spread::new(),
            peak_rss: AtomicUsize::new(0),
            dumpable: AtomicU8::new(1),
            area_count,
            is_registered: AtomicBool::new(false),
            huge_pages_off: AtomicBool::new(false),
        });
        let handler: Arc<dyn FaultHandler> = space.clone();
        let handler: Weak<dyn FaultHandler> = Arc::downgrade(&handler);
        space.vm.set_fault_handler(handler);
        Ok(space)
    }

    /// The page table, for the task that runs in it and for user copies.
    pub fn vm(&self) -> &Arc<VmSpace> {
        &self.vm
    }

    /// Whether its user may look into it and its core may be dumped: 1 if so, 0 or 2
    /// (`fs.suid_dumpable`) where it may know more than its user does (PR_GET_DUMPABLE).
    pub fn dumpable(&self) -> u32 {
        self.dumpable.load(Acquire).into()
    }

    /// Whether membarrier(2) may be asked for private barriers; see
    /// [`AddressSpace::register`].
    pub fn is_registered(&self) -> bool {
        self.is_registered.load(Relaxed)
    }

    /// Announces that membarrier(2) will be asked for private barriers.
    pub fn register(&self) {
        self.is_registered.store(true, Relaxed);
    }

    /// Sets what [`AddressSpace::dumpable`] says: 0 to 2.
    pub fn set_dumpable(&self, value: u8) {
        self.dumpable.store(value, Release);
    }

    /// The kernel's memory for this space, in pages: page tables and records of areas.
    /// Takes no lock.
    pub fn kernel_pages(&self) -> usize {
        // Nodes of the tree are two thirds full.
        const RECORD: usize = size_of::<(usize, Area)>() * 3 / 2;
        let records = self.area_count.load(Relaxed) * RECORD;
        self.vm.table_pages() + records.div_ceil(PAGE_SIZE)
    }

    /// The memory of its page tables below the top one, in bytes: `VmPTE`.
    pub fn table_bytes(&self) -> usize {
        self.vm.table_pages().saturating_sub(1) * PAGE_SIZE
    }

    /// Whether the program wants no huge pages (PR_GET_THP_DISABLE); there are none anyway.
    pub fn huge_pages_off(&self) -> bool {
        self.huge_pages_off.load(Acquire)
    }

    /// Sets what [`AddressSpace::huge_pages_off`] says.
    pub fn set_huge_pages_off(&self, off: bool) {
        self.huge_pages_off.store(off, Release);
    }

    /// The starts that were chosen at exec.
    pub fn layout(&self) -> Layout {
        self.read().layout
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.read().limits
    }

    /// Replaces the limits: after setrlimit, and when fork gives a process its own.
    pub fn set_limits(&self, limits: Limits) {
        self.write().limits = limits;
    }

    /// Says whether the caller of a call that locks memory has `CAP_IPC_LOCK`, which
    /// lifts `RLIMIT_MEMLOCK`; to be called before each.
    pub fn set_lock_exempt(&self, is_exempt: bool) {
        self.write().lock_exempt = is_exempt;
    }

    /// What exec recorded of the program.
    pub fn program(&self) -> Arc<ProgramInfo> {
        self.read().program.clone()
    }

    /// Records what `/proc` shows of the program.
    pub fn set_program(&self, program: ProgramInfo) {
        self.write().program = Arc::new(program);
    }

    /// Unmaps `range` in `inner` and in the page table; cuts areas at its ends.
    pub(crate) fn unmap_range(&self, inner: &mut Inner, range: Range<usize>) -> Result<()> {
        self.note_peak_rss();
        let (vm, graveyard) = (&self.vm, &mut inner.graveyard);
        inner.areas.remove(range, |area| {
            vm.unmap(area.range());
            if !area.is_anonymous() && graveyard.try_reserve(1).is_ok() {
                graveyard.push(area.backing);
            }
        })
    }

    /// The same as a call of its own: faults elsewhere in the space are served while pages
    /// go, for by then no area holds them.
    pub(crate) fn unmap_shared(&self, range: Range<usize>) -> Result<()> {
        let mut inner = self.inner.write();
        let Inner { areas, graveyard, .. } = &mut *inner;
        areas.remove(range.clone(), |area| {
            if !area.is_anonymous() && graveyard.try_reserve(1).is_ok() {
                graveyard.push(area.backing);
            }
        })?;
        let dead = core::mem::take(graveyard);
        // Nobody may map anything there before all is gone.
        let inner = RwLockWriteGuard::downgrade(inner);
        self.note_peak_rss();
        self.vm.unmap(range);
        drop(inner);
        drop(dead);
        Ok(())
    }

    /// Remembers the resident size before it decreases.
    pub(crate) fn note_peak_rss(&self) {
        self.peak_rss.fetch_max(self.vm.rss_pages(), Relaxed);
    }
}

impl Inner {
    /// What a forked child starts with, over its own areas.
    pub(crate) fn child(&self, areas: AreaMap) -> Self {
        Self {
            areas,
            limits: self.limits,
            layout: self.layout,
            heap: self.heap,
            program: self.program.clone(),
            lock_future: false,
            lock_on_fault: false,
            lock_exempt: self.lock_exempt,
            peak_bytes: self.peak_bytes,
            graveyard: Vec::new(),
        }
    }

    /// Refuses what would exceed the limits on total or private writable size.
    pub(crate) fn may_expand(&self, bytes: usize, prot: Prot, flags: AreaFlags) -> Result<()> {
        let totals = self.areas.totals();
        if exceeds(totals.all, bytes, self.limits.address_space) {
            return err!(ENOMEM, "address space limit");
        }
        if is_data(prot, flags) && exceeds(totals.data, bytes, self.limits.data) {
            return err!(ENOMEM, "data limit");
        }
        Ok(())
    }

    /// Refuses when there may be no further area.
    pub(crate) fn may_add_area(&self) -> Result<()> {
        if self.areas.len() >= max_areas() {
            return err!(ENOMEM, "too many areas");
        }
        Ok(())
    }

    /// How much memory may be locked.
    pub(crate) fn lock_limit(&self) -> u64 {
        if self.lock_exempt { u64::MAX } else { self.limits.memlock }
    }

    /// Refuses to lock `bytes` more than the limit; `EAGAIN` as mmap and brk do.
    pub(crate) fn may_lock_future(&self, bytes: usize, flags: AreaFlags) -> Result<()> {
        if flags.contains(AreaFlags::LOCKED)
            && exceeds(self.areas.totals().locked, bytes, self.lock_limit())
        {
            return err!(EAGAIN, "locked memory limit");
        }
        Ok(())
    }

    /// Refuses a request for private writable memory that is larger than the machine's.
    pub(crate) fn may_commit(bytes: usize, prot: Prot, flags: AreaFlags) -> Result<()> {
        if commit::may_promise(bytes, prot, flags) {
            return Ok(());
        }
        err!(ENOMEM, "larger than the memory")
    }

    /// Notes the largest size for `VmPeak`.
    pub(crate) fn note_peak(&mut self) {
        self.peak_bytes = self.peak_bytes.max(self.areas.totals().all);
    }
}

/// True when `have + more` bytes pass `limit` (counted in whole pages).
pub(crate) fn exceeds(have: usize, more: usize, limit: u64) -> bool {
    limit != u64::MAX && (have as u64).saturating_add(more as u64) > limit & !(PAGE_SIZE as u64 - 1)
}
