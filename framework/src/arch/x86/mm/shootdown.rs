// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking other CPUs to flush, and waiting until each has said that it did.
//!
//! One request at a time: the lock's waiters serve requests while they spin, so
//! two CPUs that want each other to flush cannot block each other.
//!
//! Locks: `ONE_AT_A_TIME` (preemption off), inside of the locks of whoever changed the
//! tables; innermost of all.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::tlb;
use crate::arch::x86::cpu::percpu;
use crate::arch::x86::irq::apic;
use crate::cpu::{self, CpuSet};
use crate::sync::SpinLock;

struct Request {
    start: AtomicUsize,
    end: AtomicUsize,
    /// CPUs that have not flushed yet. Private memory: the host cannot say it.
    pending: AtomicU64,
}

static REQUEST: Request =
    Request { start: AtomicUsize::new(0), end: AtomicUsize::new(0), pending: AtomicU64::new(0) };
static ONE_AT_A_TIME: SpinLock<()> = SpinLock::new(());

/// Flushes `range` on `cpus` but this one; returns when all have done so.
pub(crate) fn flush_tlb_others(cpus: CpuSet, range: Range<usize>) {
    crate::arch::preempt_disable();
    let mut others = cpus.intersection(CpuSet::from_bits(all_bits()));
    others.remove(cpu::current());
    if !others.is_empty() {
        let _guard = ONE_AT_A_TIME.lock();
        REQUEST.start.store(range.start, Ordering::Relaxed);
        REQUEST.end.store(range.end, Ordering::Relaxed);
        REQUEST.pending.store(others.bits(), Ordering::Release);
        for cpu in others.iter() {
            apic::send_ipi(percpu::of(cpu).apic_id.load(Ordering::Relaxed), apic::TLB_FLUSH);
        }
        while REQUEST.pending.load(Ordering::Acquire) != 0 {
            core::hint::spin_loop();
        }
    }
    crate::arch::preempt_enable();
}

fn all_bits() -> u64 {
    u64::MAX >> (64 - crate::arch::cpu_count().clamp(1, 64))
}

/// Does what another CPU asks for, if anything.
#[inline]
pub(crate) fn serve() {
    let pending = REQUEST.pending.load(Ordering::Acquire);
    if pending != 0 {
        serve_slowly(pending);
    }
}

#[cold]
fn serve_slowly(pending: u64) {
    let irq = crate::arch::irq_save();
    let me = 1 << crate::arch::cpu_id();
    if pending & me != 0 && REQUEST.pending.load(Ordering::Acquire) & me != 0 {
        let range = REQUEST.start.load(Ordering::Relaxed)..REQUEST.end.load(Ordering::Relaxed);
        tlb::flush_local(range);
        REQUEST.pending.fetch_and(!me, Ordering::AcqRel);
    }
    crate::arch::irq_restore(irq);
}
