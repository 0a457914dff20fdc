// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asking other CPUs to flush, and waiting until each has said that it did; or calling them
//! to a round that nobody waits for (`mm::round`).
//!
//! One request at a time: the lock's waiters serve requests while they spin, so
//! two CPUs that want each other to flush cannot block each other.
//!
//! Locks: `ONE_AT_A_TIME` (preemption off); innermost of all. Whoever changed the tables of
//! a program holds no spinning lock.

use core::ops::Range;

use super::request;
use crate::arch::x86::cpu::{nap, preempt};
use crate::arch::x86::irq::apic;
use crate::cpu::{self, CpuSet};
use crate::sync::SpinLock;

/// Looks for the answers before the core is given back: a CPU that runs needs less.
const LOOKS: u32 = 1000;

static ONE_AT_A_TIME: SpinLock<()> = SpinLock::new(());

/// Flushes `range` on `cpus` but this one; returns when all have done so.
pub(crate) fn flush_tlb_others(cpus: CpuSet, range: Range<usize>) {
    preempt::preempt_disable();
    let mut others = cpus.intersection(CpuSet::from_bits(all_bits()));
    others.remove(cpu::current());
    if !others.is_empty() {
        let _guard = ONE_AT_A_TIME.lock();
        request::post(others.bits(), range);
        for cpu in others.iter() {
            apic::send_ipi(cpu, apic::TLB_FLUSH);
        }
        while !(0..LOOKS).any(|_| {
            core::hint::spin_loop();
            request::is_served()
        }) {
            // Who has not answered may not run, for want of this core.
            nap::nap();
        }
    }
    preempt::preempt_enable();
}

/// Has the CPUs in `cpus` look for what they shall flush; waits for none.
pub(crate) fn call_to_flush(cpus: CpuSet) {
    cpus.iter().for_each(|cpu| apic::send_ipi(cpu, apic::TLB_FLUSH));
}

fn all_bits() -> u64 {
    u64::MAX >> (64 - cpu::count().clamp(1, 64))
}
