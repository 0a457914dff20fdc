// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the CPU can do: what is required, what is used, what /proc/cpuinfo shows.

use crate::cpu::CpuInfo;
use crate::sync::Once;

static INFO: Once<CpuInfo> = Once::new();

pub(crate) fn cpu_info() -> &'static CpuInfo {
    INFO.get().unwrap_or(&const { CpuInfo::UNKNOWN })
}

/// A leaf that the hardware vouches for.
pub(crate) fn leaf(leaf: u32, subleaf: u32) -> [u32; 4] {
    crate::cvm::cpuid(leaf, subleaf)
}

/// A required feature that the CPU lacks.
pub(crate) fn missing() -> Option<&'static str> {
    let [_, _, c1, d1] = leaf(1, 0);
    let [_, b7, _, _] = leaf(7, 0);
    let [_, _, _, de] = leaf(0x8000_0001, 0);
    let required = [
        (d1 >> 24 & 1, "FXSR"),
        (c1 >> 26 & 1, "XSAVE"),
        (d1 >> 9 & 1, "APIC"),
        (b7 & 1, "FSGSBASE"),
        (b7 >> 7 & 1, "SMEP"),
        (b7 >> 20 & 1, "SMAP"),
        (de >> 20 & 1, "NX"),
        (c1 >> 13 & 1, "CMPXCHG16B"),
    ];
    required.iter().find(|(bit, _)| *bit == 0).map(|(_, name)| *name)
}

/// Whether the CPU has UMIP.
pub(crate) fn has_umip() -> bool {
    leaf(7, 0)[2] >> 2 & 1 != 0
}

/// Whether the CPU has an APIC that is reached by MSRs.
pub(crate) fn has_x2apic() -> bool {
    leaf(1, 0)[2] >> 21 & 1 != 0
}

/// Whether RDRAND is there.
pub(crate) fn has_rdrand() -> bool {
    leaf(1, 0)[2] >> 30 & 1 != 0
}

/// Whether RDSEED is there.
pub(crate) fn has_rdseed() -> bool {
    leaf(7, 0)[1] >> 18 & 1 != 0
}

/// Reads what [`cpu_info`] gives.
pub(crate) fn init() {
    let [max_leaf, b0, c0, d0] = leaf(0, 0);
    let [a1, b1, c1, d1] = leaf(1, 0);
    let [_, b7, c7, d7] = leaf(7, 0);
    let [_, _, ce, de] = leaf(0x8000_0001, 0);
    let mut vendor = [0; 12];
    for (out, word) in vendor.chunks_exact_mut(4).zip([b0, d0, c0]) {
        out.copy_from_slice(&word.to_le_bytes());
    }
    let mut brand = [0; 48];
    let words = (0x8000_0002..=0x8000_0004).flat_map(|n| leaf(n, 0));
    for (out, word) in brand.chunks_exact_mut(4).zip(words) {
        out.copy_from_slice(&word.to_le_bytes());
    }
    let (base_family, base_model) = (a1 >> 8 & 15, a1 >> 4 & 15);
    let family = if base_family == 15 { 15 + (a1 >> 20 & 255) } else { base_family };
    let has_ext_model = base_family == 15 || base_family == 6;
    let model = if has_ext_model { base_model | (a1 >> 16 & 15) << 4 } else { base_model };
    let [widths, ..] = leaf(0x8000_0008, 0);
    let [_, _, cache, _] = leaf(0x8000_0006, 0);
    let _ = INFO.set(CpuInfo {
        vendor,
        family,
        model,
        stepping: a1 & 15,
        brand,
        max_leaf,
        leaf1: (c1, d1),
        leaf7: (b7, c7, d7),
        leaf_ext1: (ce, de),
        guest_flags: crate::cvm::cpu_flags(),
        address_bits: (widths as u8, (widths >> 8) as u8),
        clflush_size: (b1 >> 8 & 255) * 8,
        cache_kib: cache >> 16,
    });
}
