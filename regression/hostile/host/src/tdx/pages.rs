// SPDX-License-Identifier: GPL-2.0-or-later
//! What each page of the TD's memory is.

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// State of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The host has given no page.
    Unassigned,
    /// The host has given a page that the guest has not accepted.
    Pending,
    /// Private and in use.
    Accepted,
    /// Shared with the host.
    Shared,
}

/// Size of a page.
pub const PAGE: u64 = 0x1000;
/// Set in a state: the page has had other content since it was fresh.
const USED: u8 = 0x80;

/// All pages, from address 0.
#[derive(Default)]
pub struct Pages(OnceLock<Vec<AtomicU8>>);

impl Pages {
    /// Makes all pages below `end` unassigned. Once.
    pub fn init(&self, end: u64) {
        self.0.get_or_init(|| (0..end.div_ceil(PAGE)).map(|_| AtomicU8::new(0)).collect());
    }

    fn page(&self, gpa: u64) -> Option<&AtomicU8> {
        self.0.get()?.get(usize::try_from(gpa / PAGE).ok()?)
    }

    /// State of the page at an address (without the shared bit). Pages that are not kept are unassigned.
    pub fn state(&self, gpa: u64) -> State {
        match self.page(gpa).map(|page| page.load(Ordering::Relaxed) & !USED) {
            Some(1) => State::Pending,
            Some(2) => State::Accepted,
            Some(3) => State::Shared,
            _ => State::Unassigned,
        }
    }

    /// Sets the state of all pages that `range` touches; those that were shared are marked as used.
    pub fn set(&self, range: Range<u64>, state: State) {
        let mut at = range.start & !(PAGE - 1);
        while at < range.end {
            if let Some(page) = self.page(at) {
                let old = page.load(Ordering::Relaxed);
                let used = if old & !USED == State::Shared as u8 { USED } else { old & USED };
                page.store(state as u8 | used, Ordering::Relaxed);
            }
            at += PAGE;
        }
    }

    /// Whether the page may hold anything but zeros.
    pub fn is_used(&self, gpa: u64) -> bool {
        self.page(gpa).is_some_and(|page| page.load(Ordering::Relaxed) & USED != 0)
    }

    /// Addresses of all pages in a state.
    pub fn of(&self, state: State) -> impl Iterator<Item = u64> {
        let count = self.0.get().map_or(0, Vec::len) as u64;
        (0..count).map(|page| page * PAGE).filter(move |page| self.state(*page) == state)
    }

    /// Whether there is any table: none before the guest is a TD.
    pub fn are_known(&self) -> bool {
        self.0.get().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let pages = Pages::default();
        assert!(!pages.are_known());
        pages.init(0x10_0000);
        pages.set(0x1000..0x3001, State::Pending);
        assert_eq!(pages.state(0x3000), State::Pending);
        assert_eq!(pages.state(0x4000), State::Unassigned);
        pages.set(0x1000..0x2000, State::Shared);
        pages.set(0x1000..0x2000, State::Pending);
        assert!(pages.is_used(0x1000) && !pages.is_used(0x2000));
        assert_eq!(pages.state(1 << 50), State::Unassigned);
    }
}
