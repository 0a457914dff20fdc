// SPDX-License-Identifier: GPL-2.0-or-later
//! CPUID in a TD: what the module answers, and which leaves are the host's.

use std::sync::atomic::Ordering;

use crate::ffi::Cpu;
use crate::host;

/// TD_CTLS.REDUCE_VE
pub const REDUCE_VE: u64 = 1 << 3;

/// The crystal that drives the APIC's timer: QEMU's counts nanoseconds, and Linux believes the crystal of leaf 0x15.
const CRYSTAL_HZ: u64 = 1_000_000_000;
/// The TSC's frequency is told in steps of this; Linux multiplies ratio and crystal in 32 bits of kHz.
const STEP_HZ: u64 = 2_500_000;

/// Whether CPUID of this leaf raises #VE.
pub fn raises_ve(leaf: u32) -> bool {
    let reduced = host().module.td_ctls.load(Ordering::Relaxed) & REDUCE_VE != 0;
    match leaf {
        0x4000_0000..=0x4000_00ff | 0x8000_0005 => true,
        2 | 5 | 6 | 9 | 0xb | 0xc | 0xf | 0x10 | 0x16..=0x18 | 0x1a | 0x1b | 0x1f => !reduced,
        0x8000_0002..=0x8000_0007 => !reduced,
        _ => false,
    }
}

/// Changes what QEMU's CPU says (`[eax, ebx, ecx, edx]`) into what the module says.
pub fn virtualise(_cpu: &Cpu, leaf: u32, _sub: u32, out: &mut [u32; 4]) {
    let module = &host().module;
    match leaf {
        0 => out[0] = out[0].max(0x21),
        0x15 => {
            let ratio = (module.tsc_hz + STEP_HZ / 2) / STEP_HZ;
            *out = [(CRYSTAL_HZ / STEP_HZ) as u32, ratio as u32, CRYSTAL_HZ as u32, 0];
        }
        0x16 => *out = [(module.tsc_hz / 1_000_000) as u32, 0, 100, 0],
        0x17..=0x1e => *out = [0; 4],
        // "IntelTDX    " in EBX, EDX, ECX
        0x21 => *out = [0, 0x6574_6e49, 0x2020_2020, 0x5844_546c],
        _ => {}
    }
}
