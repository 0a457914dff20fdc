// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The frame allocator of the machine: one pool, and who may empty it.
//!
//! Single frames go through a small cache per CPU. Three classes of requests
//! share the pool: user memory stops at the reserve; typed frames of fallible
//! calls (page tables, stacks, large kernel blocks) at half of it; small kernel
//! objects, whose allocation must not fail, may take all. [`admit`] refuses a
//! system call before that happens.
//!
//! The pool's buddies keep records on the kernel's heap, which needs frames: a
//! CPU that [`is_inside`] the pool feeds its heap from a stash of a few frames.
//!
//! More than 400 lines: all that enters the pool is here, so that the order of its
//! locks can be seen.
//!
//! Locks: the pool, then (by way of the heap) size classes, then the stash.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::failing;
use super::local::{CpuCell, Initial};
use super::meta::{self, Kind, Meta};
use super::phys::{self, Pfn};
use super::pool::{Chunk, FramePool};
use super::{NoMemory, PAGE_SIZE};
use crate::sync::{IrqLock, Once};

static POOL: IrqLock<Option<FramePool<'static>>> = IrqLock::new(None);
/// 1 + the CPU that is inside the pool; 0 if none is.
static INSIDE: AtomicU32 = AtomicU32::new(0);
static STASH: IrqLock<Frames<16>> = IrqLock::new(Frames::INITIAL);
static CACHE: CpuCell<Frames<64>> = CpuCell::new();
/// Frames that are moved at once between a cache and the pool.
const BATCH: usize = 32;
/// Frames that the stash should hold: more than one operation on the pool uses.
const STASHED: usize = 8;

/// Free frames in the pool, as of the last operation on it.
static FREE: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);
/// Frames that user memory leaves to the kernel.
static RESERVE: AtomicUsize = AtomicUsize::new(0);

/// Where more memory comes from, and how many pages are still to come.
static MORE: Once<fn() -> bool> = Once::new();
static PENDING: AtomicUsize = AtomicUsize::new(0);

/// Who asks for frames; later classes may take more of the reserve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// User pages and page cache.
    User,
    /// Page tables, stacks, large blocks: the call can fail.
    Kernel,
    /// Small kernel objects: the call cannot fail.
    Heap,
}

impl Class {
    /// Frames that must stay free after the request.
    fn floor(self) -> usize {
        let reserve = RESERVE.load(Ordering::Relaxed);
        match self {
            Self::User => reserve,
            Self::Kernel => reserve / 2,
            Self::Heap => 0,
        }
    }
}

/// A few frames.
pub(super) struct Frames<const N: usize> {
    len: usize,
    frames: [Option<Pfn>; N],
}

impl<const N: usize> Initial for Frames<N> {
    const INITIAL: Self = Self { len: 0, frames: [None; N] };
}

impl<const N: usize> Frames<N> {
    /// Is there no room?
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len == N
    }

    /// Takes one out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Pfn> {
        let at = self.len.checked_sub(1)?;
        self.len = at;
        *self.frames.get(at)?
    }

    /// Puts one in; gives it back if there is no room.
    #[inline]
    pub(super) fn push(&mut self, frame: Pfn) -> Result<(), Pfn> {
        let Some(slot) = self.frames.get_mut(self.len) else { return Err(frame) };
        *slot = Some(frame);
        self.len += 1;
        Ok(())
    }
}

/// Memory of the machine, in pages of [`PAGE_SIZE`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemStats {
    /// All pages that the allocator was given.
    pub total_pages: usize,
    /// Pages that nobody uses.
    pub free_pages: usize,
    /// Of the free ones: kept for the kernel.
    pub reserved_pages: usize,
}

/// How much memory there is, and how much is free.
pub fn stats() -> MemStats {
    ready();
    MemStats {
        total_pages: TOTAL.load(Ordering::Relaxed) + pending(),
        free_pages: FREE.load(Ordering::Relaxed) + pending(),
        reserved_pages: RESERVE.load(Ordering::Relaxed),
    }
}

/// Is so little free that programs get no more pages?
pub fn is_short() -> bool {
    FREE.load(Ordering::Relaxed) <= RESERVE.load(Ordering::Relaxed) + BATCH && pending() == 0
}

/// May work begin that allocates small kernel objects? To be asked before a spinning lock is
/// taken: an answer may take its time, for memory to come.
///
/// # Errors
/// [`NoMemory`] when the kernel's own reserve is half used up. System calls
/// ask first, so that small allocations inside them do not fail.
#[inline]
pub fn admit() -> Result<(), NoMemory> {
    let reserve = RESERVE.load(Ordering::Relaxed);
    let free = FREE.load(Ordering::Relaxed);
    // More comes early, so that who holds a lock hardly ever has to get it.
    let is_short = free < reserve && !accept_more() && free * 2 < reserve;
    if is_short || failing::strikes() { Err(NoMemory) } else { Ok(()) }
}

/// Takes a free frame; it becomes `kind`. Its content is whatever it was.
#[inline]
pub(super) fn take(class: Class, kind: Kind) -> Option<Pfn> {
    if class != Class::Heap && failing::strikes() {
        return None;
    }
    let frame = match CACHE.with(Frames::pop) {
        Some(frame) => frame,
        None => refill(class)?,
    };
    claim(meta::of(frame), kind);
    Some(frame)
}

/// Gives back a frame that [`take`] gave and that nobody refers to any more.
#[inline]
pub(super) fn give(frame: Pfn, kind: Kind) {
    unclaim(meta::of(frame), kind);
    if let Err(frame) = CACHE.with(|cache| cache.push(frame)) {
        drain(frame);
    }
}

/// Gives back untyped frames that nobody refers to any more: fills the cache up; the
/// rest goes to the pool.
pub(super) fn give_all<const N: usize>(frames: &mut Frames<N>) {
    CACHE.with(|cache| {
        while !cache.is_full()
            && let Some(frame) = frames.pop()
        {
            let _ = cache.push(frame);
        }
    });
    if frames.len > 0 {
        give_to_pool(frames);
    }
}

/// Takes a batch out of the pool for the cache; returns one of it.
#[cold]
fn refill(class: Class) -> Option<Pfn> {
    ready();
    let mut batch = Frames::<BATCH>::INITIAL;
    let first = loop {
        with_pool(|pool| {
            let want = pool.free().saturating_sub(class.floor()).min(BATCH);
            pool.take_singles(want, |number| {
                let _ = Pfn::new(number).map(|frame| batch.push(frame));
            });
        });
        match batch.pop() {
            None if accept_more() => {}
            first => break first,
        }
    };
    while let Some(frame) = batch.pop() {
        if let Err(frame) = CACHE.with(|cache| cache.push(frame)) {
            drain(frame);
        }
    }
    first
}

/// Gives `frame` and a batch out of the cache to the pool.
#[cold]
fn drain(frame: Pfn) {
    let mut batch = Frames::<BATCH>::INITIAL;
    CACHE.with(|cache| {
        while batch.len < BATCH - 1
            && let Some(frame) = cache.pop()
        {
            let _ = batch.push(frame);
        }
    });
    let _ = batch.push(frame);
    give_to_pool(&mut batch);
}

/// Empties `batch` into the pool.
fn give_to_pool<const N: usize>(batch: &mut Frames<N>) {
    let mut is_sound = true;
    with_pool(|pool| {
        while let Some(frame) = batch.pop() {
            is_sound &= pool.give_single(frame.get());
        }
    });
    if !is_sound {
        crate::fatal("a frame was freed that was not taken");
    }
}

/// Takes `2^order` frames in a row, aligned to their size.
pub(super) fn take_block(class: Class, kind: Kind, order: u32) -> Option<Pfn> {
    if failing::strikes() {
        return None;
    }
    ready();
    let block = loop {
        let block = with_pool(|pool| {
            if pool.free() < class.floor().saturating_add(1 << order) {
                return None;
            }
            pool.take_block(order)
        });
        match block? {
            None if accept_more() => {}
            block => break block,
        }
    };
    let first = Pfn::new(block?)?;
    claim(meta::of(first), kind);
    Some(first)
}

/// Gives back what [`take_block`] gave.
pub(super) fn give_block(first: Pfn, kind: Kind, order: u32) {
    unclaim(meta::of(first), kind);
    with_pool(|pool| pool.give_block(first.get(), order));
}

/// Is this code called by the pool itself?
#[inline]
pub(super) fn is_inside() -> bool {
    // Hosted, the pool uses the heap of `std`, and all threads are CPU 0.
    cfg!(target_os = "none") && INSIDE.load(Ordering::Relaxed) == crate::arch::cpu_id() + 1
}

/// Takes a frame without the pool.
pub(super) fn take_stashed(kind: Kind) -> Option<Pfn> {
    let frame = STASH.lock().pop()?;
    claim(meta::of(frame), kind);
    Some(frame)
}

/// Gives back a frame without the pool, if the stash has room.
pub(super) fn give_stashed(frame: Pfn, kind: Kind) -> Result<(), Pfn> {
    let mut stash = STASH.lock();
    if stash.is_full() {
        return Err(frame);
    }
    unclaim(meta::of(frame), kind);
    stash.push(frame)
}

/// Calls `f` with the pool, if there is one yet, then fills the stash up.
fn with_pool<R>(f: impl FnOnce(&mut FramePool) -> R) -> Option<R> {
    let mut guard = POOL.lock();
    INSIDE.store(crate::arch::cpu_id() + 1, Ordering::Relaxed);
    let result = guard.as_mut().map(|pool| {
        let result = f(pool);
        let lacking = STASHED.saturating_sub(STASH.lock().len);
        pool.take_singles(lacking, |number| {
            let _ = Pfn::new(number).map(|frame| STASH.lock().push(frame));
        });
        FREE.store(pool.free(), Ordering::Relaxed);
        result
    });
    INSIDE.store(0, Ordering::Relaxed);
    result
}

#[inline]
fn claim(meta: &Meta, kind: Kind) {
    if kind == Kind::Untyped {
        meta.claim_untyped();
    } else {
        meta.retype(Kind::Free, kind);
    }
}

/// Untyped frames were freed by their last reference already.
#[inline]
fn unclaim(meta: &Meta, kind: Kind) {
    if kind != Kind::Untyped {
        meta.retype(kind, Kind::Free);
    } else if !meta.is(Kind::Free) {
        crate::fatal("a frame in use was freed");
    }
}

/// Starts the allocator: `base` shows physical address 0, and there is one
/// record and one chunk (per 64) for each frame of the window.
///
/// # Safety
/// Called once. Memory of all frames that are added later is visible from
/// `base` on, valid for reads and writes for ever, and used by nobody else.
pub(super) unsafe fn start(base: *mut u8, metas: &'static [Meta], chunks: &'static mut [Chunk]) {
    meta::set_array(metas);
    phys::set_window(base, metas.len());
    *POOL.lock() = Some(FramePool::new(chunks));
}

/// Gives the allocator its first frames, for the stash.
///
/// # Safety
/// `frame` is RAM in the window of [`start`], and used by nobody else for ever.
pub(super) unsafe fn seed(frame: Pfn) {
    meta::of(frame).retype(Kind::Reserved, Kind::Free);
    let is_new = POOL.lock().as_mut().is_some_and(|pool| pool.adopt(frame.get()));
    if !is_new || STASH.lock().push(frame).is_err() {
        crate::fatal("the first frames were refused");
    }
}

/// Gives the frames `start..end` to the allocator.
///
/// # Safety
/// They are RAM in the window of [`start`], and used by nobody else for ever.
pub(super) unsafe fn add(start: u32, end: u32) {
    for number in start..end {
        if let Some(frame) = Pfn::new(number) {
            meta::of(frame).retype(Kind::Reserved, Kind::Free);
        }
    }
    let total = with_pool(|pool| {
        pool.add(start.max(1), end);
        pool.total()
    });
    let Some(total) = total else { return };
    TOTAL.store(total, Ordering::Relaxed);
    let total = total + pending();
    // A 64th of the memory, from 1 MiB (or a quarter) to 32 MiB.
    let mib = (1 << 20) / PAGE_SIZE;
    let reserve = (total / 64).clamp(mib, 32 * mib).min(total / 4);
    RESERVE.store(reserve, Ordering::Relaxed);
}

/// Gives RAM that was reserved at boot to the allocator: the whole pages of it.
///
/// # Safety
/// It was RAM in the map given to `mm::kernel::init`, outside of the image, and nobody
/// uses it any more.
pub(crate) unsafe fn release_boot_range(super::PhysRange { start, end }: super::PhysRange) {
    let page = PAGE_SIZE as u64;
    let last = (end / page).min(phys::frames() as u64);
    let first = start.max(super::root::LOW).div_ceil(page);
    if first < last {
        // SAFETY: the caller's duties; below `phys::frames()` it is in the window.
        unsafe { add(first as u32, last as u32) };
    }
}

/// Says how many pages are to come, and how to get some of them: `more` tells whether
/// there were any.
pub(super) fn set_source(pages: usize, more: fn() -> bool) {
    PENDING.store(pages, Ordering::Relaxed);
    let _ = MORE.set(more);
}

/// Pages that came out of the source.
pub(super) fn came(pages: usize) {
    PENDING.fetch_sub(pages, Ordering::Relaxed);
}

/// Gets more memory from the source; whether there was any.
#[cold]
fn accept_more() -> bool {
    MORE.get().is_some_and(|more| more())
}

fn pending() -> usize {
    PENDING.load(Ordering::Relaxed)
}

/// Makes sure that there is memory.
#[inline]
fn ready() {
    #[cfg(not(target_os = "none"))]
    crate::hosted::memory::start_once(|base, metas, chunks| {
        let count = metas.len();
        // SAFETY: 1. Called once. 2. The arena is never freed, and all frames of the
        // window lie in it.
        unsafe { start(base, metas, chunks) };
        // SAFETY: the arena was made for the allocator alone.
        unsafe { add(1, count as u32) };
    });
}
