// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's memory that a process had made for it, besides what its tables show.
//!
//! What a process leaves in the kernel under no number of its own (the pages of its
//! pipes) is charged to its [`Account`], which the out-of-memory killer reads. A charge
//! outlives the process: then nobody's end would give it back.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Pages that a process is charged for.
#[derive(Debug, Default)]
pub struct Account(AtomicUsize);

impl Account {
    /// Charges for `pages` more.
    pub fn add(&self, pages: usize) {
        self.0.fetch_add(pages, Relaxed);
    }

    /// Charges for `pages` less.
    pub fn sub(&self, pages: usize) {
        self.0.fetch_sub(pages, Relaxed);
    }

    /// What it is charged for now.
    pub fn pages(&self) -> usize {
        self.0.load(Relaxed)
    }
}
