// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One value for each CPU.

use alloc::vec::Vec;

use crate::cpu::{self, CpuId};
use crate::mm::NoMemory;

/// One `T` for each CPU, each on cache lines of its own.
///
/// The values are shared (`T: Sync`): "current" is only the CPU at the time of
/// the call, and the caller may be moved; `T` brings its own lock or atomics.
pub struct PerCpu<T> {
    values: Vec<Padded<T>>,
}

#[repr(align(128))]
struct Padded<T>(T);

impl<T: Sync> PerCpu<T> {
    /// Makes a value for each CPU of the machine.
    ///
    /// # Errors
    /// [`NoMemory`] when there is no memory for them.
    pub fn new(mut make: impl FnMut(CpuId) -> T) -> Result<Self, NoMemory> {
        let mut values = Vec::new();
        values.try_reserve_exact(cpu::count()).map_err(|_| NoMemory)?;
        values.extend(cpu::all().map(|id| Padded(make(id))));
        Ok(Self { values })
    }

    /// The value of the CPU that runs this code now.
    #[inline]
    pub fn current(&self) -> &T {
        self.on(cpu::current())
    }

    /// The value of a given CPU.
    #[inline]
    pub fn on(&self, cpu: CpuId) -> &T {
        match self.values.get(cpu.index()) {
            Some(value) => &value.0,
            None => crate::fatal("per-CPU data for a CPU that was not there at boot"),
        }
    }

    /// All values, by CPU.
    pub fn iter(&self) -> impl Iterator<Item = (CpuId, &T)> {
        cpu::all().zip(self.values.iter().map(|value| &value.0))
    }
}
