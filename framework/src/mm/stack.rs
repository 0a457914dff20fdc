// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`KernelStack`]: stacks of kernel tasks, with unmapped guards below them.
//!
//! Each has a slot of the stack area, of which the upper half is mapped. Stacks
//! of tasks that ended are kept for the next ones; when too many are kept, a
//! batch of them is unmapped with one TLB shootdown. The last to let go of a task
//! may be an interrupt, or hold a spin lock: there, a stack is only kept, and who
//! may wait for other CPUs next unmaps what is too much.
//!
//! Locks: `POOL` (interrupts off), then the frame pool. It is free while other CPUs are
//! waited for.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use super::frames::{self, Class};
use super::kernel;
use super::meta::Kind;
use super::root::STACKS;
use super::{NoMemory, PAGE_SIZE, Perms, tlb, usage};
use crate::arch;
use crate::arch::paging::{KernelPage, Pte};
use crate::cvm::private;
use crate::sync::IrqLock;

/// Bytes of a stack, whose end is a multiple of that.
pub(crate) const SIZE: usize = 32 << 10;
/// Bytes of a slot: as much guard as stack.
const SLOT: usize = 2 * SIZE;
/// Mapped stacks that are kept.
const KEPT: usize = 64;
/// Stacks that are unmapped at once.
const BATCH: usize = 32;

static POOL: IrqLock<StackPool> =
    IrqLock::new(StackPool { kept: Vec::new(), unmapped: Vec::new() });
/// Slots that were ever used: numbers below this.
static SLOTS: AtomicU32 = AtomicU32::new(0);

/// # Invariants
/// Slots below [`SLOTS`] that no [`KernelStack`] has are in `kept`, mapped, in `unmapped`,
/// or on their way from one to the other. Each of both has room for all slots.
struct StackPool {
    kept: Vec<u32>,
    unmapped: Vec<u32>,
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
        let error = match map(slot) {
            Ok(()) => return Ok(Self(slot)),
            Err(error) => error,
        };
        drop(pool);
        release(&[slot]);
        Err(error)
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

/// Unmaps a batch of kept stacks, the ones that were kept last, if there are too many and
/// the caller may wait for other CPUs.
fn trim() {
    if !arch::is_preemptible() {
        return;
    }
    let mut slots = [0; BATCH];
    let mut pool = POOL.lock();
    if pool.kept.len() <= KEPT {
        return;
    }
    for slot in &mut slots {
        let Some(kept) = pool.kept.pop() else { return };
        *slot = kept;
    }
    drop(pool);
    release(&slots);
}

/// Unmaps stacks that are nobody's, with one shootdown. No lock is held while other CPUs
/// are waited for.
fn release(slots: &[u32]) {
    let all = || slots.iter().copied();
    all().for_each(unmap);
    let start = all().map(|slot| addresses(slot).start).min().unwrap_or_default();
    let end = all().map(|slot| addresses(slot).end).max().unwrap_or_default();
    tlb::flush_kernel(start..end);
    all().for_each(free);
    // There is room: `new_slot` reserved it.
    POOL.lock().unmapped.extend_from_slice(slots);
}

impl StackPool {
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

/// Maps frames in a slot that has none. On errors, some may be mapped.
fn map(slot: u32) -> Result<(), NoMemory> {
    let perms = Perms::READ | Perms::WRITE;
    for page in addresses(slot).step_by(PAGE_SIZE) {
        let entry = kernel::entry(page, 1, &mut kernel::new_table).ok_or(NoMemory)?;
        let frame = frames::take(Class::Kernel, Kind::Stack).ok_or(NoMemory)?;
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
