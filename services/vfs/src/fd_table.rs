// SPDX-License-Identifier: Apache-2.0 OR MIT
//! File descriptors of a process.
//!
//! A table is shared by tasks made with CLONE_FILES. The caller brings
//! RLIMIT_NOFILE as `limit`. Files that leave the table are dropped outside of its lock,
//! and who looks at many slots looks at [`TURN`] of them with the lock held at a time.
//!
//! More than 400 lines: every call on descriptors is one short function here.
//!
//! Locks: the one lock is a leaf.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use abi::{Result, err, error};
use framework::sync::{SpinLock, SpinLockGuard, WaitQueue};

use crate::File;
use crate::lock::LockOwner;

/// Whether exec closes a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseOnExec {
    /// It stays open.
    No,
    /// It is closed.
    Yes,
}

impl CloseOnExec {
    /// From a flag.
    pub const fn from_flag(is_set: bool) -> Self {
        if is_set { Self::Yes } else { Self::No }
    }
}

/// See [`nr_open`].
static NR_OPEN: AtomicUsize = AtomicUsize::new(1_048_576);

/// `fs.nr_open`: the hard limit on descriptors; no RLIMIT_NOFILE is set beyond.
pub fn nr_open() -> usize {
    NR_OPEN.load(Ordering::Relaxed)
}

/// Sets `fs.nr_open`.
///
/// # Errors
/// None: the caller has checked the bounds.
pub fn set_nr_open(most: usize) -> Result<()> {
    NR_OPEN.store(most, Ordering::Relaxed);
    Ok(())
}

#[derive(Clone)]
struct Slot {
    file: Arc<File>,
    on_exec: CloseOnExec,
}

/// Slots that are looked at with the lock held once.
const TURN: usize = 256;

struct Slots {
    slots: Vec<Option<Slot>>,
    /// No slot below is free.
    lowest_free: usize,
    /// Slots that are not free.
    open: usize,
    /// Copies that are being made: meanwhile nothing changes.
    copies: usize,
}

/// The descriptors of a process.
pub struct FdTable {
    inner: SpinLock<Slots>,
    /// Woken when a copy has been made.
    copied: WaitQueue,
    id: u64,
}

/// Holds who would change the table, as long as a large one is copied.
struct Copying<'a>(&'a FdTable);

impl<'a> Copying<'a> {
    fn begin(table: &'a FdTable, mut inner: SpinLockGuard<'a, Slots>) -> Self {
        inner.copies += 1;
        Self(table)
    }

    /// How many slots there are up to the last one that is not free.
    fn used(&self) -> usize {
        let mut end = self.0.inner.lock().slots.len();
        while end > 0 {
            let begin = end.saturating_sub(TURN);
            let inner = self.0.inner.lock();
            let turn = inner.slots.get(begin..end).unwrap_or_default();
            if let Some(last) = turn.iter().rposition(Option::is_some) {
                return begin + last + 1;
            }
            end = begin;
        }
        0
    }

    /// Copies the first `len` slots to `to`, which gets room for `room`.
    fn copy(&self, to: &mut Vec<Option<Slot>>, len: usize, room: usize) -> Result<()> {
        to.try_reserve_exact(room).map_err(|_| error!(ENOMEM))?;
        while to.len() < len {
            let turn = TURN.min(len - to.len());
            to.extend(self.0.inner.lock().slots.iter().skip(to.len()).take(turn).cloned());
        }
        Ok(())
    }
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        self.0.inner.lock().copies -= 1;
        self.0.copied.wake_all();
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl FdTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::of(Vec::new(), 0, 0)
    }

    fn of(slots: Vec<Option<Slot>>, lowest_free: usize, open: usize) -> Self {
        let inner = SpinLock::new(Slots { slots, lowest_free, open, copies: 0 });
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self { inner, copied: WaitQueue::new(), id }
    }

    /// The table, to put files in or take them out.
    fn lock_to_change(&self) -> SpinLockGuard<'_, Slots> {
        loop {
            let inner = self.inner.lock();
            if inner.copies == 0 {
                return inner;
            }
            drop(inner);
            self.copied.wait_until(|| (self.inner.lock().copies == 0).then_some(()));
        }
    }

    /// A copy for a forked process: the same files under the same numbers.
    ///
    /// # Errors
    /// `ENOMEM` without memory for the copy.
    pub fn fork(&self) -> Result<Self> {
        let mut slots = Vec::new();
        let inner = self.inner.lock();
        let (lowest_free, open) = (inner.lowest_free, inner.open);
        if inner.slots.len() <= TURN {
            let used = inner.slots.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            slots.try_reserve_exact(used).map_err(|_| error!(ENOMEM))?;
            slots.extend(inner.slots.iter().take(used).cloned());
            return Ok(Self::of(slots, lowest_free.min(used), open));
        }
        let copying = Copying::begin(self, inner);
        let used = copying.used();
        copying.copy(&mut slots, used, used)?;
        drop(copying);
        Ok(Self::of(slots, lowest_free.min(used), open))
    }

    /// Makes room for slot `fd` of a large table.
    fn grow(&self, fd: usize) -> Result<()> {
        let inner = self.lock_to_change();
        let len = inner.slots.len();
        let copying = Copying::begin(self, inner);
        let mut slots = Vec::new();
        copying.copy(&mut slots, len, (2 * len).max(fd + 1))?;
        // Another thread may have made it larger.
        slots.resize_with(len.max(fd + 1), || None);
        core::mem::swap(&mut self.inner.lock().slots, &mut slots);
        Ok(())
    }

    /// The owner of POSIX record locks taken through this table.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::Table(self.id)
    }

    /// The file of a descriptor.
    ///
    /// # Errors
    /// `EBADF` if the number is not open.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<Arc<File>> {
        let inner = self.inner.lock();
        match inner.slots.get(fd as u32 as usize) {
            Some(Some(slot)) => Ok(slot.file.clone()),
            _ => err!(EBADF, "no such descriptor"),
        }
    }

    /// Puts a file at the lowest free number.
    ///
    /// # Errors
    /// `EMFILE` if none is free below `limit`, `ENOMEM` if the table cannot grow.
    pub fn insert(&self, file: Arc<File>, on_exec: CloseOnExec, limit: usize) -> Result<i32> {
        self.insert_from(0, file, on_exec, limit)
    }

    /// As [`Self::insert`], not below `min` (F_DUPFD).
    ///
    /// # Errors
    /// `EINVAL` if `min` is not below `limit`; those of [`Self::insert`].
    pub fn insert_from(
        &self,
        min: usize,
        file: Arc<File>,
        on_exec: CloseOnExec,
        limit: usize,
    ) -> Result<i32> {
        let limit = limit.min(nr_open());
        if min > 0 && min >= limit {
            return err!(EINVAL, "beyond the descriptor limit");
        }
        let mut from = min;
        loop {
            let mut inner = self.lock_to_change();
            let fd = match inner.find_free(min, from) {
                Ok(fd) => fd,
                Err(next) => {
                    from = next;
                    continue;
                }
            };
            if fd >= limit {
                return err!(EMFILE, "too many open files");
            }
            if !inner.must_grow(fd) {
                inner.put(fd, Slot { file, on_exec })?;
                return Ok(fd as i32);
            }
            drop(inner);
            self.grow(fd)?;
        }
    }

    /// Puts two files at the two lowest free numbers, both or none (pipe).
    ///
    /// # Errors
    /// Those of [`Self::insert`]; then neither is in the table.
    pub fn insert_pair(
        &self,
        files: [Arc<File>; 2],
        on_exec: CloseOnExec,
        limit: usize,
    ) -> Result<[i32; 2]> {
        let [first, second] = files;
        let one = self.insert(first, on_exec, limit)?;
        match self.insert(second, on_exec, limit) {
            Ok(two) => Ok([one, two]),
            Err(error) => {
                self.take(one);
                Err(error)
            }
        }
    }

    /// dup2(2) and dup3(2) onto another number: closes what was at `new`.
    ///
    /// # Errors
    /// `EBADF` if `old` is not open or `new` not below `limit`, `ENOMEM` if the table
    /// cannot grow. What closing the file at `new` says is dropped, as on Linux.
    pub fn replace(&self, old: i32, new: i32, on_exec: CloseOnExec, limit: usize) -> Result<i32> {
        let index = usize::try_from(new).ok().filter(|&index| index < limit.min(nr_open()));
        let Some(index) = index else {
            return err!(EBADF, "beyond the descriptor limit");
        };
        let file = self.get(old)?;
        let mut inner = self.lock_to_change();
        while inner.must_grow(index) {
            drop(inner);
            self.grow(index)?;
            inner = self.lock_to_change();
        }
        let replaced = inner.put(index, Slot { file, on_exec })?;
        drop(inner);
        if let Some(slot) = replaced {
            let _ = self.finish_close(slot.file);
        }
        Ok(new)
    }

    /// close(2).
    ///
    /// # Errors
    /// `EBADF` if the number is not open; what the file's
    /// [`FileOps::flush`](crate::FileOps::flush) says, though it is closed.
    pub fn close(&self, fd: i32) -> Result<()> {
        match self.take(fd) {
            Some(file) => self.finish_close(file),
            None => err!(EBADF, "no such descriptor"),
        }
    }

    /// close_range(2): both ends included.
    pub fn close_range(&self, first: u32, last: u32) {
        self.close_where(|fd, _| fd >= first && fd <= last);
    }

    /// close_range(2) with CLOSE_RANGE_CLOEXEC.
    pub fn mark_range(&self, first: u32, last: u32) {
        let (mut next, end) = (first as usize, (last as usize).saturating_add(1));
        while next < end {
            let mut inner = self.lock_to_change();
            let turn = TURN.min(end - next);
            for slot in inner.slots.iter_mut().skip(next).take(turn).flatten() {
                slot.on_exec = CloseOnExec::Yes;
            }
            next += turn;
            if next >= inner.slots.len() {
                return;
            }
        }
    }

    /// Closes what exec closes.
    pub fn close_on_exec(&self) {
        self.close_where(|_, on_exec| on_exec == CloseOnExec::Yes);
    }

    /// Closes everything (exit of the last user).
    pub fn close_all(&self) {
        let mut inner = self.lock_to_change();
        let slots = core::mem::take(&mut inner.slots);
        (inner.lowest_free, inner.open) = (0, 0);
        drop(inner);
        for slot in slots.into_iter().flatten() {
            let _ = self.finish_close(slot.file);
        }
    }

    /// F_GETFD: whether exec closes the descriptor.
    ///
    /// # Errors
    /// `EBADF` if the number is not open.
    pub fn on_exec(&self, fd: i32) -> Result<CloseOnExec> {
        let inner = self.inner.lock();
        match inner.slots.get(fd as u32 as usize) {
            Some(Some(slot)) => Ok(slot.on_exec),
            _ => err!(EBADF, "no such descriptor"),
        }
    }

    /// F_SETFD.
    ///
    /// # Errors
    /// `EBADF` if the number is not open.
    pub fn set_on_exec(&self, fd: i32, on_exec: CloseOnExec) -> Result<()> {
        let mut inner = self.lock_to_change();
        match inner.slots.get_mut(fd as u32 as usize) {
            Some(Some(slot)) => {
                slot.on_exec = on_exec;
                Ok(())
            }
            _ => err!(EBADF, "no such descriptor"),
        }
    }

    /// The open descriptors from `from` on, at most `max` (/proc/PID/fd).
    pub fn open_fds(&self, from: i32, max: usize) -> Vec<i32> {
        let mut found = Vec::new();
        let mut next = from.max(0) as usize;
        while found.len() < max
            && let Some(end) = self.next_turn(next)
        {
            let inner = self.inner.lock();
            let turn = inner.slots.iter().enumerate().take(end).skip(next);
            let open = turn.filter(|(_, slot)| slot.is_some()).map(|(fd, _)| fd as i32);
            found.extend(open.take(max - found.len()));
            next = end;
        }
        found
    }

    /// What the table and its open files take of the kernel's memory at most, in bytes.
    /// Files that other tables share count in each.
    pub fn kernel_bytes(&self) -> usize {
        let inner = self.inner.lock();
        inner.slots.capacity() * size_of::<Option<Slot>>() + inner.open * File::KERNEL_BYTES
    }

    /// How many slots the table has (FDSize of /proc/PID/status).
    pub fn capacity(&self) -> usize {
        self.inner.lock().slots.len().next_multiple_of(64)
    }

    fn take(&self, fd: i32) -> Option<Arc<File>> {
        let index = fd as u32 as usize;
        let mut inner = self.lock_to_change();
        let slot = inner.slots.get_mut(index)?.take()?;
        inner.open -= 1;
        inner.lowest_free = inner.lowest_free.min(index);
        Some(slot.file)
    }

    fn close_where(&self, is_wanted: impl Fn(u32, CloseOnExec) -> bool) {
        let mut next = 0;
        while let Some(end) = self.next_turn(next) {
            let found = {
                let inner = self.inner.lock();
                let turn = inner.slots.iter().enumerate().take(end).skip(next);
                turn.filter_map(|(fd, slot)| Some((fd, slot.as_ref()?)))
                    .find(|(fd, slot)| is_wanted(*fd as u32, slot.on_exec))
                    .map(|(fd, _)| fd)
            };
            if let Some(fd) = found
                && let Some(file) = self.take(fd as i32)
            {
                let _ = self.finish_close(file);
            }
            next = found.map_or(end, |fd| fd + 1);
        }
    }

    /// Where a turn that begins at `next` ends; None behind the last slot.
    fn next_turn(&self, next: usize) -> Option<usize> {
        (next < self.inner.lock().slots.len()).then_some(next + TURN)
    }

    /// Flushes the file and gives back POSIX locks, as each close of any descriptor does.
    fn finish_close(&self, file: Arc<File>) -> Result<()> {
        if file.is_path_only() {
            return Ok(());
        }
        if let Some(locks) = file.inode().base().existing_locks() {
            locks.release_owner(self.lock_owner());
        }
        file.ops().flush(&file)
    }
}

impl Default for FdTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        self.close_all();
    }
}

impl Slots {
    /// Looks at a turn of slots for the first free one that is not below `min`; `from` is
    /// where the look before ended.
    ///
    /// # Errors
    /// Where to go on, if there was none.
    fn find_free(&mut self, min: usize, from: usize) -> Result<usize, usize> {
        let is_lowest = min <= self.lowest_free;
        let start = if is_lowest { self.lowest_free } else { from };
        let rest = self.slots.get(start..).unwrap_or_default();
        let turn = rest.get(..TURN).unwrap_or(rest);
        let free = turn.iter().position(Option::is_none);
        let at = start + free.unwrap_or(turn.len());
        if is_lowest {
            // Not to be looked for again.
            self.lowest_free = at;
        }
        if free.is_some() || turn.len() < TURN { Ok(at) } else { Err(at) }
    }

    /// Whether the table is too large to be moved, or filled up, to slot `fd` with the lock
    /// held.
    fn must_grow(&self, fd: usize) -> bool {
        fd >= 4 * TURN && (fd >= self.slots.capacity() || fd >= self.slots.len() + TURN)
    }

    /// Fills a slot and returns what was there.
    fn put(&mut self, fd: usize, slot: Slot) -> Result<Option<Slot>> {
        if fd >= self.slots.len() {
            let more = fd + 1 - self.slots.len();
            self.slots.try_reserve(more).map_err(|_| error!(ENOMEM))?;
            self.slots.resize_with(fd + 1, || None);
        }
        if fd == self.lowest_free {
            self.lowest_free += 1;
        }
        let Some(place) = self.slots.get_mut(fd) else { return err!(ENOMEM) };
        let old = place.replace(slot);
        self.open += usize::from(old.is_none());
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn nothing_changes_while_a_table_is_copied() {
        let table = Arc::new(FdTable::new());
        let copying = Copying::begin(&table, table.inner.lock());
        let (changer, (tell, told)) = (table.clone(), mpsc::channel());
        let thread = std::thread::spawn(move || {
            drop(changer.lock_to_change());
            tell.send(()).unwrap();
        });
        assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
        drop(copying);
        told.recv().unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_table_that_another_thread_has_grown_is_not_cut() {
        let table = FdTable::new();
        table.inner.lock().slots.resize_with(5001, || None);
        table.grow(1024).unwrap();
        assert_eq!(table.inner.lock().slots.len(), 5001);
        table.grow(6000).unwrap();
        assert_eq!(table.inner.lock().slots.len(), 6001);
    }
}
