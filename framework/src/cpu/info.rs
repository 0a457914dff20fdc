// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What CPUs say of themselves, and how they spend their time.

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
