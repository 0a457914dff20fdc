// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Advisory locks: flock(2), POSIX record locks, OFD locks.
//!
//! Each inode has one [`LockTable`]. flock and record locks do not see each other;
//! POSIX and OFD locks are one kind with different owners.
//!
//! Locks: `held`, which sleeps as there may be many locks, then who waits for whom; waiters
//! are woken outside of it.
//!
//! Spec: flock(2), fcntl(2).

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use abi::{Result, err};
use framework::sync::{Mutex, MutexGuard, Wait, WaitQueue};

use crate::hooks::current_account;
use crate::lock_records::Records;
use crate::lock_waits::{self, Waiting};

pub use crate::lock_records::{LockKind, LockOwner, LockRange, RecordLock};

/// Whether a conflict is waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// `EAGAIN` on a conflict.
    No,
    /// Waits; `EINTR` on a signal.
    Yes,
}

#[derive(Default)]
struct Held {
    flocks: Vec<(LockOwner, LockKind)>,
    records: Records,
    /// Descriptor tables that wait for a record lock here, with whose it is.
    waiting: Vec<(u64, u64)>,
}

/// The advisory locks of one inode.
pub struct LockTable {
    held: Mutex<Held>,
    /// How often a lock was given back or became weaker; changed with `held` taken.
    releases: AtomicU64,
    released: WaitQueue,
}

impl LockTable {
    pub(crate) fn new() -> Self {
        let held = Mutex::new(Held::default());
        Self { held, releases: AtomicU64::new(0), released: WaitQueue::new() }
    }

    /// flock(2) with LOCK_SH or LOCK_EX. Changing the kind is not atomic, as on Linux.
    ///
    /// # Errors
    /// `EAGAIN` on a conflict if it is not waited out, `EINTR` if a signal ends the wait,
    /// `ENOLCK` without memory; the owner's old lock is gone in all cases.
    pub fn flock(&self, owner: LockOwner, kind: LockKind, block: Block) -> Result<()> {
        if self.held.lock().flocks.contains(&(owner, kind)) {
            return Ok(());
        }
        self.unflock(owner);
        self.retry(block, |held| {
            let conflicts = |other: LockKind| kind == LockKind::Write || other == LockKind::Write;
            if held.flocks.iter().any(|(_, other)| conflicts(*other)) {
                return None;
            }
            if held.flocks.try_reserve(1).is_err() {
                return Some(err!(ENOLCK, "no memory for a lock"));
            }
            held.flocks.push((owner, kind));
            Some(Ok(()))
        })
    }

    /// flock(2) with LOCK_UN.
    pub fn unflock(&self, owner: LockOwner) {
        let mut held = self.held.lock();
        if held.remove_flocks(owner) {
            self.release(held);
        }
    }

    /// fcntl(F_SETLK, F_SETLKW and their OFD forms) with F_RDLCK or F_WRLCK.
    ///
    /// # Errors
    /// `EAGAIN` on a conflict if it is not waited out, `EINTR` if a signal ends the wait,
    /// `EDEADLK` if the other owner waits for this one, `ENOLCK` if the file has too many locks or memory is short.
    pub fn lock(&self, lock: RecordLock, block: Block) -> Result<()> {
        let account = current_account();
        let result = self.retry(block, |held| {
            if let Some(other) = held.records.conflict(&lock) {
                return match block {
                    Block::Yes => held.wait_for(lock.owner, other.owner).err().map(Err),
                    Block::No => None,
                };
            }
            held.wait_no_more(lock.owner);
            if let Err(error) = held.records.set(lock, &account) {
                return Some(Err(error));
            }
            // What was a write lock may be a read lock now.
            held.in_nobodys_way(lock.owner);
            Some(Ok(()))
        });
        let mut held = self.held.lock();
        if result.is_err() {
            held.wait_no_more(lock.owner);
        }
        // A write lock may have become a read lock.
        self.release(held);
        result
    }

    /// fcntl with F_UNLCK.
    ///
    /// # Errors
    /// `ENOLCK` without memory to split a lock in two; nothing changed then.
    pub fn unlock(&self, owner: LockOwner, range: LockRange) -> Result<()> {
        let mut held = self.held.lock();
        held.records.clear(owner, range)?;
        held.in_nobodys_way(owner);
        self.release(held);
        Ok(())
    }

    /// fcntl(F_GETLK): a lock that stands in the way.
    pub fn conflicting(&self, lock: &RecordLock) -> Option<RecordLock> {
        self.held.lock().records.conflict(lock)
    }

    /// fcntl(F_OFD_GETLK) with F_UNLCK: a lock of the owner's own in the range.
    pub fn own(&self, lock: &RecordLock) -> Option<RecordLock> {
        self.held.lock().records.own(lock)
    }

    /// Takes back everything an owner holds.
    pub fn release_owner(&self, owner: LockOwner) {
        let mut held = self.held.lock();
        let had_flocks = held.remove_flocks(owner);
        let had_records = held.records.remove_owner(owner);
        held.in_nobodys_way(owner);
        if had_flocks || had_records {
            self.release(held);
        }
    }

    /// Lets those who wait look again.
    fn release(&self, held: MutexGuard<'_, Held>) {
        self.releases.fetch_add(1, Ordering::SeqCst);
        drop(held);
        self.released.wake_all();
    }

    /// Tries until there is a result, each time that something was given back.
    fn retry(
        &self,
        block: Block,
        mut attempt: impl FnMut(&mut Held) -> Option<Result<()>>,
    ) -> Result<()> {
        loop {
            let seen = {
                let mut held = self.held.lock();
                if let Some(result) = attempt(&mut held) {
                    return result;
                }
                self.releases.load(Ordering::SeqCst)
            };
            if block == Block::No {
                return err!(EAGAIN, "locked by another");
            }
            let is_released = || (self.releases.load(Ordering::SeqCst) != seen).then_some(());
            self.released.wait(Wait::interruptible(), is_released)?;
        }
    }
}

impl Held {
    /// Takes an owner's flock away; whether there was one.
    fn remove_flocks(&mut self, owner: LockOwner) -> bool {
        let before = self.flocks.len();
        self.flocks.retain(|(other, _)| *other != owner);
        self.flocks.len() != before
    }

    /// Notes that one owner waits for another; `EDEADLK` if that would be for ever.
    fn wait_for(&mut self, owner: LockOwner, other: LockOwner) -> Result<()> {
        let (LockOwner::Table(owner), LockOwner::Table(other)) = (owner, other) else {
            return Ok(());
        };
        self.waiting.retain(|(waiter, _)| *waiter != owner);
        if self.waiting.try_reserve(1).is_err() {
            return err!(ENOLCK, "no memory to wait");
        }
        match lock_waits::add(owner, other) {
            Waiting::Noted => self.waiting.push((owner, other)),
            Waiting::Deadlock => return err!(EDEADLK, "the other one waits for this one"),
            Waiting::NoMemory => return err!(ENOLCK, "no memory to wait"),
        }
        Ok(())
    }

    fn wait_no_more(&mut self, owner: LockOwner) {
        let LockOwner::Table(owner) = owner else { return };
        if self.waiting.iter().any(|(waiter, _)| *waiter == owner) {
            self.waiting.retain(|(waiter, _)| *waiter != owner);
            lock_waits::remove(owner);
        }
    }

    /// Those who wait for `owner` will look again, and may find another one in their way.
    fn in_nobodys_way(&mut self, owner: LockOwner) {
        let LockOwner::Table(owner) = owner else { return };
        self.waiting.retain(|(waiter, blocker)| {
            let stays = *blocker != owner;
            if !stays {
                lock_waits::remove(*waiter);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use abi::Errno;

    use super::*;

    const A: LockOwner = LockOwner::Table(1);
    const B: LockOwner = LockOwner::Table(2);

    fn lock(owner: LockOwner, kind: LockKind, start: u64, end: u64) -> RecordLock {
        RecordLock { owner, pid: 1, kind, range: LockRange { start, end } }
    }

    #[test]
    fn record_locks_conflict_split_and_merge() {
        let table = LockTable::new();
        table.lock(lock(A, LockKind::Write, 0, 100), Block::No).unwrap();
        let denied = table.lock(lock(B, LockKind::Read, 50, 60), Block::No);
        assert_eq!(denied.unwrap_err().errno(), Errno::EAGAIN);
        table.unlock(A, LockRange { start: 40, end: 60 }).unwrap();
        table.lock(lock(B, LockKind::Write, 40, 60), Block::No).unwrap();
        let found = table.conflicting(&lock(B, LockKind::Read, 0, 1000)).unwrap();
        assert_eq!(found.range, LockRange { start: 0, end: 40 });
        table.release_owner(B);
        table.lock(lock(A, LockKind::Write, 40, 60), Block::No).unwrap();
        let in_the_way = table.conflicting(&lock(B, LockKind::Read, 50, 51)).unwrap();
        assert_eq!(in_the_way.range, LockRange { start: 0, end: 100 });
        table.release_owner(A);
        assert!(table.conflicting(&lock(B, LockKind::Write, 0, 1000)).is_none());
    }

    #[test]
    fn read_locks_share_and_downgrade() {
        let table = LockTable::new();
        table.lock(lock(A, LockKind::Write, 0, 10), Block::No).unwrap();
        table.lock(lock(A, LockKind::Read, 0, 10), Block::No).unwrap();
        table.lock(lock(B, LockKind::Read, 5, 15), Block::No).unwrap();
        let upgrade = table.lock(lock(A, LockKind::Write, 0, 10), Block::No);
        assert_eq!(upgrade.unwrap_err().errno(), Errno::EAGAIN);
    }

    #[test]
    fn flock_is_per_description_and_converts() {
        let table = LockTable::new();
        let (a, b) = (LockOwner::File(1), LockOwner::File(2));
        table.flock(a, LockKind::Read, Block::No).unwrap();
        table.flock(b, LockKind::Read, Block::No).unwrap();
        assert_eq!(table.flock(a, LockKind::Write, Block::No).unwrap_err().errno(), Errno::EAGAIN);
        table.unflock(b);
        table.flock(a, LockKind::Write, Block::No).unwrap();
        assert_eq!(table.flock(b, LockKind::Read, Block::No).unwrap_err().errno(), Errno::EAGAIN);
    }
}
