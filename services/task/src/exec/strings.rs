// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Argument and environment strings on their way from the old to the new program.
//!
//! Trust: the pointers and strings are the program's; both are copied once.
//! Spec: execve(2), "Limits on size of arguments and environment".

use alloc::vec::Vec;

use abi::limits::{ARG_MAX, MAX_ARG_STRLEN};
use abi::{Result, err, error};
use framework::mm::{CStrError, VmSpace};

/// What all strings may take however large the stack limit is.
const CAP: u64 = 6 << 20;
/// Each string costs a pointer too.
const POINTER: usize = 8;

/// Strings, each with its terminating zero, one after the other.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Strings {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: usize,
}

/// What may still be used of the limit on all strings.
pub struct Budget(usize);

impl Budget {
    /// For a soft RLIMIT_STACK of `stack_limit` bytes.
    pub fn new(stack_limit: u64) -> Self {
        Self((stack_limit / 4).clamp(ARG_MAX as u64, CAP) as usize)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<()> {
        match self.0.checked_sub(len.saturating_add(POINTER)) {
            Some(rest) => {
                self.0 = rest;
                Ok(())
            }
            None => err!(E2BIG, "arguments too long"),
        }
    }
}

impl Strings {
    /// Copies a null-terminated array of string pointers; a null array is empty.
    ///
    /// # Errors
    /// `EFAULT` for an array or string that cannot be read, `E2BIG` for a string over the
    /// limit or all of them over the budget, `ENOMEM`.
    pub fn from_user(vm: &VmSpace, array: usize, budget: &mut Budget) -> Result<Self> {
        let mut strings = Self::default();
        if array == 0 {
            return Ok(strings);
        }
        let mut at = array;
        loop {
            let pointer: u64 = vm.read_val(at)?;
            if pointer == 0 {
                break;
            }
            // What was read lies below the kernel's half.
            at += POINTER;
            let string = match vm.read_cstr(pointer as usize, MAX_ARG_STRLEN) {
                Ok(string) => string,
                Err(CStrError::Fault) => return err!(EFAULT),
                Err(CStrError::TooLong) => return err!(E2BIG, "one argument too long"),
                Err(CStrError::NoMemory) => return err!(ENOMEM),
            };
            budget.take(string.len() + 1)?;
            strings.push(&string)?;
        }
        Ok(strings)
    }

    /// From strings of the kernel's own.
    ///
    /// # Errors
    /// `ENOMEM` without memory for the copy.
    pub fn from_slices(from: &[&[u8]]) -> Result<Self> {
        let mut strings = Self::default();
        for string in from {
            strings.push(string)?;
        }
        Ok(strings)
    }

    /// Adds a string, given without its zero.
    ///
    /// # Errors
    /// `ENOMEM` without memory for it.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        self.bytes.try_reserve(string.len() + 1).map_err(|_| error!(ENOMEM))?;
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    /// The strings, each without its zero.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|b| *b == 0).take(self.count)
    }

    /// Replaces the first string by `first`, as a script's interpreter needs it.
    pub(crate) fn replace_first(&self, first: &[&[u8]], budget: &mut Budget) -> Result<Self> {
        let mut strings = Self::default();
        for string in first {
            budget.take(string.len() + 1)?;
            strings.push(string)?;
        }
        let skip = self.iter().next().map_or(0, |s| s.len() + 1);
        let rest = self.bytes.get(skip..).unwrap_or(&[]);
        strings.bytes.try_reserve(rest.len()).map_err(|_| error!(ENOMEM))?;
        strings.bytes.extend_from_slice(rest);
        strings.count += self.count.saturating_sub(1);
        Ok(strings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_follows_the_stack_limit() {
        assert_eq!(Budget::new(0).0, 128 * 1024);
        assert_eq!(Budget::new(8 << 20).0, 2 << 20);
        assert_eq!(Budget::new(u64::MAX).0, 6 << 20);
        let mut budget = Budget(20);
        assert!(budget.take(12).is_ok());
        assert!(budget.take(0).is_err());
        assert!(Budget(20).take(usize::MAX).is_err());
    }

    #[test]
    fn scripts_replace_the_first() {
        let old = Strings::from_slices(&[b"x", b"", b"yy"]).unwrap();
        assert_eq!(old.iter().collect::<Vec<_>>(), [b"x".as_slice(), b"", b"yy"]);
        let mut budget = Budget::new(0);
        let new = old.replace_first(&[b"/bin/sh", b"-e", b"./x"], &mut budget).unwrap();
        let words: Vec<_> = new.iter().collect();
        assert_eq!(words, [b"/bin/sh".as_slice(), b"-e", b"./x", b"", b"yy"]);
        let none = Strings::default().replace_first(&[b"a"], &mut budget).unwrap();
        assert_eq!(none.count, 1);
    }
}
