// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CPUID in a TD: leaves that the module answers, and zeros for all others.
//!
//! A leaf that is left to the host would raise #VE. The kernel does not execute it,
//! and a program that does gets zeros, as Linux gives.
//! Spec: Intel TDX module ABI, CPUID virtualization.

use crate::arch;

/// Leaves that never raise #VE.
fn is_native(leaf: u32) -> bool {
    matches!(leaf, 0 | 1 | 3 | 4 | 7 | 0xd | 0x14 | 0x15 | 0x19 | 0x1c..=0x1e | 0x21)
        || matches!(leaf, 0x8000_0000 | 0x8000_0001 | 0x8000_0008)
}

/// Leaves that do not with REDUCE_VE.
fn is_reduced(leaf: u32) -> bool {
    matches!(leaf, 2 | 5 | 6 | 9 | 0xb | 0xc | 0xf | 0x10 | 0x16..=0x18 | 0x1a | 0x1b | 0x1f)
        || matches!(leaf, 0x8000_0002..=0x8000_0004 | 0x8000_0006 | 0x8000_0007)
}

/// Whether the module answers a leaf.
pub(super) fn is_answered(leaf: u32, has_reduced_ve: bool) -> bool {
    is_native(leaf) || has_reduced_ve && is_reduced(leaf)
}

/// EAX, EBX, ECX, EDX of a leaf that the module answers; zeros of any other.
pub(super) fn answer(leaf: u32, subleaf: u32, has_reduced_ve: bool) -> [u32; 4] {
    if is_answered(leaf, has_reduced_ve) { arch::cpuid(leaf, subleaf) } else { [0; 4] }
}
