// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CPUs: how many there are, which one this is, sets of them, what they are.

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

/// How many CPUs run; fixed before services start.
#[inline]
pub fn count() -> usize {
    arch::cpu_count()
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

/// What a CPU says of itself, for /proc/cpuinfo.
#[derive(Clone, Debug)]
pub struct CpuInfo {
    /// "GenuineIntel", "AuthenticAMD", …
    pub vendor: [u8; 12],
    /// Family, with the extended family added.
    pub family: u32,
    /// Model, with the extended model added.
    pub model: u32,
    /// Stepping.
    pub stepping: u32,
    /// Brand string, NUL-padded.
    pub brand: [u8; 48],
    /// Highest basic CPUID leaf.
    pub max_leaf: u32,
    /// CPUID leaf 1: ECX, EDX.
    pub leaf1: (u32, u32),
    /// CPUID leaf 7 subleaf 0: EBX, ECX, EDX.
    pub leaf7: (u32, u32, u32),
    /// CPUID leaf 0x8000_0001: ECX, EDX.
    pub leaf_ext1: (u32, u32),
    /// Flags of /proc/cpuinfo for the kind of confidential VM.
    pub guest_flags: &'static [&'static str],
    /// Physical and linear address widths in bits.
    pub address_bits: (u8, u8),
    /// CLFLUSH line size in bytes.
    pub clflush_size: u32,
    /// Cache size in KiB, 0 when unknown.
    pub cache_kib: u32,
}

impl CpuInfo {
    /// A CPU of which nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        vendor: [0; 12],
        family: 0,
        model: 0,
        stepping: 0,
        brand: [0; 48],
        max_leaf: 0,
        leaf1: (0, 0),
        leaf7: (0, 0, 0),
        leaf_ext1: (0, 0),
        guest_flags: &[],
        address_bits: (0, 0),
        clflush_size: 0,
        cache_kib: 0,
    };
}

/// What the CPUs say of themselves (read once, at boot).
pub fn info() -> &'static CpuInfo {
    arch::cpu_info()
}

/// Makes a CPU choose its task again, as soon as it may.
pub fn resched(cpu: CpuId) {
    arch::resched(cpu);
}

/// Time a CPU has spent, in nanoseconds since boot.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTimes {
    /// In user mode.
    pub user_ns: u64,
    /// In the kernel.
    pub kernel_ns: u64,
    /// With nothing to do.
    pub idle_ns: u64,
    /// Interrupts taken.
    pub interrupts: u64,
    /// Context switches made.
    pub switches: u64,
}

/// How a CPU has spent its time.
pub fn times(cpu: CpuId) -> CpuTimes {
    arch::cpu_times(cpu)
}
