// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Record locks of one file: ranges of bytes, whose they are, and what stands in whose way.
//!
//! [`Records`] is a list in the order of the ranges' starts. The ranges of one owner are
//! disjoint, and those of one kind do not touch either: what is set again is cut out and
//! joined in one pass. Each record is charged to the process that set it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err};

use crate::{Account, Charge};

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

    /// Overlaps, or nothing lies between them.
    fn touches(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
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

/// What a record costs the kernel: itself, and as much again that its list may have grown by.
const RECORD_BYTES: usize = 128;

#[derive(Clone)]
struct Record {
    lock: RecordLock,
    _charge: Charge<RECORD_BYTES>,
}

/// The most record locks on one file: what a program can make the kernel keep.
const MAX_RECORDS: usize = 16_384;

/// The record locks of one file.
#[derive(Default)]
pub(crate) struct Records(Vec<Record>);

impl Records {
    /// A lock of somebody else that stands in the way: the first one in the file.
    pub(crate) fn conflict(&self, lock: &RecordLock) -> Option<RecordLock> {
        let all = self.0.iter().map(|record| record.lock);
        let mut near = all.take_while(|other| other.range.start < lock.range.end);
        let conflicts = |other: &RecordLock| {
            other.owner != lock.owner
                && other.range.overlaps(&lock.range)
                && (lock.kind == LockKind::Write || other.kind == LockKind::Write)
        };
        near.find(conflicts)
    }

    /// A lock of the same owner in the range.
    pub(crate) fn own(&self, lock: &RecordLock) -> Option<RecordLock> {
        let mut all = self.0.iter().map(|record| record.lock);
        all.find(|other| other.owner == lock.owner && other.range.overlaps(&lock.range))
    }

    /// Sets a lock in place of what its owner has there, joined with locks of its kind
    /// that it touches.
    ///
    /// # Errors
    /// `ENOLCK` if there are too many, or no memory; nothing changed then.
    pub(crate) fn set(&mut self, mut lock: RecordLock, account: &Arc<Account>) -> Result<()> {
        if self.0.len() >= MAX_RECORDS || self.0.try_reserve(2).is_err() {
            return err!(ENOLCK, "too many locks");
        }
        let wanted = lock.range;
        let touching = self.0.iter().map(|record| record.lock).filter(|other| {
            other.owner == lock.owner && other.kind == lock.kind && other.range.touches(&wanted)
        });
        for other in touching {
            lock.range.start = lock.range.start.min(other.range.start);
            lock.range.end = lock.range.end.max(other.range.end);
        }
        self.cut(lock.owner, lock.range);
        self.insert(Record { lock, _charge: Charge::new(account.clone()) });
        Ok(())
    }

    /// Takes away what an owner has of a range.
    ///
    /// # Errors
    /// `ENOLCK` without memory to split a lock in two; nothing changed then.
    pub(crate) fn clear(&mut self, owner: LockOwner, range: LockRange) -> Result<()> {
        if self.0.try_reserve(1).is_err() {
            return err!(ENOLCK, "no memory to split a lock");
        }
        self.cut(owner, range);
        Ok(())
    }

    /// Takes away all that an owner has; whether that was anything.
    pub(crate) fn remove_owner(&mut self, owner: LockOwner) -> bool {
        let before = self.0.len();
        self.0.retain(|record| record.lock.owner != owner);
        self.0.len() != before
    }

    /// Removes `range` from what `owner` has. At most one lock is split, for which there
    /// is room: an owner's locks are disjoint.
    fn cut(&mut self, owner: LockOwner, range: LockRange) {
        let mut tail = None;
        self.0.retain_mut(|record| {
            let old = record.lock.range;
            if record.lock.owner != owner || !old.overlaps(&range) {
                return true;
            }
            if old.end > range.end {
                let mut behind = record.clone();
                behind.lock.range.start = range.end;
                tail = Some(behind);
            }
            record.lock.range.end = range.start;
            old.start < range.start
        });
        if let Some(tail) = tail {
            self.insert(tail);
        }
    }

    fn insert(&mut self, record: Record) {
        let start = record.lock.range.start;
        let at = self.0.partition_point(|other| other.lock.range.start < start);
        self.0.insert(at, record);
    }
}

#[cfg(test)]
mod tests {
    use abi::Errno;

    use super::*;

    /// Each byte's lock, as a plain table, for the same calls.
    type Table = [[Option<LockKind>; 40]; 3];

    fn table_of(records: &Records) -> Table {
        let mut table = [[None; 40]; 3];
        for Record { lock, .. } in &records.0 {
            let LockOwner::Table(owner) = lock.owner else { unreachable!() };
            for byte in lock.range.start..lock.range.end {
                let place = &mut table[owner as usize][byte as usize];
                assert_eq!(*place, None, "locks of one owner overlap");
                *place = Some(lock.kind);
            }
        }
        table
    }

    fn assert_joined(records: &Records) {
        assert!(records.0.is_sorted_by_key(|record| record.lock.range.start));
        for (at, one) in records.0.iter().enumerate() {
            assert!(one.lock.range.start < one.lock.range.end);
            let alike = |other: &&Record| {
                (other.lock.owner, other.lock.kind) == (one.lock.owner, one.lock.kind)
            };
            for other in records.0.iter().skip(at + 1).filter(alike) {
                assert!(!one.lock.range.touches(&other.lock.range));
            }
        }
    }

    #[test]
    fn random_calls_lock_the_bytes_that_they_say() {
        let account = Arc::<Account>::default();
        let (mut records, mut table, mut seed) = (Records::default(), [[None; 40]; 3], 7_u64);
        for _ in 0..20_000 {
            let mut next = |below: u64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 33) % below
            };
            let (owner, start, kind) = (next(3), next(39), next(5));
            let range = LockRange { start, end: start + 1 + next(40 - start) };
            let bytes = range.start as usize..range.end as usize;
            let who = LockOwner::Table(owner);
            let kind = match kind {
                0 => LockKind::Write,
                1 | 2 => LockKind::Read,
                _ => {
                    records.clear(who, range).unwrap();
                    table[owner as usize][bytes].fill(None);
                    continue;
                }
            };
            let lock = RecordLock { owner: who, pid: 1, kind, range };
            let others = (0..3).filter(|other| *other != owner as usize);
            let is_free = others.flat_map(|other| &table[other][bytes.clone()]).all(|other| {
                other.is_none_or(|other| kind == LockKind::Read && other == LockKind::Read)
            });
            assert_eq!(records.conflict(&lock).is_none(), is_free);
            if is_free {
                records.set(lock, &account).unwrap();
                table[owner as usize][bytes].fill(Some(kind));
            }
            assert_eq!(table_of(&records), table);
            assert_joined(&records);
        }
        for owner in 0..3 {
            records.remove_owner(LockOwner::Table(owner));
        }
        assert!(records.0.is_empty());
    }

    #[test]
    fn records_are_charged_and_limited() {
        let account = Arc::<Account>::default();
        let mut records = Records::default();
        let lock = |start| RecordLock {
            owner: LockOwner::File(1),
            pid: -1,
            kind: LockKind::Write,
            range: LockRange { start, end: start + 1 },
        };
        for number in 0..MAX_RECORDS as u64 {
            records.set(lock(number * 2), &account).unwrap();
        }
        assert_eq!(records.set(lock(1 << 40), &account).unwrap_err().errno(), Errno::ENOLCK);
        assert_eq!(account.pages(), MAX_RECORDS * RECORD_BYTES / 4096);
        assert!(records.remove_owner(LockOwner::File(1)));
        assert!(!records.remove_owner(LockOwner::File(1)));
        assert_eq!(account.pages(), 0);
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
