// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`CpuCell`]: data of one CPU, used with interrupts off and no lock.

#[cfg(not(target_os = "none"))]
pub(super) use crate::hosted::CpuCell;
#[cfg(target_os = "none")]
pub(super) use machine::CpuCell;

/// What a [`CpuCell`] holds at first.
pub(crate) trait Initial {
    /// That value.
    const INITIAL: Self;
}

#[cfg(target_os = "none")]
mod machine {
    use core::cell::UnsafeCell;

    use super::Initial;
    use crate::arch;
    use crate::cpu::MAX_CPUS;

    /// One `T` for each CPU, known at compile time so that the heap can use it.
    pub(in crate::mm) struct CpuCell<T>([Padded<T>; MAX_CPUS]);

    #[repr(align(64))]
    struct Padded<T>(UnsafeCell<T>);

    // SAFETY: `with` gives each value to its own CPU only.
    unsafe impl<T: Send> Sync for CpuCell<T> {}

    impl<T: Initial> CpuCell<T> {
        /// Initial values.
        pub(in crate::mm) const fn new() -> Self {
            Self([const { Padded(UnsafeCell::new(T::INITIAL)) }; MAX_CPUS])
        }

        /// Calls `f` with this CPU's value, interrupts off. `f` must not use the
        /// same cell again, nor panic; it is a few lines of this module's parent.
        #[inline]
        pub(in crate::mm) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            let state = arch::irq_save();
            let Some(cell) = self.0.get(arch::cpu_id() as usize) else {
                crate::fatal("a CPU without a number");
            };
            // SAFETY: interrupts are off, so nothing else runs on this CPU until
            // `f` returns, and no other CPU uses this value.
            let result = f(unsafe { &mut *cell.0.get() });
            arch::irq_restore(state);
            result
        }
    }
}
