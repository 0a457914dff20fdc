// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Argument and environment strings on their way from the old to the new program.
//!
//! Trust: the pointers and strings are the program's; both are copied once.
//! Spec: execve(2), "Limits on size of arguments and environment".

use alloc::{sync::Arc, vec::Vec};

use abi::limits::{ARG_MAX, MAX_ARG_STRLEN};
use abi::resource::Resource;
use abi::{Result, err, error};
use framework::mm::{CStrError, VmSpace};
use vfs::Account;

use crate::process::Process;

/// What all strings may take however large the stack limit is.
const CAP: u64 = 6 << 20;
/// Each string costs a pointer too.
const POINTER: usize = 8;

/// Strings, each with its terminating zero, one after the other, in parts: they may be long in
/// sum, and memory need not have as much in a row.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Strings {
    /// Whole strings each; none is empty.
    parts: Vec<Vec<u8>>,
    len: usize,
    pub(crate) count: usize,
}

/// How long a part becomes, but for a longer string.
const PART: usize = 32 * 1024;

/// What may still be used of the limit on all strings of one call.
///
/// What was used is charged to the calling process as long as this lives: neither the
/// strings nor the stack that they are copied to are found in the tables of a process
/// before it takes up the program.
pub struct Budget {
    left: usize,
    charged: usize,
    account: Arc<Account>,
}

/// How often each string is in memory: here, and on the new stack or in a list that
/// replaces this one.
const COPIES: usize = 2;

impl Budget {
    /// That of `process`, by its soft RLIMIT_STACK.
    pub fn of(process: &Process) -> Self {
        Self::new(process.rlimit(Resource::Stack).cur, process.account.clone())
    }

    fn new(stack_limit: u64, account: Arc<Account>) -> Self {
        let left = (stack_limit / 4).clamp(ARG_MAX as u64, CAP) as usize;
        Self { left, charged: 0, account }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<()> {
        let len = len.saturating_add(POINTER);
        match self.left.checked_sub(len) {
            Some(rest) => {
                self.left = rest;
                self.charged += COPIES * len;
                self.account.add(COPIES * len);
                Ok(())
            }
            None => err!(E2BIG, "arguments too long"),
        }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.account.sub(self.charged);
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
            strings.try_push(&string)?;
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
            strings.try_push(string)?;
        }
        Ok(strings)
    }

    /// Adds a string, given without its zero.
    ///
    /// # Errors
    /// `ENOMEM` without memory for it.
    pub fn try_push(&mut self, string: &[u8]) -> Result<()> {
        let len = string.len() + 1;
        if self.parts.last().is_none_or(|part| part.len() + len > PART) {
            self.parts.try_reserve(1).map_err(|_| error!(ENOMEM))?;
            self.parts.push(Vec::new());
        }
        let Some(part) = self.parts.last_mut() else { return err!(ENOMEM) };
        part.try_reserve(len).map_err(|_| error!(ENOMEM))?;
        part.extend_from_slice(string);
        part.push(0);
        self.len += len;
        self.count += 1;
        Ok(())
    }

    /// The strings, each without its zero.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.parts.iter().filter_map(|part| part.strip_suffix(&[0]));
        parts.flat_map(|part| part.split(|b| *b == 0))
    }

    /// What they take, zeros included, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes them to a program's memory, one after the other.
    ///
    /// # Errors
    /// `EFAULT` where nothing can be written.
    pub(crate) fn write(&self, vm: &VmSpace, mut at: usize) -> Result<()> {
        for part in &self.parts {
            vm.write(at, part)?;
            at += part.len();
        }
        Ok(())
    }

    /// Replaces the first string by `first`, as a script's interpreter needs it.
    pub(crate) fn replace_first(&self, first: &[&[u8]], budget: &mut Budget) -> Result<Self> {
        let mut strings = Self::default();
        for string in first {
            budget.take(string.len() + 1)?;
            strings.try_push(string)?;
        }
        for string in self.iter().skip(1) {
            strings.try_push(string)?;
        }
        Ok(strings)
    }
}

#[cfg(test)]
mod tests {
    use framework::mm::PAGE_SIZE;

    use super::*;

    fn budget(stack_limit: u64) -> Budget {
        Budget::new(stack_limit, Arc::default())
    }

    #[test]
    fn budget_follows_the_stack_limit() {
        assert_eq!(budget(0).left, 128 * 1024);
        assert_eq!(budget(8 << 20).left, 2 << 20);
        assert_eq!(budget(u64::MAX).left, 6 << 20);
        let mut budget = budget(0);
        assert!(budget.take(128 * 1024 - POINTER).is_ok());
        assert!(budget.take(0).is_err());
        assert!(budget.take(usize::MAX).is_err());
    }

    #[test]
    fn strings_are_charged_until_the_call_ends() {
        let account = Arc::<Account>::default();
        let mut budget = Budget::new(0, account.clone());
        budget.take(PAGE_SIZE - POINTER).unwrap();
        budget.take(PAGE_SIZE - POINTER).unwrap();
        assert_eq!(account.pages(), 2 * COPIES);
        assert!(budget.take(1 << 20).is_err());
        assert_eq!(account.pages(), 2 * COPIES);
        drop(budget);
        assert_eq!(account.pages(), 0);
    }

    #[test]
    fn scripts_replace_the_first() {
        let old = Strings::from_slices(&[b"x", b"", b"yy"]).unwrap();
        assert_eq!(old.iter().collect::<Vec<_>>(), [b"x".as_slice(), b"", b"yy"]);
        let mut budget = budget(0);
        let new = old.replace_first(&[b"/bin/sh", b"-e", b"./x"], &mut budget).unwrap();
        let words: Vec<_> = new.iter().collect();
        assert_eq!(words, [b"/bin/sh".as_slice(), b"-e", b"./x", b"", b"yy"]);
        let long = [b'l'; PART];
        let many = Strings::from_slices(&[b"s", &long, b"", b"t"]).unwrap();
        assert_eq!(many.iter().map(<[u8]>::len).collect::<Vec<_>>(), [1, PART, 0, 1]);
        assert_eq!((many.parts.len(), many.len()), (3, PART + 6));
        let none = Strings::default().replace_first(&[b"a"], &mut budget).unwrap();
        assert_eq!(none.count, 1);
    }
}
