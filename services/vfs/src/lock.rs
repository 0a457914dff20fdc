// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Advisory locks: flock(2), POSIX record locks, OFD locks.
//!
//! Each inode has one [`LockTable`]. flock and record locks do not see each other;
//! POSIX and OFD locks are one kind with different owners.
//!
//! Locks: `held` (preemption off), then who waits for whom; waiters are woken outside of it.
//!
//! Spec: flock(2), fcntl(2).

use alloc::vec::Vec;

use abi::{Result, err};
use framework::sync::{SpinLock, Wait, WaitQueue};

use crate::lock_waits::{self, Waiting};

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockOwner {
    /// An open file description (flock and OFD locks).
    File(u64),
    /// A descriptor table, so in effect a process (POSIX locks).
    Table(u64),
}

/// Shared or exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// Many may hold it.
    Read,
    /// Only one.
    Write,
}

/// Whether a conflict is waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// `EAGAIN` on a conflict.
    No,
    /// Waits; `EINTR` on a signal.
    Yes,
}

/// A range of bytes; `end` is exclusive and `u64::MAX` means to the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRange {
    /// First byte.
    pub start: u64,
    /// Behind the last byte.
    pub end: u64,
}

impl LockRange {
    /// The whole file.
    pub const ALL: Self = Self { start: 0, end: u64::MAX };

    /// From `l_start` (made absolute) and `l_len` of struct flock.
    ///
    /// # Errors
    /// `EINVAL` for a range that begins before the start of the file, `EOVERFLOW` for one
    /// that ends beyond the largest offset.
    pub fn new(start: i64, len: i64) -> Result<Self> {
        let (start, end) = match len {
            0 => (start, i64::MAX),
            1.. => match start.checked_add(len - 1) {
                Some(last) => (start, last),
                None => return err!(EOVERFLOW, "lock range"),
            },
            _ => match start.checked_add(len) {
                Some(first) => (first, start.saturating_sub(1)),
                None => return err!(EINVAL, "lock range"),
            },
        };
        let (Ok(start), Ok(last)) = (u64::try_from(start), u64::try_from(end)) else {
            return err!(EINVAL, "lock range before the start");
        };
        let end = if end == i64::MAX { u64::MAX } else { last + 1 };
        Ok(Self { start, end })
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// One record lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLock {
    /// Who holds it.
    pub owner: LockOwner,
    /// The process that F_GETLK reports; -1 for OFD locks.
    pub pid: i32,
    /// Shared or exclusive.
    pub kind: LockKind,
    /// Of which bytes.
    pub range: LockRange,
}

struct Held {
    flocks: Vec<(LockOwner, LockKind)>,
    records: Vec<RecordLock>,
    /// Descriptor tables that wait for a record lock here, with whose it is.
    waiting: Vec<(u64, u64)>,
}

/// The advisory locks of one inode.
pub struct LockTable {
    held: SpinLock<Held>,
    released: WaitQueue,
}

/// The most record locks on one file: what a program can make the kernel keep.
const MAX_RECORDS: usize = 16_384;

impl LockTable {
    pub(crate) fn new() -> Self {
        let held =
            SpinLock::new(Held { flocks: Vec::new(), records: Vec::new(), waiting: Vec::new() });
        Self { held, released: WaitQueue::new() }
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
        self.retry(block, || {
            let mut held = self.held.lock();
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
        let had = {
            let mut held = self.held.lock();
            let before = held.flocks.len();
            held.flocks.retain(|(other, _)| *other != owner);
            held.flocks.len() != before
        };
        if had {
            self.released.wake_all();
        }
    }

    /// fcntl(F_SETLK, F_SETLKW and their OFD forms) with F_RDLCK or F_WRLCK.
    ///
    /// # Errors
    /// `EAGAIN` on a conflict if it is not waited out, `EINTR` if a signal ends the wait,
    /// `EDEADLK` if the other owner waits for this one, `ENOLCK` if the file has too many locks or memory is short.
    pub fn lock(&self, lock: RecordLock, block: Block) -> Result<()> {
        let result = self.retry(block, || {
            let mut held = self.held.lock();
            if let Some(other) = held.conflict(&lock) {
                return match block {
                    Block::Yes => held.wait_for(lock.owner, other.owner).err().map(Err),
                    Block::No => None,
                };
            }
            held.wait_no_more(lock.owner);
            if held.records.len() >= MAX_RECORDS || held.records.try_reserve(3).is_err() {
                return Some(err!(ENOLCK, "too many locks"));
            }
            held.cut(lock.owner, lock.range);
            held.records.push(lock);
            held.merge(lock.owner, lock.kind);
            // What was a write lock may be a read lock now.
            held.in_nobodys_way(lock.owner);
            Some(Ok(()))
        });
        if result.is_err() && block == Block::Yes {
            self.held.lock().wait_no_more(lock.owner);
        }
        // A write lock may have become a read lock.
        self.released.wake_all();
        result
    }

    /// fcntl with F_UNLCK.
    ///
    /// # Errors
    /// `ENOLCK` without memory to split a lock in two; nothing changed then.
    pub fn unlock(&self, owner: LockOwner, range: LockRange) -> Result<()> {
        {
            let mut held = self.held.lock();
            if held.records.try_reserve(2).is_err() {
                return err!(ENOLCK, "no memory to split a lock");
            }
            held.cut(owner, range);
            held.in_nobodys_way(owner);
        }
        self.released.wake_all();
        Ok(())
    }

    /// fcntl(F_GETLK): a lock that stands in the way.
    pub fn conflicting(&self, lock: &RecordLock) -> Option<RecordLock> {
        self.held.lock().conflict(lock)
    }

    /// fcntl(F_OFD_GETLK) with F_UNLCK: a lock of the owner's own in the range.
    pub fn own(&self, lock: &RecordLock) -> Option<RecordLock> {
        let held = self.held.lock();
        let is_own = |other: &&RecordLock| {
            other.owner == lock.owner
                && other.range.start < lock.range.end
                && lock.range.start < other.range.end
        };
        held.records.iter().find(is_own).copied()
    }

    /// Takes back everything an owner holds.
    pub fn release_owner(&self, owner: LockOwner) {
        let had = {
            let mut held = self.held.lock();
            let before = held.flocks.len() + held.records.len();
            held.flocks.retain(|(other, _)| *other != owner);
            held.records.retain(|record| record.owner != owner);
            held.in_nobodys_way(owner);
            before != held.flocks.len() + held.records.len()
        };
        if had {
            self.released.wake_all();
        }
    }

    fn retry(&self, block: Block, mut attempt: impl FnMut() -> Option<Result<()>>) -> Result<()> {
        if let Some(result) = attempt() {
            return result;
        }
        match block {
            Block::No => err!(EAGAIN, "locked by another"),
            Block::Yes => self.released.wait(Wait::interruptible(), attempt)?,
        }
    }
}

impl Held {
    fn conflict(&self, lock: &RecordLock) -> Option<RecordLock> {
        let conflicts = |other: &&RecordLock| {
            other.owner != lock.owner
                && other.range.overlaps(&lock.range)
                && (lock.kind == LockKind::Write || other.kind == LockKind::Write)
        };
        self.records.iter().filter(conflicts).min_by_key(|other| other.range.start).copied()
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

    /// Removes `range` from what `owner` holds, splitting locks.
    fn cut(&mut self, owner: LockOwner, range: LockRange) {
        let mut tails = [None; 2];
        for record in &mut self.records {
            if record.owner != owner || !record.range.overlaps(&range) {
                continue;
            }
            let old = record.range;
            let tail = LockRange { start: range.end, end: old.end };
            let head = LockRange { start: old.start, end: range.start };
            match (head.start < head.end, tail.start < tail.end) {
                (true, true) => {
                    record.range = head;
                    tails = [Some(RecordLock { range: tail, ..*record }), None];
                }
                (true, false) => record.range = head,
                (false, true) => record.range = tail,
                (false, false) => record.range = LockRange { start: 0, end: 0 },
            }
        }
        self.records.retain(|record| record.range.start < record.range.end);
        self.records.extend(tails.into_iter().flatten());
    }

    /// Joins touching locks of one owner and kind.
    fn merge(&mut self, owner: LockOwner, kind: LockKind) {
        self.records.sort_unstable_by_key(|record| record.range.start);
        let mut last: Option<usize> = None;
        for index in 0..self.records.len() {
            let Some(record) = self.records.get(index).copied() else { return };
            if record.owner != owner || record.kind != kind {
                continue;
            }
            if let Some(previous) = last.and_then(|last| self.records.get_mut(last))
                && previous.range.end >= record.range.start
            {
                previous.range.end = previous.range.end.max(record.range.end);
                if let Some(merged) = self.records.get_mut(index) {
                    merged.range = LockRange { start: 0, end: 0 };
                }
                continue;
            }
            last = Some(index);
        }
        self.records.retain(|record| record.range.start < record.range.end);
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
        assert_eq!(table.held.lock().records.len(), 3);
        let found = table.conflicting(&lock(B, LockKind::Read, 0, 1000)).unwrap();
        assert_eq!(found.range, LockRange { start: 0, end: 40 });
        table.release_owner(B);
        table.lock(lock(A, LockKind::Write, 40, 60), Block::No).unwrap();
        assert_eq!(table.held.lock().records.len(), 1);
        table.release_owner(A);
        assert!(table.held.lock().records.is_empty());
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

    #[test]
    fn ranges_decode_as_fcntl_says() {
        assert_eq!(LockRange::new(0, 0).unwrap(), LockRange::ALL);
        assert_eq!(LockRange::new(10, 5).unwrap(), LockRange { start: 10, end: 15 });
        assert_eq!(LockRange::new(10, -5).unwrap(), LockRange { start: 5, end: 10 });
        assert_eq!(LockRange::new(3, -5).unwrap_err().errno(), Errno::EINVAL);
        assert_eq!(LockRange::new(i64::MAX, 2).unwrap_err().errno(), Errno::EOVERFLOW);
    }
}
