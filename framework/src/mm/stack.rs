// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`KernelStack`]: stacks of kernel tasks, with unmapped guards below them.
//!
//! Each has a slot of the stack area, of which the upper half is mapped. Stacks
//! of tasks that ended are kept for the next ones; when too many are kept, a
//! batch of them is unmapped, and its frames are freed when every CPU has flushed. A
//! CPU may take its time: then they are left to who next makes or drops a stack, or finds
//! memory short. The last to let go of a task may be an interrupt, or hold a spin lock:
//! there, a stack is only kept.
//!
//! Locks: `POOL` (interrupts off), then the frame pool. It is free while other CPUs are
//! waited for, and the task that waits can be preempted.

use alloc::vec::Vec;
use core::array;
use core::sync::atomic::{AtomicU32, Ordering};

use super::frames::{self, Class};
use super::kernel;
use super::meta::Kind;
use super::root::STACKS;
use super::{NoMemory, PAGE_SIZE, Perms, tlb, usage};
use crate::arch;
use crate::arch::paging::{KernelPage, Pte};
use crate::cvm::private;
use crate::sync::{IrqLock, spin_until};

/// Bytes of a stack, whose end is a multiple of that.
pub(crate) const SIZE: usize = 32 << 10;
/// Bytes of a slot: as much guard as stack.
const SLOT: usize = 2 * SIZE;
/// Mapped stacks that are kept.
const KEPT: usize = 64;
/// Stacks that are unmapped at once.
const BATCH: usize = 32;
/// Stacks whose frames are freed at once: some 12,000 instructions.
const PIECE: usize = 8;

/// Looks for the answer of the other CPUs, with 20 naps of 50 µs in between, before a batch
/// is left to others.
const LOOKS: u32 = 20_000;

static POOL: IrqLock<StackPool> =
    IrqLock::new(StackPool { kept: Vec::new(), unmapped: Vec::new(), leaving: Leaving::Nothing });
/// Slots that were ever used: numbers below this.
static SLOTS: AtomicU32 = AtomicU32::new(0);

/// # Invariants
/// Slots below [`SLOTS`] that no [`KernelStack`] has are in `kept`, mapped, in `unmapped`,
/// or in `leaving`. Each of the lists has room for all slots.
struct StackPool {
    kept: Vec<u32>,
    unmapped: Vec<u32>,
    leaving: Leaving,
}

/// The batch on its way from `kept` to `unmapped`.
#[derive(Clone, Copy)]
enum Leaving {
    /// There is none.
    Nothing,
    /// Somebody unmaps it or frees its frames.
    Taken,
    /// It is unmapped, and not used again before every CPU has flushed. So many of it, the
    /// first ones, have their frames still.
    Waits([u32; BATCH], usize),
}

/// A kernel stack.
///
/// # Invariants
/// Slot `self.0` is mapped and nobody else's.
#[derive(Debug)]
pub(crate) struct KernelStack(u32);

impl KernelStack {
    /// A stack.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none for it.
    pub(crate) fn new() -> Result<Self, NoMemory> {
        let stack = Self::take()?;
        usage::STACKS.add(SIZE / PAGE_SIZE);
        trim();
        Ok(stack)
    }

    fn take() -> Result<Self, NoMemory> {
        let mut pool = POOL.lock();
        if let Some(slot) = pool.kept.pop() {
            return Ok(Self(slot));
        }
        let slot = match pool.unmapped.pop() {
            Some(slot) => slot,
            None => pool.new_slot()?,
        };
        match map(slot) {
            Ok(()) => Ok(Self(slot)),
            Err(error) => {
                // There is room: `new_slot` reserved it.
                pool.unmapped.push(slot);
                Err(error)
            }
        }
    }

    /// The end of the stack, where it begins to grow down; a multiple of 16.
    pub(crate) fn top(&self) -> usize {
        addresses(self.0).end
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        usage::STACKS.sub(SIZE / PAGE_SIZE);
        // There is room: `new_slot` reserved it.
        POOL.lock().kept.push(self.0);
        trim();
    }
}

/// Gives back the stacks that are kept beyond a few, as far as other CPUs flush in time. To
/// be called when memory is short and no spinning lock is held: it waits for them.
pub fn give_back_stacks() {
    while trim() {}
}

/// Gives back some stacks if too many are kept and the caller may wait for other CPUs;
/// whether frames were freed.
fn trim() -> bool {
    if !arch::is_preemptible() || POOL.lock().has_few() {
        return false;
    }
    let has_freed = free_flushed();
    if !unmap_some() {
        return has_freed;
    }
    let mut looks = 0;
    spin_until(|| {
        looks += 1;
        looks > LOOKS || tlb::stacks_are_flushed()
    });
    free_flushed() || has_freed
}

/// Unmaps the stacks that were kept last, if there are too many, and begins the flush;
/// false if there are not, or the last batch is not through. Nobody else can give any back
/// meanwhile, so it is not preempted.
fn unmap_some() -> bool {
    let mut slots = [0; BATCH];
    let mut pool = POOL.lock();
    if pool.kept.len() <= KEPT || !matches!(pool.leaving, Leaving::Nothing) {
        return false;
    }
    for slot in &mut slots {
        let Some(kept) = pool.kept.pop() else { return false };
        *slot = kept;
    }
    pool.leaving = Leaving::Taken;
    arch::preempt_disable();
    drop(pool);
    slots.into_iter().for_each(unmap);
    tlb::begin_flush_of_stacks();
    POOL.lock().leaving = Leaving::Waits(slots, BATCH);
    arch::preempt_enable();
    true
}

/// Frees the frames of the last batch, if every CPU has flushed; whether it freed any.
fn free_flushed() -> bool {
    let mut has_freed = false;
    while free_piece() {
        has_freed = true;
    }
    has_freed
}

/// Frees the frames of a few of its stacks, not preempted, as in [`unmap_some`]; false if
/// there are none to free.
fn free_piece() -> bool {
    let mut pool = POOL.lock();
    let Leaving::Waits(slots, left) = pool.leaving else { return false };
    if !tlb::stacks_are_flushed() {
        return false;
    }
    let rest = left.saturating_sub(PIECE);
    let piece = slots.get(rest..left).unwrap_or_default();
    pool.leaving = Leaving::Taken;
    arch::preempt_disable();
    drop(pool);
    piece.iter().copied().for_each(free);
    let mut pool = POOL.lock();
    // There is room: `new_slot` reserved it.
    pool.unmapped.extend_from_slice(piece);
    pool.leaving = if rest == 0 { Leaving::Nothing } else { Leaving::Waits(slots, rest) };
    drop(pool);
    arch::preempt_enable();
    true
}

impl StackPool {
    /// Whether there is nothing to give back.
    fn has_few(&self) -> bool {
        self.kept.len() <= KEPT && matches!(self.leaving, Leaving::Nothing)
    }

    fn new_slot(&mut self) -> Result<u32, NoMemory> {
        let slot = SLOTS.load(Ordering::Relaxed);
        if slot as usize >= STACKS.len() / SLOT {
            return Err(NoMemory);
        }
        for list in [&mut self.kept, &mut self.unmapped] {
            let room = (slot as usize + 1).saturating_sub(list.len());
            list.try_reserve(room).map_err(|_| NoMemory)?;
        }
        SLOTS.store(slot + 1, Ordering::Relaxed);
        Ok(slot)
    }
}

/// Is `addr` in the guard below a kernel stack?
pub(crate) fn is_guard(addr: usize) -> bool {
    let Some(offset) = addr.checked_sub(STACKS.start) else { return false };
    let slots = SLOTS.load(Ordering::Relaxed) as usize;
    offset / SLOT < slots && offset % SLOT < SLOT - SIZE
}

/// The addresses of a slot's stack.
fn addresses(slot: u32) -> core::ops::Range<usize> {
    let end = STACKS.start + (slot as usize + 1) * SLOT;
    end - SIZE..end
}

/// Maps frames in a slot that has none; all or none.
fn map(slot: u32) -> Result<(), NoMemory> {
    let perms = Perms::READ | Perms::WRITE;
    let pages = addresses(slot);
    // The slot's pages have one table.
    kernel::entry(pages.start, 1, &mut kernel::new_table).ok_or(NoMemory)?;
    let frames: [_; SIZE / PAGE_SIZE] =
        array::from_fn(|_| frames::take(Class::Kernel, Kind::Stack));
    if frames.iter().any(Option::is_none) {
        frames.into_iter().flatten().for_each(|frame| frames::give(frame, Kind::Stack));
        return Err(NoMemory);
    }
    for (page, frame) in pages.step_by(PAGE_SIZE).zip(frames.into_iter().flatten()) {
        let entry = kernel::entry(page, 1, &mut kernel::new_table).ok_or(NoMemory)?;
        let pte = Pte::kernel_page(private(frame.addr()), perms, KernelPage::Small);
        entry.store(pte.0, Ordering::Release);
    }
    Ok(())
}

/// Makes the pages of a slot not present; the entries remember the frames.
fn unmap(slot: u32) {
    for page in addresses(slot).step_by(PAGE_SIZE) {
        if let Some(entry) = kernel::entry(page, 1, &mut || None) {
            entry.store(Pte(entry.load(Ordering::Relaxed)).absent().0, Ordering::Release);
        }
    }
}

/// Gives the frames of an unmapped slot back.
fn free(slot: u32) {
    for page in addresses(slot).step_by(PAGE_SIZE) {
        let Some(entry) = kernel::entry(page, 1, &mut || None) else { continue };
        if let Some(frame) = Pte(entry.swap(Pte::EMPTY.0, Ordering::AcqRel)).pfn() {
            frames::give(frame, Kind::Stack);
        }
    }
}
