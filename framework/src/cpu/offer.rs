// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Offer`]: the start of another CPU, which that CPU takes or the boot CPU abandons.
//!
//! A CPU is lent memory to start with: a stack, tables, the page with the start code.
//! The host may stop it anywhere for any time, so no time-out tells that it will not come.
//! One compare-exchange decides: a CPU that took its offer is waited for, however long it
//! needs; one that comes after its offer was abandoned halts. Whatever it was lent
//! stays its own in both cases.
//!
//! Written over a [`Word`] so that loom can try all interleavings
//! (`RUSTFLAGS="--cfg loom" cargo test -p nacre-framework --lib loom`).

use core::sync::atomic::{AtomicU32, Ordering};

/// Nothing was offered yet.
const NONE: u32 = 0;
const OFFERED: u32 = 1;
/// The CPU has begun to set itself up.
const TAKEN: u32 = 2;
/// The CPU is set up and can be asked to flush its TLB.
const UP: u32 = 3;
/// The CPU must not start any more.
const ABANDONED: u32 = 4;

/// An atomic number, of the machine or of loom.
pub(crate) trait Word {
    /// Reads it.
    fn load(&self, order: Ordering) -> u32;
    /// Writes it.
    fn store(&self, value: u32, order: Ordering);
    /// Changes it from one value to another, acquiring and releasing; whether it had the
    /// first one.
    fn change(&self, from: u32, to: u32) -> bool;
}

impl Word for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }
    fn store(&self, value: u32, order: Ordering) {
        self.store(value, order);
    }
    fn change(&self, from: u32, to: u32) -> bool {
        self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The start of one CPU after another, by their numbers.
///
/// # Invariants
/// The number and state of the last offer. An abandoned one stays for ever: a CPU that
/// comes late finds nothing that it could take.
pub(crate) struct Offer<W = AtomicU32>(W);

const fn word(number: u32, state: u32) -> u32 {
    number << 3 | state
}

impl Offer {
    /// No offer yet.
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(NONE))
    }
}

impl<W: Word> Offer<W> {
    /// Offers CPU `number` its start; false if the last offer did not come to its end.
    /// What was written before is seen by the CPU that takes it.
    pub(crate) fn make(&self, number: u32) -> bool {
        let last = self.0.load(Ordering::Acquire);
        let is_free = last == NONE || last & 7 == UP;
        is_free && self.0.change(last, word(number, OFFERED))
    }

    /// By CPU `number`, before it touches anything that is not its own: whether it may
    /// start. If not, it must halt.
    pub(crate) fn take(&self, number: u32) -> bool {
        self.0.change(word(number, OFFERED), word(number, TAKEN))
    }

    /// By the CPU that took the offer: it is set up.
    pub(crate) fn is_up(&self, number: u32) {
        self.0.store(word(number, UP), Ordering::Release);
    }

    /// Whether CPU `number` has taken its offer, or is up already.
    pub(crate) fn was_taken(&self, number: u32) -> bool {
        let now = self.0.load(Ordering::Acquire);
        now == word(number, TAKEN) || now == word(number, UP)
    }

    /// Whether CPU `number` is set up: then all that it wrote before is seen.
    pub(crate) fn has_come_up(&self, number: u32) -> bool {
        self.0.load(Ordering::Acquire) == word(number, UP)
    }

    /// Abandons the offer to CPU `number` for good; false if it was taken before.
    pub(crate) fn abandon(&self, number: u32) -> bool {
        self.0.change(word(number, OFFERED), word(number, ABANDONED))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_taken_once_and_by_its_own_cpu() {
        let offer = Offer::new();
        assert!(!offer.take(1));
        assert!(offer.make(1));
        assert!(!offer.take(2));
        assert!(offer.take(1));
        assert!(!offer.take(1));
        assert!(!offer.abandon(1));
        assert!(offer.was_taken(1) && !offer.has_come_up(1));
        assert!(!offer.make(2));
        offer.is_up(1);
        assert!(offer.has_come_up(1));
        assert!(offer.make(2));
    }

    #[test]
    fn an_abandoned_offer_is_the_last_one() {
        let offer = Offer::new();
        assert!(offer.make(1) && offer.abandon(1));
        assert!(!offer.take(1));
        assert!(!offer.was_taken(1));
        assert!(!offer.make(1) && !offer.make(2));
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32 as LoomU32;
    use loom::thread;

    impl Word for LoomU32 {
        fn load(&self, order: Ordering) -> u32 {
            self.load(order)
        }
        fn store(&self, value: u32, order: Ordering) {
            self.store(value, order);
        }
        fn change(&self, from: u32, to: u32) -> bool {
            self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
        }
    }

    /// A start: the offer, and memory that is prepared for the CPU and then used by it,
    /// which loom watches.
    struct Start {
        offer: Offer<LoomU32>,
        prepared: UnsafeCell<u32>,
        done: UnsafeCell<u32>,
    }

    // SAFETY: loom reports any two accesses that are not ordered.
    unsafe impl Sync for Start {}
    // SAFETY: as above.
    unsafe impl Send for Start {}

    fn start() -> Arc<Start> {
        Arc::new(Start {
            offer: Offer(LoomU32::new(NONE)),
            prepared: UnsafeCell::new(0),
            done: UnsafeCell::new(0),
        })
    }

    /// What the other CPU does, whenever the host lets it run; whether it started.
    fn other_cpu(start: &Start, number: u32) -> bool {
        if !start.offer.take(number) {
            return false;
        }
        // SAFETY: loom reports it if the boot CPU writes at the same time.
        let prepared = start.prepared.with(|it| unsafe { *it });
        // SAFETY: the same of the boot CPU's reading.
        start.done.with_mut(|it| unsafe { *it = prepared + number });
        start.offer.is_up(number);
        true
    }

    /// What the boot CPU does when its patience ends; whether it counts the CPU.
    fn boot_cpu(start: &Start, number: u32) -> bool {
        // SAFETY: loom reports it if the other CPU reads at the same time.
        start.prepared.with_mut(|it| unsafe { *it = 10 * number });
        assert!(start.offer.make(number));
        thread::yield_now();
        if start.offer.abandon(number) {
            return false;
        }
        while !start.offer.has_come_up(number) {
            thread::yield_now();
        }
        // SAFETY: loom reports it if the other CPU still writes.
        assert_eq!(start.done.with(|it| unsafe { *it }), 11 * number);
        true
    }

    #[test]
    fn loom_a_cpu_starts_exactly_if_it_is_counted() {
        loom::model(|| {
            let start = start();
            let other = {
                let start = start.clone();
                thread::spawn(move || other_cpu(&start, 1))
            };
            let is_counted = boot_cpu(&start, 1);
            let has_started = other.join().unwrap();
            // The CPU may also have come before anything was offered.
            assert_eq!(is_counted, has_started);
        });
    }

    #[test]
    fn loom_two_that_come_for_one_offer_do_not_both_start() {
        loom::model(|| {
            let start = start();
            let others = [(); 2].map(|()| {
                let start = start.clone();
                thread::spawn(move || other_cpu(&start, 1))
            });
            let is_counted = boot_cpu(&start, 1);
            let started = others.map(|other| u32::from(other.join().unwrap()));
            assert_eq!(started.iter().sum::<u32>(), u32::from(is_counted));
        });
    }

    #[test]
    fn loom_a_late_cpu_does_not_take_the_offer_of_the_next() {
        loom::model(|| {
            let start = start();
            assert!(start.offer.make(1) && other_cpu_is_up(&start));
            let late = {
                let start = start.clone();
                thread::spawn(move || start.offer.take(1))
            };
            let next = {
                let start = start.clone();
                thread::spawn(move || other_cpu(&start, 2))
            };
            let is_counted = boot_cpu(&start, 2);
            assert!(!late.join().unwrap());
            assert_eq!(next.join().unwrap(), is_counted);
        });
    }

    fn other_cpu_is_up(start: &Start) -> bool {
        start.offer.take(1) && {
            start.offer.is_up(1);
            true
        }
    }
}
