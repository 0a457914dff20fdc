// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which CPUs use an address space, and how their TLBs forget pages of it.

use core::ops::Range;
#[cfg(target_os = "none")]
use core::sync::atomic::{AtomicU64, Ordering};

use super::space::VmSpace;

/// CPUs that have a space's tables loaded.
#[cfg(target_os = "none")]
pub(super) struct ActiveCpus(AtomicU64);

#[cfg(target_os = "none")]
impl ActiveCpus {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

/// The hosted backend has no TLBs.
#[cfg(not(target_os = "none"))]
pub(super) struct ActiveCpus;

#[cfg(not(target_os = "none"))]
impl ActiveCpus {
    pub(super) const fn new() -> Self {
        Self
    }
}

/// The hosted backend has no TLBs: nothing is to be forgotten.
#[cfg(not(target_os = "none"))]
pub(super) fn flush(space: &VmSpace, _: Range<usize>) {
    let ActiveCpus = &space.cpus;
}

#[cfg(target_os = "none")]
pub(crate) use machine::activate_kernel;
#[cfg(target_os = "none")]
pub(super) use machine::{flush, flush_kernel, load_kernel_tables};

#[cfg(target_os = "none")]
mod machine {
    use alloc::sync::Arc;
    use core::sync::atomic::fence;

    use super::*;
    use crate::arch;
    use crate::cpu::{self, CpuId, CpuSet};
    use crate::mm::kernel;
    use crate::mm::local::{CpuCell, Initial};

    /// Returns when no CPU can use an old translation of the pages in `range`.
    ///
    /// The entries were changed before, under the space's lock, which is still
    /// held (so this code stays on its CPU).
    pub(in crate::mm) fn flush(space: &VmSpace, range: Range<usize>) {
        // The new entries are visible before the set is read; a CPU that joins
        // later joins first and walks the tables then.
        fence(Ordering::SeqCst);
        let cpus = space.cpus.0.load(Ordering::SeqCst);
        let me = CpuSet::of(cpu::current()).bits();
        if cpus & me != 0 {
            arch::flush_local(range.clone());
        }
        if cpus & !me != 0 {
            arch::flush_tlb_others(CpuSet::from_bits(cpus & !me), range);
        }
    }

    /// Makes every CPU forget kernel addresses.
    pub(in crate::mm) fn flush_kernel(range: Range<usize>) {
        let all = cpu::all().fold(0, |set, cpu: CpuId| set | CpuSet::of(cpu).bits());
        let me = CpuSet::of(cpu::current()).bits();
        arch::flush_local(range.clone());
        if all & !me != 0 {
            arch::flush_tlb_others(CpuSet::from_bits(all & !me), range);
        }
    }

    /// The space whose tables a CPU has loaded.
    struct Active(Option<Arc<VmSpace>>);

    impl Initial for Active {
        const INITIAL: Self = Self(None);
    }

    static ACTIVE: CpuCell<Active> = CpuCell::new();

    impl VmSpace {
        /// Makes `next` the address space of the current CPU. Gives back what it
        /// held of the one before: to be dropped where that may take its time.
        #[inline]
        pub(crate) fn activate(next: &Arc<Self>) -> Option<Arc<Self>> {
            ACTIVE.with(|active| {
                if active.0.as_ref().is_some_and(|space| Arc::ptr_eq(space, next)) {
                    return None;
                }
                let me = CpuSet::of(cpu::current()).bits();
                next.cpus.0.fetch_or(me, Ordering::SeqCst);
                // SAFETY: `Tables::new` put the kernel's half in, and `active`
                // keeps the space alive until another one is loaded.
                unsafe { arch::load_tables(next.root()) };
                let before = active.0.replace(next.clone());
                before.inspect(|before| before.leave(me))
            })
        }

        fn leave(&self, me: u64) {
            self.cpus.0.fetch_and(!me, Ordering::SeqCst);
        }
    }

    /// Leaves every user address space, as [`VmSpace::activate`] does.
    pub(crate) fn activate_kernel() -> Option<Arc<VmSpace>> {
        ACTIVE.with(|active| {
            let before = active.0.take()?;
            load_kernel_tables();
            before.leave(CpuSet::of(cpu::current()).bits());
            Some(before)
        })
    }

    /// Loads the tables that map no user address.
    pub(in crate::mm) fn load_kernel_tables() {
        if let Some(root) = kernel::root() {
            // SAFETY: the kernel's own tables live for ever.
            unsafe { arch::load_tables(root) };
        }
    }
}
