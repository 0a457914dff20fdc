// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Data of one CPU, where all threads are CPU 0: it has a lock.

use crate::mm::Initial;
use crate::sync::IrqLock;

/// A value for the only CPU.
pub(crate) struct CpuCell<T>(IrqLock<T>);

impl<T: Initial> CpuCell<T> {
    /// The initial value.
    pub(crate) const fn new() -> Self {
        Self(IrqLock::new(T::INITIAL))
    }

    /// Calls `f` with the value.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock())
    }
}
