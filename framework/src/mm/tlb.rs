// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`ActiveCpus`]: which CPUs use an address space, and how their TLBs forget pages
//! of it.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use super::root::STACKS;
use super::round::Round;
use crate::arch;
use crate::cpu::{self, CpuSet};

/// CPUs that have a space's tables loaded; hosted, there never are any.
pub(super) struct ActiveCpus(AtomicU64);

impl ActiveCpus {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds the CPUs in the mask `cpus`, before they load the tables.
    pub(super) fn join(&self, cpus: u64) {
        self.0.fetch_or(cpus, Ordering::SeqCst);
    }

    /// Takes the CPUs in the mask `cpus` out, after they have loaded others.
    pub(super) fn leave(&self, cpus: u64) {
        self.0.fetch_and(!cpus, Ordering::SeqCst);
    }
}

impl ActiveCpus {
    /// Is this CPU one of them? It stays so while interrupts are off.
    #[inline]
    pub(super) fn has_current(&self) -> bool {
        self.0.load(Ordering::Relaxed) & CpuSet::of(cpu::current()).bits() != 0
    }
}

/// Does the same as [`flush`] if no other CPU is concerned; false if one is.
pub(super) fn flush_alone(active: &ActiveCpus, range: Range<usize>) -> bool {
    arch::preempt_disable();
    // As in `flush`.
    fence(Ordering::SeqCst);
    let cpus = active.0.load(Ordering::SeqCst);
    let me = CpuSet::of(cpu::current()).bits();
    if cpus == me {
        arch::flush_local(range);
    }
    arch::preempt_enable();
    cpus & !me == 0
}

/// Returns when no CPU can use an old translation of the pages in `range`, nor a table that
/// was taken out of the tree before.
///
/// The entries were changed before. The space's locks are free: another CPU may take its time
/// to answer.
pub(super) fn flush(active: &ActiveCpus, range: Range<usize>) {
    // Which CPUs are the others holds for this one.
    arch::preempt_disable();
    // The new entries are visible before the set is read; a CPU that joins
    // later joins first and walks the tables then.
    fence(Ordering::SeqCst);
    let cpus = active.0.load(Ordering::SeqCst);
    let me = CpuSet::of(cpu::current()).bits();
    if cpus & me != 0 {
        arch::flush_local(range.clone());
    }
    if cpus & !me != 0 {
        arch::flush_tlb_others(CpuSet::from_bits(cpus & !me), range);
    }
    arch::preempt_enable();
}

/// The flush that stacks which were unmapped wait for.
static STACKS_FLUSH: Round = Round::new();

/// Begins to make every CPU forget the kernel's stacks, and waits for none: what was
/// unmapped may be used again when [`stacks_are_flushed`]. The last round is over, and no
/// other call is under way.
pub(super) fn begin_flush_of_stacks() {
    // Which CPUs are the others holds for this one.
    arch::preempt_disable();
    arch::flush_local(STACKS);
    let mut others = CpuSet::EMPTY;
    cpu::all().for_each(|cpu| others.insert(cpu));
    others.remove(cpu::current());
    STACKS_FLUSH.begin(others.bits());
    arch::call_to_flush(others);
    arch::preempt_enable();
}

/// Whether every CPU has forgotten the stacks that were unmapped.
pub(super) fn stacks_are_flushed() -> bool {
    STACKS_FLUSH.is_over()
}

/// Forgets the kernel's stacks, if this CPU still has to. Interrupts are off.
pub(crate) fn serve_flush_of_stacks() {
    STACKS_FLUSH.serve(CpuSet::of(cpu::current()).bits(), || arch::flush_local(STACKS));
}

/// Makes every CPU forget kernel addresses. Only while the machine starts: it waits for
/// the others, with interrupts off where a lock demands it.
pub(super) fn flush_kernel(range: Range<usize>) {
    arch::preempt_disable();
    let all = cpu::all().fold(0, |set, cpu| set | CpuSet::of(cpu).bits());
    let me = CpuSet::of(cpu::current()).bits();
    arch::flush_local(range.clone());
    if all & !me != 0 {
        arch::flush_tlb_others(CpuSet::from_bits(all & !me), range);
    }
    arch::preempt_enable();
}
