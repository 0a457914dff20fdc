// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Model-specific registers, and those of the x2APIC among them.

use core::arch::asm;

/// Lets nothing that comes after begin before all that was stored is visible: a WRMSR to an
/// x2APIC register does not wait for that by itself (SDM vol. 3, "MSR Access in x2APIC Mode").
#[inline]
pub(crate) fn complete_stores() {
    // SAFETY: both only order what is around them.
    unsafe { asm!("mfence", "lfence", options(nostack, preserves_flags)) };
}

/// The local APIC's registers, in x2APIC mode.
pub(crate) const X2APIC: core::ops::Range<u32> = 0x800..0x840;

/// WRMSR.
///
/// # Safety
/// The register's meaning is the caller's duty.
pub(crate) unsafe fn wrmsr(msr: u32, value: u64) {
    // SAFETY: the caller answers for the register.
    unsafe {
        asm!("wrmsr", in("ecx") msr, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags))
    };
}

/// RDMSR.
///
/// # Safety
/// The register must exist.
pub(crate) unsafe fn rdmsr(msr: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller answers for the register.
    unsafe {
        asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nostack, preserves_flags))
    };
    u64::from(high) << 32 | u64::from(low)
}

/// Reads an x2APIC register; 0 of any other.
pub(crate) fn x2apic_read(msr: u32) -> u64 {
    if !X2APIC.contains(&msr) {
        return 0;
    }
    // SAFETY: x2APIC registers 0x800..0x83f exist in x2APIC mode.
    unsafe { rdmsr(msr) }
}

/// Writes an x2APIC register, and no other.
pub(crate) fn x2apic_write(msr: u32, value: u64) {
    if X2APIC.contains(&msr) {
        // SAFETY: x2APIC registers exist, and the values here are well formed; what
        // a message makes another CPU do is decided by its vector or by the
        // start-up page, both the kernel's own.
        unsafe { wrmsr(msr, value) }
    }
}
