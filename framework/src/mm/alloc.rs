// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The frame allocator of the machine: one pool, and who may empty it.
//!
//! Three classes of requests share the frames. User memory stops at the
//! reserve; typed frames of fallible calls (page tables, stacks, large kernel
//! blocks) at half of it; small kernel objects, whose allocation must not fail,
//! may take all. [`admit`] refuses a system call before that happens.
//!
//! Locks: the pool's lock is innermost; interrupts are off while it is held.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::meta::{self, Kind, Meta};
use super::phys::{self, Pfn};
use super::pool::{Chunk, FramePool};
use super::{NoMemory, PAGE_SIZE};
use crate::sync::IrqLock;

static POOL: IrqLock<Option<FramePool>> = IrqLock::new(None);
/// Free frames, as of the last operation on the pool.
static FREE: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);
/// Frames that user memory leaves to the kernel.
static RESERVE: AtomicUsize = AtomicUsize::new(0);

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
        total_pages: TOTAL.load(Ordering::Relaxed),
        free_pages: FREE.load(Ordering::Relaxed),
        reserved_pages: RESERVE.load(Ordering::Relaxed),
    }
}

/// May work begin that allocates small kernel objects?
///
/// # Errors
/// [`NoMemory`] when the kernel's own reserve is half used up. System calls
/// ask first, so that small allocations inside them do not fail.
#[inline]
pub fn admit() -> Result<(), NoMemory> {
    let reserve = RESERVE.load(Ordering::Relaxed);
    if FREE.load(Ordering::Relaxed) * 2 < reserve { Err(NoMemory) } else { Ok(()) }
}

/// Takes a free frame; it becomes `kind`. Its content is whatever it was.
pub(super) fn take(class: Class, kind: Kind) -> Option<Pfn> {
    ready();
    let mut guard = POOL.lock();
    let pool = guard.as_mut()?;
    if pool.free() <= class.floor() {
        return None;
    }
    let mut frame = None;
    pool.take_singles(1, |number| frame = Pfn::new(number));
    publish(pool);
    drop(guard);
    let frame = frame?;
    claim(meta::of(frame), kind);
    Some(frame)
}

/// Gives back a frame that [`take`] gave and that nobody refers to any more.
pub(super) fn give(frame: Pfn, kind: Kind) {
    unclaim(meta::of(frame), kind);
    let mut guard = POOL.lock();
    let Some(pool) = guard.as_mut() else { return };
    if !pool.give_single(frame.get()) {
        drop(guard);
        crate::fatal("a frame was freed twice");
    }
    publish(pool);
}

/// Takes `2^order` frames in a row, aligned to their size.
#[cfg_attr(not(target_os = "none"), allow(dead_code, reason = "the heap is machine only"))]
pub(super) fn take_block(class: Class, kind: Kind, order: u32) -> Option<Pfn> {
    ready();
    let mut guard = POOL.lock();
    let pool = guard.as_mut()?;
    if pool.free() < class.floor() + (1 << order) {
        return None;
    }
    let block = pool.take_block(order);
    publish(pool);
    drop(guard);
    let first = Pfn::new(block?)?;
    claim(meta::of(first), kind);
    Some(first)
}

/// Gives back what [`take_block`] gave.
#[cfg_attr(not(target_os = "none"), allow(dead_code, reason = "the heap is machine only"))]
pub(super) fn give_block(first: Pfn, kind: Kind, order: u32) {
    unclaim(meta::of(first), kind);
    let mut guard = POOL.lock();
    let Some(pool) = guard.as_mut() else { return };
    pool.give_block(first.get(), order);
    publish(pool);
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

fn publish(pool: &FramePool) {
    FREE.store(pool.free(), Ordering::Relaxed);
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
    let mut guard = POOL.lock();
    let Some(pool) = guard.as_mut() else { return };
    pool.add(start.max(1), end);
    let total = pool.total();
    TOTAL.store(total, Ordering::Relaxed);
    publish(pool);
    // A 64th of the memory, from 1 MiB (or a quarter) to 32 MiB.
    let mib = (1 << 20) / PAGE_SIZE;
    let reserve = (total / 64).clamp(mib, 32 * mib).min(total / 4);
    RESERVE.store(reserve, Ordering::Relaxed);
}

/// Makes sure that there is memory.
#[inline]
fn ready() {
    #[cfg(not(target_os = "none"))]
    super::hosted::start_once();
}
