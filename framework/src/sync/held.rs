// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The locks that the current task holds, and the order they were ever taken in.

use core::panic::Location;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The most locks one task may hold at once.
const DEPTH: usize = 24;
/// Slots of the table of known orders; what does not fit is not checked.
const ORDERS: usize = 8192;

pub(super) type Place = &'static Location<'static>;

/// The stack of held locks; kept with each task (each thread when hosted).
#[derive(Clone, Copy)]
pub(crate) struct Held {
    locks: [Option<(Place, bool)>; DEPTH],
    len: usize,
}

impl Held {
    pub(crate) const fn new() -> Self {
        Self { locks: [None; DEPTH], len: 0 }
    }

    /// Why a lock made at `wanted` must not be taken now, if so: a lock that is held
    /// speaks against it. Else the orders are noted.
    pub(super) fn objection(&self, wanted: Place, sleeps: bool) -> Option<(Place, &'static str)> {
        let mut wrong = None;
        for (place, spins) in self.locks.iter().take(self.len).flatten() {
            if *spins && sleeps {
                wrong = Some((*place, "a sleeping lock is taken under a spinning one"));
            } else if !core::ptr::eq(*place, wanted) {
                if find(pair(wanted, place), false) {
                    wrong = Some((*place, "two locks are taken in both orders"));
                }
                find(pair(place, wanted), true);
            }
        }
        wrong
    }

    /// Notes that a lock is held.
    pub(super) fn push(&mut self, place: Place, spins: bool) {
        if let Some(slot) = self.locks.get_mut(self.len) {
            *slot = Some((place, spins));
            self.len += 1;
        }
    }

    /// Forgets a lock, the last one of its class.
    pub(super) fn pop(&mut self, place: Place) {
        let known =
            |lock: &Option<(Place, bool)>| lock.is_some_and(|(p, _)| core::ptr::eq(p, place));
        if let Some(at) = self.locks.iter().take(self.len).rposition(known) {
            self.locks.copy_within(at + 1..self.len, at);
            self.len -= 1;
        }
    }

    /// Forgets all, before a stop that takes locks itself.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }
}

/// Known orders: slot n holds the hash of a pair "first, then second".
static KNOWN: [AtomicUsize; ORDERS] = [const { AtomicUsize::new(0) }; ORDERS];

fn pair(first: Place, second: Place) -> usize {
    let first = core::ptr::from_ref(first) as usize;
    let second = core::ptr::from_ref(second) as usize;
    (first.rotate_left(17) ^ second).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) | 1
}

fn find(pair: usize, insert: bool) -> bool {
    for step in 0..64 {
        let Some(slot) = KNOWN.get((pair >> 20).wrapping_add(step) % ORDERS) else { return false };
        let seen = slot.load(Ordering::Relaxed);
        if seen == pair {
            return true;
        }
        if seen == 0 {
            if insert {
                let _ = slot.compare_exchange(0, pair, Ordering::Relaxed, Ordering::Relaxed);
            }
            return false;
        }
    }
    false
}
