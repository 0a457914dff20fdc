// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The argument registers of a call, and what takes them.

use crate::line::Line;
use abi::Result;

/// The argument registers of one call, taken from left to right.
#[derive(Clone, Copy, Debug)]
pub struct Regs {
    values: [u64; 6],
    next: usize,
}

impl Regs {
    /// The registers in the order of the ABI: rdi, rsi, rdx, r10, r8, r9.
    #[inline(always)]
    pub const fn new(values: [u64; 6]) -> Self {
        Self { values, next: 0 }
    }

    /// The next register; zero when all six are taken.
    #[inline(always)]
    pub fn take(&mut self) -> u64 {
        let value = self.values.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        value
    }

    /// How many registers have been taken.
    pub const fn taken(&self) -> usize {
        self.next
    }
}

/// A type that a row of the table may name for an argument.
pub trait FromArg: Sized {
    /// Whether the trace shows the argument only when the call is over.
    const SHOWN_AFTER: bool = false;

    /// Takes the registers it needs.
    ///
    /// # Errors
    /// `EINVAL` for a value that is none of the type's, such as an unknown flag: what Linux
    /// refuses before it looks further.
    fn from_regs(regs: &mut Regs) -> Result<Self>;

    /// Prints the argument as strace would.
    fn show(&self, line: &mut Line<'_>);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn registers_run_out_as_zero() {
        let mut regs = Regs::new([1, 2, 3, 4, 5, 6]);
        let taken: std::vec::Vec<u64> = (0..8).map(|_| regs.take()).collect();
        assert_eq!(taken, [1, 2, 3, 4, 5, 6, 0, 0]);
        assert_eq!(regs.taken(), 8);
    }
}
