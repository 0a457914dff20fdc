// SPDX-License-Identifier: GPL-2.0-or-later
//! Which instructions call us.

use crate::config::{Config, Guest, Mode};
use crate::evil::Wants;

/// What is at a [`super::Site`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The first instruction of a block that is in the hot set.
    Entry,
    /// The instruction behind one that runs first.
    After,
    /// The first instruction of a block that ends in a TDCALL to be patched.
    Patch,
    /// An instruction that the attack engine watches.
    Watched,
    /// TDCALL as in the image.
    TdCall,
    /// TDCALL as [`super::patch`] leaves it: the second half.
    Patched,
    /// CPUID.
    Cpuid,
    /// RDMSR.
    Rdmsr,
    /// WRMSR.
    Wrmsr,
    /// IN, OUT, INS, OUTS.
    Port,
    /// HLT.
    Hlt,
    /// RDTSC or RDTSCP.
    Rdtsc,
    /// RDRAND or RDSEED; the length of the value is in the bytes.
    Random,
    /// LIDT.
    Lidt,
    /// The second instruction of a stub.
    Landing,
    /// A load or store that is looked at.
    Access,
    /// `xchg bx, bx`: the program in the guest speaks to us.
    Witness,
    /// SYSCALL, until the first one.
    Syscall,
    /// The CPU is taken from other tasks, or given back.
    Section(crate::sections::Step),
}

impl Kind {
    /// Whether the instruction runs and the vCPU is looked at behind it.
    pub fn runs_first(self) -> bool {
        matches!(self, Self::Cpuid | Self::Rdmsr | Self::Wrmsr | Self::Rdtsc | Self::Random)
    }
}

/// Skips legacy and REX prefixes; returns whether 0xf2, 0xf3 or a segment was among them, and the rest.
fn opcode(bytes: &[u8]) -> (bool, &[u8]) {
    let mut odd = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            0x66 | 0x67 | 0x40..=0x4f => {}
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3 => odd = true,
            _ => break,
        }
        at += 1;
    }
    (odd, bytes.get(at..).unwrap_or(&[]))
}

/// What an instruction is to us.
pub fn classify(bytes: &[u8], wants: &Wants) -> Option<Kind> {
    if bytes == [0x66, 0x87, 0xdb] {
        return Some(Kind::Witness);
    }
    if bytes == super::stub::LANDING {
        return Some(Kind::Landing);
    }
    if bytes.starts_with(&super::patch::TDCALL) {
        return Some(Kind::TdCall);
    }
    if bytes == super::patch::SECOND {
        return Some(Kind::Patched);
    }
    let (_, opcode) = opcode(bytes);
    let kind = match *opcode {
        [0x0f, 0xa2, ..] => Kind::Cpuid,
        [0x0f, 0x32, ..] => Kind::Rdmsr,
        [0x0f, 0x30, ..] => Kind::Wrmsr,
        [0x0f, 0x31, ..] | [0x0f, 0x01, 0xf9, ..] if wants.rdtsc => Kind::Rdtsc,
        [0x0f, 0xc7, modrm, ..] if wants.random && modrm >= 0xf0 => Kind::Random,
        [0x0f, 0x01, modrm, ..] if modrm >> 3 & 7 == 3 && modrm < 0xc0 => Kind::Lidt,
        [0xe4..=0xe7 | 0xec..=0xef | 0x6c..=0x6f, ..] => Kind::Port,
        [0xf4, ..] => Kind::Hlt,
        [0x0f, 0x05, ..] => Kind::Syscall,
        _ => return None,
    };
    Some(kind)
}

/// Whether loads and stores of this instruction are looked at.
pub fn wants_access(bytes: &[u8], vaddr: u64, config: &Config, wants: &Wants) -> bool {
    let is_kernel = vaddr >> 63 != 0;
    if wants.user_accesses || (wants.accesses && is_kernel) {
        return true;
    }
    config.mode == Mode::Tdx && config.guest == Guest::Linux && is_kernel && may_be_mmio(bytes)
}

/// Whether this can be one of Linux's MMIO accessors: a plain MOV between a register (or a constant) and memory at a
/// register, not at the stack, the instruction pointer, or in a segment.
fn may_be_mmio(bytes: &[u8]) -> bool {
    let (odd, opcode) = opcode(bytes);
    let (modrm, modrm_at) = match *opcode {
        [0x88..=0x8b | 0xc6 | 0xc7, modrm, ..] => (modrm, 1),
        [0x0f, 0xb6 | 0xb7, modrm, ..] => (modrm, 2),
        _ => return false,
    };
    let (mode, rm) = (modrm >> 6, modrm & 7);
    let on_stack = rm == 4 && opcode.get(modrm_at + 1).is_some_and(|sib| sib & 7 == 4);
    let by_rip = mode == 0 && rm == 5;
    !odd && mode != 3 && !on_stack && !by_rip
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<Kind> {
        classify(bytes, &Wants { rdtsc: true, random: true, ..Wants::default() })
    }

    #[test]
    fn knows_instructions() {
        assert_eq!(of(&[0x66, 0x0f, 0x01, 0xcc]), Some(Kind::TdCall));
        assert_eq!(of(&[0x0f, 0xa2]), Some(Kind::Cpuid));
        assert_eq!(of(&[0x66, 0xef]), Some(Kind::Port));
        assert_eq!(of(&[0xf3, 0x6e]), Some(Kind::Port));
        assert_eq!(of(&[0x0f, 0x01, 0x18]), Some(Kind::Lidt));
        assert_eq!(of(&[0x0f, 0x01, 0xf9]), Some(Kind::Rdtsc));
        assert_eq!(of(&[0x48, 0x0f, 0xc7, 0xf0]), Some(Kind::Random));
        assert_eq!(of(&[0x90]), None);
        assert_eq!(of(&[0x0f, 0x01, 0xd0]), None);
    }

    #[test]
    fn mmio_accessors() {
        assert!(may_be_mmio(&[0x8b, 0x07]) && may_be_mmio(&[0x41, 0x89, 0x45, 0x10]));
        assert!(!may_be_mmio(&[0x8b, 0x05, 0, 0, 0, 0]) && may_be_mmio(&[0x8b, 0x04, 0x07]));
        assert!(!may_be_mmio(&[0x8b, 0x04, 0x24]) && !may_be_mmio(&[0x65, 0x8b, 0x07]));
    }
}
