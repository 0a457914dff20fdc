// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Entering and leaving address spaces, on this CPU.

use alloc::sync::Arc;

use super::local::{CpuCell, Initial};
use super::root;
use super::space::VmSpace;
use crate::arch;
use crate::cpu::{self, CpuSet};

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
            next.cpus.join(me);
            // SAFETY: `Tables::new` put the kernel's half in, and `active`
            // keeps the space alive until another one is loaded.
            unsafe { arch::load_tables(next.root()) };
            let before = active.0.replace(next.clone());
            before.inspect(|before| before.leave(me))
        })
    }

    fn leave(&self, me: u64) {
        self.cpus.leave(me);
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
pub(super) fn load_kernel_tables() {
    if let Some(root) = root::root() {
        // SAFETY: the kernel's own tables live for ever.
        unsafe { arch::load_tables(root) };
    }
}
