// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CPUs by number: how many, which one this is, and sets of them.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::arch;

/// The most CPUs that one kernel drives.
pub const MAX_CPUS: usize = 64;

/// A CPU, numbered from 0 in the order in which they were started.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CpuId(pub(crate) u32);

impl CpuId {
    /// The CPU that booted the machine.
    pub const BOOT: Self = Self(0);

    /// The CPU with this number, if the machine has it.
    pub fn new(number: usize) -> Option<Self> {
        (number < count()).then_some(Self(number as u32))
    }

    /// The number, for indexing.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// CPUs that have come up.
static COUNT: AtomicU32 = AtomicU32::new(1);

/// How many CPUs run; fixed before services start.
#[inline]
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed) as usize
}

/// Says how many CPUs have come up.
pub(crate) fn set_count(count: u32) {
    COUNT.store(count, Ordering::Relaxed);
}

/// The CPU that runs this code now; the caller may be moved right after.
#[inline]
pub fn current() -> CpuId {
    CpuId(arch::cpu_id())
}

/// All CPUs, in order.
pub fn all() -> impl Iterator<Item = CpuId> + Clone {
    (0..count() as u32).map(CpuId)
}

/// A set of CPUs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuSet(u64);

impl CpuSet {
    /// No CPU.
    pub const EMPTY: Self = Self(0);
    /// Every possible CPU.
    pub const ALL: Self = Self(u64::MAX);

    /// The set with the given bit mask, bit n for CPU n.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bit mask, bit n for CPU n.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of one CPU.
    pub const fn of(cpu: CpuId) -> Self {
        Self(1 << cpu.0)
    }

    /// Whether the CPU is in the set.
    #[inline]
    pub const fn contains(self, cpu: CpuId) -> bool {
        self.0 & (1 << cpu.0) != 0
    }

    /// Whether no CPU is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many CPUs are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Adds a CPU.
    pub fn insert(&mut self, cpu: CpuId) {
        self.0 |= 1 << cpu.0;
    }

    /// Takes a CPU out.
    pub fn remove(&mut self, cpu: CpuId) {
        self.0 &= !(1 << cpu.0);
    }

    /// The CPUs in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The CPUs of the machine that are in the set, in order.
    pub fn iter(self) -> impl Iterator<Item = CpuId> {
        all().filter(move |cpu| self.contains(*cpu))
    }
}
