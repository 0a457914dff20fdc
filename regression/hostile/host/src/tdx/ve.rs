// SPDX-License-Identifier: GPL-2.0-or-later
//! Virtualisation exceptions: #VE, vector 20, no error code.

use serde_json::json;

use crate::ffi::Cpu;
use crate::insn::{Injection, inject};
use crate::{Flow, host};

/// Exit reasons.
pub const CPUID: u32 = 10;
#[allow(missing_docs)]
pub const HLT: u32 = 12;
#[allow(missing_docs)]
pub const IO: u32 = 30;
#[allow(missing_docs)]
pub const RDMSR: u32 = 31;
#[allow(missing_docs)]
pub const WRMSR: u32 = 32;
#[allow(missing_docs)]
pub const EPT_VIOLATION: u32 = 48;

const VECTOR: u8 = 20;
const DOUBLE_FAULT: u8 = 8;

/// What VEINFO.GET returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Exit reason.
    pub reason: u32,
    /// Exit qualification.
    pub qualification: u64,
    /// Guest linear address.
    pub gla: u64,
    /// Guest-physical address.
    pub gpa: u64,
    /// Instruction length.
    pub len: u32,
}

impl Info {
    /// Caused by an instruction.
    pub fn instruction(reason: u32, len: u8) -> Self {
        Self { reason, len: len.into(), ..Self::default() }
    }

    /// Caused by IN, OUT, INS or OUTS.
    pub fn port(bytes: &[u8], dx: u16) -> Self {
        let prefixes =
            bytes.iter().take_while(|byte| matches!(byte, 0x40..=0x4f | 0x66 | 0x67 | 0xf2 | 0xf3));
        let at = prefixes.count();
        let has = |prefix| bytes.get(..at).is_some_and(|list| list.contains(&prefix));
        let opcode = bytes.get(at).copied().unwrap_or(0);
        let size = match opcode & 1 {
            0 => 1,
            _ if has(0x66) => 2,
            _ => 4u64,
        };
        let is_string = (0x6c..=0x6f).contains(&opcode);
        let is_in = matches!(opcode, 0xe4 | 0xe5 | 0xec | 0xed | 0x6c | 0x6d);
        let immediate = (0xe4..=0xe7).contains(&opcode);
        let port = if immediate { bytes.get(at + 1).copied().unwrap_or(0).into() } else { dx };
        let qualification = (size - 1)
            | u64::from(is_in) << 3
            | u64::from(is_string) << 4
            | u64::from(has(0xf2) || has(0xf3)) << 5
            | u64::from(immediate) << 6
            | u64::from(port) << 16;
        Self { qualification, ..Self::instruction(IO, bytes.len() as u8) }
    }
}

/// Raises #VE at `pc`. A second one before the first was asked about is a double fault, as on the hardware.
pub fn raise(cpu: &Cpu, pc: u64, info: Info) -> Flow {
    let host = host();
    host.events.count(&format!("ve.{}", info.reason));
    let before = host.module.ve_info(cpu).replace(info);
    let (vector, error) = if before.is_some() { (DOUBLE_FAULT, Some(0)) } else { (VECTOR, None) };
    match inject::inject(cpu, pc, Injection::Exception { vector, error }) {
        Some(flow) => flow,
        None => {
            host.events.write(&json!({"event": "problem", "what": "no room for a stub", "pc": pc}));
            Flow::Continue
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_qualifications() {
        assert_eq!(Info::port(&[0xee], 0x3f8).qualification, 0x3f8 << 16);
        assert_eq!(Info::port(&[0xec], 0x3fd).qualification, 0x3fd << 16 | 8);
        assert_eq!(Info::port(&[0x66, 0xef], 0x604).qualification, 0x604 << 16 | 1);
        assert_eq!(Info::port(&[0xe5, 0x71], 0).qualification, 0x71 << 16 | 1 << 6 | 8 | 3);
        assert_eq!(Info::port(&[0xf3, 0x6e], 0x3f8).qualification, 0x3f8 << 16 | 3 << 4);
    }
}
