// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Spread`]: a number for each of a few groups of CPUs, on cache lines of their own.
//!
//! For what each page fault or system call counts or notes: CPUs that write to one line
//! wait for each other, lock or not.

use core::sync::atomic::AtomicUsize;

use crate::cpu;

/// Groups of CPUs: a number costs as many cache lines.
const GROUPS: usize = 4;

/// A number for each group of CPUs.
#[derive(Debug)]
pub struct Spread([Line; GROUPS]);

#[derive(Debug)]
#[repr(align(64))]
struct Line(AtomicUsize);

impl Spread {
    /// Zeros.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { Line(AtomicUsize::new(0)) }; GROUPS])
    }

    /// The number of the CPU that runs this code now. Others may share it, and the caller
    /// may be moved: it takes atomic steps to change it.
    #[inline]
    pub fn current(&self) -> &AtomicUsize {
        let Self([first, ..]) = self;
        &self.0.get(cpu::current().index() % GROUPS).unwrap_or(first).0
    }

    /// All of them.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &AtomicUsize> {
        self.0.iter().map(|line| &line.0)
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self::new()
    }
}
