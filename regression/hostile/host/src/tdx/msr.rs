// SPDX-License-Identifier: GPL-2.0-or-later
//! Which MSRs a TD accesses directly; the others are the host's and raise #VE.

/// Whether RDMSR and WRMSR of it reach the (virtual) CPU.
pub fn is_native(msr: u32) -> bool {
    matches!(
        msr,
        0x10 | 0x1b | 0x3b | 0x48 | 0x49 | 0xe1 | 0x10a | 0x10b | 0x122 | 0x174..=0x176 | 0x1a0
            | 0x1c4 | 0x1c5 | 0x1d9 | 0x277 | 0x6a0..=0x6a8 | 0x6e1 | 0xda0
            // x2APIC: TPR, PPR, EOI, ISR, TMR, IRR
            | 0x808 | 0x80a | 0x80b | 0x810..=0x827
            | 0xc000_0080..=0xc000_0084 | 0xc000_0100..=0xc000_0103
    )
}
