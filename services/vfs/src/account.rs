// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's memory that a process had made for it, besides what its tables show.
//!
//! What a process leaves in the kernel under no number of its own (the pages of its
//! pipes, its record locks and timers) is charged to its [`Account`],
//! which the out-of-memory killer reads. A charge outlives the process: then nobody's end
//! would give it back.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use framework::mm::PAGE_SIZE;

/// Bytes that a process is charged for.
#[derive(Debug, Default)]
pub struct Account(AtomicUsize);

impl Account {
    /// Charges for `bytes` more.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Relaxed);
    }

    /// Charges for `bytes` less.
    pub fn sub(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Relaxed);
    }

    /// What it is charged for now, in whole pages.
    pub fn pages(&self) -> usize {
        self.0.load(Relaxed) / PAGE_SIZE
    }
}

/// `BYTES` of an account, for as long as this lives.
#[derive(Debug)]
pub struct Charge<const BYTES: usize>(Arc<Account>);

impl<const BYTES: usize> Charge<BYTES> {
    /// Charges an account.
    pub fn new(account: Arc<Account>) -> Self {
        account.add(BYTES);
        Self(account)
    }
}

impl<const BYTES: usize> Clone for Charge<BYTES> {
    /// Charges the same account once more.
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<const BYTES: usize> Drop for Charge<BYTES> {
    fn drop(&mut self) {
        self.0.sub(BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_given_back_once() {
        let account = Arc::<Account>::default();
        let one = Charge::<PAGE_SIZE>::new(account.clone());
        let two = one.clone();
        assert_eq!(account.pages(), 2);
        drop(one);
        assert_eq!(account.pages(), 1);
        drop(two);
        assert_eq!(account.pages(), 0);
    }
}
