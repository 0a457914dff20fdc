// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A bounded set of what is kept though nobody uses it: the cache of dentries.
//!
//! A clock: a hand goes round the slots, spares what was used since it last came
//! by, and evicts the first that was not. It spares a few only: the lock spins.
//!
//! Locks: the one lock is a leaf (preemption off); what is evicted is dropped outside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use framework::sync::SpinLock;

/// How many are kept at most.
const CAPACITY: usize = 8192;
/// How many the hand looks at before it takes the next one, used or not.
const LOOKS: usize = 64;

/// What can be kept.
pub(crate) trait Cached {
    /// Used since the cache's hand last came by.
    fn referenced(&self) -> &AtomicBool;
    /// Its place in the cache plus one; 0 if it is not there. Only the cache changes it.
    fn slot(&self) -> &AtomicU32;
}

/// The cache.
pub(crate) struct Cache<T>(SpinLock<Clock<T>>);

struct Clock<T> {
    slots: Vec<Option<Arc<T>>>,
    free: Vec<u32>,
    hand: usize,
}

impl<T: Cached> Cache<T> {
    /// A cache that keeps nothing yet.
    pub(crate) const fn new() -> Self {
        Self(SpinLock::new(Clock { slots: Vec::new(), free: Vec::new(), hand: 0 }))
    }

    /// Keeps something new, evicting another when full.
    pub(crate) fn insert(&self, item: &Arc<T>) {
        let evicted = {
            let mut clock = self.0.lock();
            // Without memory for a place it is not kept.
            let Some((slot, evicted)) = clock.find_slot() else { return };
            if let Some(place) = clock.slots.get_mut(slot) {
                *place = Some(item.clone());
                item.slot().store(slot as u32 + 1, Ordering::Relaxed);
            }
            evicted
        };
        drop(evicted);
    }

    /// Keeps something no longer.
    pub(crate) fn remove(&self, item: &Arc<T>) {
        let removed = self.0.lock().take(item);
        drop(removed);
    }

    /// All that is kept, one at a time and without a lock in between.
    pub(crate) fn kept(&self) -> impl Iterator<Item = Arc<T>> {
        (0..CAPACITY).filter_map(|slot| self.0.lock().slots.get(slot).cloned().flatten())
    }
}

impl<T: Cached> Clock<T> {
    /// A slot to fill, and who had to leave it; `None` if there is no memory for one.
    fn find_slot(&mut self) -> Option<(usize, Option<Arc<T>>)> {
        if let Some(slot) = self.free.pop() {
            return Some((slot as usize, None));
        }
        if self.slots.len() < CAPACITY {
            self.slots.try_reserve(1).ok()?;
            // Giving a slot back must not fail.
            let free = self.slots.capacity().saturating_sub(self.free.len());
            self.free.try_reserve(free).ok()?;
            self.slots.push(None);
            return Some((self.slots.len() - 1, None));
        }
        let mut slot = self.hand;
        for _ in 0..LOOKS {
            slot = self.hand;
            self.hand = (self.hand + 1) % CAPACITY;
            let place = self.slots.get(slot)?.as_ref();
            if !place.is_some_and(|old| old.referenced().swap(false, Ordering::Relaxed)) {
                break;
            }
        }
        let evicted = self.slots.get_mut(slot)?.take();
        if let Some(old) = &evicted {
            old.slot().store(0, Ordering::Relaxed);
        }
        Some((slot, evicted))
    }

    fn take(&mut self, item: &Arc<T>) -> Option<Arc<T>> {
        let slot = item.slot().swap(0, Ordering::Relaxed).checked_sub(1)?;
        let removed = self.slots.get_mut(slot as usize)?.take();
        self.free.push(slot);
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Item {
        number: usize,
        referenced: AtomicBool,
        slot: AtomicU32,
    }

    impl Cached for Item {
        fn referenced(&self) -> &AtomicBool {
            &self.referenced
        }
        fn slot(&self) -> &AtomicU32 {
            &self.slot
        }
    }

    impl Item {
        fn is_kept(&self) -> bool {
            self.slot.load(Ordering::Relaxed) != 0
        }
    }

    /// Adds so many; they are in the order of their slots in a full cache that was empty.
    fn fill(cache: &Cache<Item>, numbers: core::ops::Range<usize>) -> Vec<Arc<Item>> {
        let items = numbers.map(|number| Arc::new(Item { number, ..Item::default() }));
        items.inspect(|item| cache.insert(item)).collect()
    }

    fn kept(items: &[Arc<Item>]) -> Vec<usize> {
        items.iter().filter(|item| item.is_kept()).map(|item| item.number).collect()
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let cache = Cache::new();
        let first = fill(&cache, 0..CAPACITY);
        assert_eq!(kept(&first).len(), CAPACITY);
        let second = fill(&cache, 0..10);
        assert_eq!(cache.kept().count(), CAPACITY);
        // In the order in which they came.
        assert_eq!(kept(&first), (10..CAPACITY).collect::<Vec<_>>());
        assert_eq!(kept(&second).len(), 10);
        assert!(first.iter().take(10).all(|item| Arc::strong_count(item) == 1));
    }

    #[test]
    fn what_was_used_is_spared_once() {
        let cache = Cache::new();
        let first = fill(&cache, 0..CAPACITY);
        for item in &first[..3] {
            item.referenced.store(true, Ordering::Relaxed);
        }
        fill(&cache, 0..1);
        assert_eq!(kept(&first[..5]), [0, 1, 2, 4]);
        // The hand comes round.
        fill(&cache, 0..CAPACITY - 3);
        assert_eq!(kept(&first), [1, 2]);
    }

    #[test]
    fn the_hand_spares_a_few_only() {
        let cache = Cache::new();
        let first = fill(&cache, 0..CAPACITY);
        for item in &first {
            item.referenced.store(true, Ordering::Relaxed);
        }
        fill(&cache, 0..1);
        let gone: Vec<_> = first.iter().filter(|item| !item.is_kept()).collect();
        assert_eq!(gone.iter().map(|item| item.number).collect::<Vec<_>>(), [LOOKS - 1]);
        let looked_at = first.iter().filter(|item| !item.referenced.load(Ordering::Relaxed));
        assert_eq!(looked_at.count(), LOOKS);
    }

    #[test]
    fn a_place_that_was_left_is_taken_first() {
        let cache = Cache::new();
        let first = fill(&cache, 0..CAPACITY);
        cache.remove(&first[7]);
        cache.remove(&first[7]);
        assert_eq!(cache.kept().count(), CAPACITY - 1);
        let last = fill(&cache, 0..1);
        assert_eq!(kept(&first).len(), CAPACITY - 1);
        assert_eq!(last[0].slot.load(Ordering::Relaxed), first[8].slot.load(Ordering::Relaxed) - 1);
    }
}
