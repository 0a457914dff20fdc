// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What FUTEX_WAKE_OP does to its second word, packed into 32 bits.
//!
//! Spec: futex(2).

use abi::{Result, err};

/// The operation and the comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WakeOp {
    op: u32,
    op_arg: i32,
    cmp: u32,
    cmp_arg: i32,
}

/// Shifts 1 by the operand first.
const OPARG_SHIFT: u32 = 8;

impl WakeOp {
    /// From the argument of the call.
    ///
    /// # Errors
    /// `ENOSYS` for an unknown operation or comparison.
    pub(crate) fn decode(encoded: u32) -> Result<Self> {
        let (op, cmp) = (encoded >> 28, encoded >> 24 & 15);
        let twelve_bits = |shift: u32| ((encoded >> shift) << 20) as i32 >> 20;
        let mut op_arg = twelve_bits(12);
        if op & OPARG_SHIFT != 0 {
            op_arg = 1 << (op_arg & 31);
        }
        let op = op & !OPARG_SHIFT;
        if op > 4 || cmp > 5 {
            return err!(ENOSYS, "futex operation");
        }
        Ok(Self { op, op_arg, cmp, cmp_arg: twelve_bits(0) })
    }

    /// The new word.
    pub(crate) fn changed(self, old: u32) -> u32 {
        let arg = self.op_arg as u32;
        match self.op {
            0 => arg,
            1 => old.wrapping_add(arg),
            2 => old | arg,
            3 => old & !arg,
            _ => old ^ arg,
        }
    }

    /// Whether the old word compares as asked.
    pub(crate) fn compares(self, old: u32) -> bool {
        let (old, arg) = (old as i32, self.cmp_arg);
        match self.cmp {
            0 => old == arg,
            1 => old != arg,
            2 => old < arg,
            3 => old <= arg,
            4 => old > arg,
            _ => old >= arg,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(op: u32, op_arg: u32, cmp: u32, cmp_arg: u32) -> WakeOp {
        WakeOp::decode(op << 28 | cmp << 24 | op_arg << 12 | cmp_arg).unwrap()
    }

    #[test]
    fn operations() {
        assert_eq!(decode(0, 7, 0, 0).changed(5), 7);
        assert_eq!(decode(1, 0xfff, 0, 0).changed(5), 4);
        assert_eq!(decode(2, 2, 0, 0).changed(5), 7);
        assert_eq!(decode(3, 1, 0, 0).changed(5), 4);
        assert_eq!(decode(4, 1, 0, 0).changed(5), 4);
        assert_eq!(decode(8 | 2, 3, 0, 0).changed(1), 9);
        assert!(WakeOp::decode(5 << 28).is_err() && WakeOp::decode(6 << 24).is_err());
    }

    #[test]
    fn comparisons() {
        let yes: [(u32, u32); 6] = [(0, 5), (1, 4), (2, 6), (3, 5), (4, 0xfff), (5, 5)];
        for (cmp, arg) in yes {
            assert!(decode(0, 0, cmp, arg).compares(5), "{cmp} {arg}");
        }
        assert!(!decode(0, 0, 4, 5).compares(5));
    }
}
