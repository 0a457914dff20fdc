// SPDX-License-Identifier: GPL-2.0-or-later
//! The layer's own test: at a marker (`xchg dx, dx`), a guest of `tests/` asks for an injection.

use super::inject;
use crate::Flow;
use crate::ffi::{Cpu, Reg};
use crate::insn::Injection;

/// At a marker: AL is the vector; AH says what: 0 an exception, 1 one with error code 0x12345678, 2 an interrupt,
/// 3 an NMI.
pub fn marker(cpu: &Cpu, pc: u64) -> Flow {
    let next = pc.wrapping_add(3);
    let rax = cpu.get(Reg::Rax);
    let vector = rax as u8;
    let injection = match rax >> 8 & 0xff {
        0 => Injection::Exception { vector, error: None },
        1 => Injection::Exception { vector, error: Some(0x1234_5678) },
        2 => Injection::Interrupt(vector),
        3 => Injection::Nmi,
        _ => return Flow::Continue,
    };
    inject::inject(cpu, next, injection).unwrap_or(Flow::Continue)
}
