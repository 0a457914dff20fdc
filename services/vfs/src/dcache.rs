// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The bounded set of dentries that are kept though nobody uses them.
//!
//! A clock: a hand goes round the slots, spares what was used since it last came
//! by, and evicts the first that was not.
//!
//! Locks: the one lock is a leaf; evicted dentries are dropped outside of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use framework::sync::SpinLock;

use crate::{Dentry, SuperBlock};

/// How many dentries are kept at most.
const CAPACITY: usize = 8192;

struct Clock {
    slots: Vec<Option<Arc<Dentry>>>,
    free: Vec<u32>,
    hand: usize,
}

static CACHE: SpinLock<Clock> =
    SpinLock::new(Clock { slots: Vec::new(), free: Vec::new(), hand: 0 });

/// Keeps a new dentry, evicting another when full.
pub(crate) fn insert(dentry: &Arc<Dentry>) {
    let evicted = {
        let mut clock = CACHE.lock();
        let (slot, evicted) = clock.find_slot();
        if let Some(place) = clock.slots.get_mut(slot) {
            *place = Some(dentry.clone());
            dentry.slot.store(slot as u32 + 1, Ordering::Relaxed);
        }
        evicted
    };
    drop(evicted);
}

/// Keeps a dentry no longer.
pub(crate) fn remove(dentry: &Arc<Dentry>) {
    let removed = CACHE.lock().take(dentry);
    drop(removed);
}

/// Keeps nothing of a file system any more (unmount).
pub(crate) fn purge(sb: &Arc<dyn SuperBlock>) {
    let is_of = |dentry: &Arc<Dentry>| {
        let mut at = dentry.clone();
        loop {
            if let Some(inode) = at.inode() {
                return Arc::ptr_eq(inode.base().sb(), sb);
            }
            let Some(parent) = at.parent() else { return false };
            at = parent;
        }
    };
    let kept: Vec<_> = CACHE.lock().slots.iter().flatten().cloned().collect();
    kept.iter().filter(|dentry| is_of(dentry)).for_each(remove);
}

impl Clock {
    /// A slot to fill, and who had to leave it.
    fn find_slot(&mut self) -> (usize, Option<Arc<Dentry>>) {
        if let Some(slot) = self.free.pop() {
            return (slot as usize, None);
        }
        if self.slots.len() < CAPACITY {
            self.slots.push(None);
            return (self.slots.len() - 1, None);
        }
        loop {
            let slot = self.hand;
            self.hand = (self.hand + 1) % CAPACITY;
            let Some(place) = self.slots.get_mut(slot) else { return (slot, None) };
            let was_used =
                place.as_ref().is_some_and(|old| old.referenced.swap(false, Ordering::Relaxed));
            if !was_used {
                let evicted = place.take();
                if let Some(old) = &evicted {
                    old.slot.store(0, Ordering::Relaxed);
                }
                return (slot, evicted);
            }
        }
    }

    fn take(&mut self, dentry: &Arc<Dentry>) -> Option<Arc<Dentry>> {
        let slot = dentry.slot.swap(0, Ordering::Relaxed).checked_sub(1)?;
        let removed = self.slots.get_mut(slot as usize)?.take();
        self.free.push(slot);
        removed
    }
}
