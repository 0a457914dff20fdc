// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The instruction CPUID. What it says of this machine is asked by way of `cvm`.

use core::arch::x86_64::{__cpuid, __cpuid_count};

/// CPUID: EAX, EBX, ECX, EDX; zeros above the highest leaf.
pub(crate) fn cpuid(leaf: u32, subleaf: u32) -> [u32; 4] {
    let highest = __cpuid(leaf & 0x8000_0000).eax;
    if leaf > highest {
        return [0; 4];
    }
    let r = __cpuid_count(leaf, subleaf);
    [r.eax, r.ebx, r.ecx, r.edx]
}
