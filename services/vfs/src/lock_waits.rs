// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who waits for whom with a record lock: cycles are refused, not waited in.
//!
//! An owner that waits stands here with the owner that is in its way, as long as that is so:
//! whoever gives a lock back takes those away who wait for him at that file. Locks of open
//! file descriptions are not looked at, as on Linux.
//!
//! Locks: `WAITS` is a leaf, taken below the locks of a file.

use alloc::collections::BTreeMap;

use framework::sync::SpinLock;

/// How many steps are looked at; a longer cycle is not found, as on Linux.
const MOST_STEPS: usize = 10;

/// Who waits, and for whom.
struct Waits(BTreeMap<u64, u64>);

static WAITS: SpinLock<Waits> = SpinLock::new(Waits(BTreeMap::new()));

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
    fn add(&mut self, owner: u64, blocker: u64, has_memory: bool) -> Waiting {
        self.0.remove(&owner);
        let mut at = Some(blocker);
        for _ in 0..MOST_STEPS {
            let Some(next) = at else { break };
            if next == owner {
                return Waiting::Deadlock;
            }
            at = self.0.get(&next).copied();
        }
        if !has_memory {
            return Waiting::NoMemory;
        }
        self.0.insert(owner, blocker);
        Waiting::Noted
    }
}

/// Notes that `owner` waits for `blocker`, in place of what it waited for before.
pub(crate) fn add(owner: u64, blocker: u64) -> Waiting {
    let has_memory = framework::mm::admit().is_ok();
    WAITS.lock().add(owner, blocker, has_memory)
}

/// Notes that `owner` waits no more.
pub(crate) fn remove(owner: u64) {
    WAITS.lock().0.remove(&owner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found() {
        let mut waits = Waits(BTreeMap::new());
        assert_eq!(waits.add(1, 2, true), Waiting::Noted);
        assert_eq!(waits.add(2, 3, true), Waiting::Noted);
        assert_eq!(waits.add(3, 1, true), Waiting::Deadlock);
        waits.0.remove(&2);
        assert_eq!(waits.add(3, 1, true), Waiting::Noted);
        assert_eq!(waits.add(2, 3, true), Waiting::Deadlock);
        assert_eq!(waits.add(2, 65, true), Waiting::Noted);
    }

    #[test]
    fn who_was_not_noted_waits_for_nobody() {
        let mut waits = Waits(BTreeMap::new());
        assert_eq!(waits.add(1, 2, true), Waiting::Noted);
        assert_eq!(waits.add(2, 1, true), Waiting::Deadlock);
        assert_eq!(waits.add(1, 3, false), Waiting::NoMemory);
        assert_eq!(waits.add(2, 1, true), Waiting::Noted);
    }

    #[test]
    fn a_long_way_is_not_walked() {
        let mut waits = Waits(BTreeMap::new());
        for owner in 1..20 {
            assert_eq!(waits.add(owner, owner + 1, true), Waiting::Noted);
        }
        assert_eq!(waits.add(20, 1, true), Waiting::Noted);
    }
}
