// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who waits for whom with a record lock: cycles are refused, not waited in.
//!
//! An owner that waits stands here with the owner that is in its way, as long as that is so:
//! whoever gives a lock back takes those away who wait for him at that file. Locks of open
//! file descriptions are not looked at, as on Linux.
//!
//! Locks: `WAITS` is a leaf, taken below the locks of a file.

use alloc::vec::Vec;

use framework::sync::SpinLock;

/// How many steps are looked at; a longer cycle is not found, as on Linux.
const MOST_STEPS: usize = 10;

const BUCKETS: usize = 64;

/// Pairs of who waits and for whom, by who waits.
struct Waits([Vec<(u64, u64)>; BUCKETS]);

static WAITS: SpinLock<Waits> = SpinLock::new(Waits([const { Vec::new() }; BUCKETS]));

/// What came of an owner's wish to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    /// It is noted.
    Noted,
    /// The other one waits for it, maybe through others.
    Deadlock,
    /// There is no memory to note it.
    NoMemory,
}

impl Waits {
    fn bucket(&mut self, owner: u64) -> &mut Vec<(u64, u64)> {
        let Self(buckets) = self;
        let at = owner as usize % BUCKETS;
        buckets.get_mut(at).expect("a remainder is below the count")
    }

    fn blocker(&mut self, owner: u64) -> Option<u64> {
        self.bucket(owner).iter().find(|(waiter, _)| *waiter == owner).map(|(_, blocker)| *blocker)
    }

    fn remove(&mut self, owner: u64) {
        self.bucket(owner).retain(|(waiter, _)| *waiter != owner);
    }

    fn add(&mut self, owner: u64, blocker: u64) -> Waiting {
        let mut at = Some(blocker);
        for _ in 0..MOST_STEPS {
            let Some(next) = at else { break };
            if next == owner {
                return Waiting::Deadlock;
            }
            at = self.blocker(next);
        }
        self.remove(owner);
        let bucket = self.bucket(owner);
        if bucket.try_reserve(1).is_err() {
            return Waiting::NoMemory;
        }
        bucket.push((owner, blocker));
        Waiting::Noted
    }
}

/// Notes that `owner` waits for `blocker`, in place of what it waited for before.
pub(crate) fn add(owner: u64, blocker: u64) -> Waiting {
    WAITS.lock().add(owner, blocker)
}

/// Notes that `owner` waits no more.
pub(crate) fn remove(owner: u64) {
    WAITS.lock().remove(owner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found() {
        let mut waits = Waits([const { Vec::new() }; BUCKETS]);
        assert_eq!(waits.add(1, 2), Waiting::Noted);
        assert_eq!(waits.add(2, 3), Waiting::Noted);
        assert_eq!(waits.add(3, 1), Waiting::Deadlock);
        waits.remove(2);
        assert_eq!(waits.add(3, 1), Waiting::Noted);
        assert_eq!(waits.add(2, 3), Waiting::Deadlock);
        assert_eq!(waits.add(2, 65), Waiting::Noted);
    }

    #[test]
    fn a_long_way_is_not_walked() {
        let mut waits = Waits([const { Vec::new() }; BUCKETS]);
        for owner in 1..20 {
            assert_eq!(waits.add(owner, owner + 1), Waiting::Noted);
        }
        assert_eq!(waits.add(20, 1), Waiting::Noted);
    }
}
