// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Waiting for files: poll and select.

use crate::arg::{Fd, UserPtr};
use crate::calls::deadline::{self, Duration, remaining};
use crate::cx::Context;
use abi::poll::{NFDBITS, PollEvents, PollFd, SigsetArg};
use abi::process::personality;
use abi::signal::SigSet;
use abi::time::{Timespec, Timeval};
use abi::{Errno, Result, err, error, nr};
use alloc::sync::Arc;
use alloc::vec::Vec;
use framework::mm::Pod;
use framework::sync::{Wait, WaitError, Waiter};
use task::RestartBlock;
use vfs::File;

const NS_PER_MS: u64 = 1_000_000;

/// What makes a descriptor readable, writable or exceptional for select.
const READ_EVENTS: PollEvents =
    PollEvents::READABLE.union(PollEvents::RDBAND).union(PollEvents::HUP).union(BROKEN);
const WRITE_EVENTS: PollEvents = PollEvents::WRITABLE.union(PollEvents::WRBAND).union(BROKEN);
const EXCEPT_EVENTS: PollEvents = PollEvents::PRI.union(PollEvents::NVAL);
/// Ready, as a read or write fails at once; O_PATH gives NVAL.
const BROKEN: PollEvents = PollEvents::ERR.union(PollEvents::NVAL);

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Only look.
    Now,
    /// Until a time of the monotonic clock.
    Deadline(u64),
    /// Until a time that no clock will show.
    Distant,
    /// For ever.
    Forever,
}

impl Until {
    fn after(ns: u64) -> Self {
        match (ns, deadline::after(ns)) {
            (0, _) => Self::Now,
            (_, Some(deadline)) => Self::Deadline(deadline),
            (_, None) => Self::Distant,
        }
    }
}

/// One descriptor that is waited for.
struct Entry {
    file: Option<Arc<File>>,
    /// What ends the wait.
    wanted: PollEvents,
    found: PollEvents,
}

/// Looks at all entries until one is ready; returns how many are.
fn wait_ready(entries: &mut [Entry], until: Until) -> Result<usize> {
    let ready = look(entries, None);
    if ready > 0 || until == Until::Now {
        return Ok(ready);
    }
    framework::mm::admit()?;
    let waiter = Waiter::new();
    let mut ready = look(entries, Some(&waiter));
    if ready == 0 && waiter.is_deaf() {
        return err!(ENOMEM, "too many wait");
    }
    let wait = match until {
        Until::Deadline(at) => Wait::interruptible().deadline_ns(at),
        Until::Now | Until::Distant | Until::Forever => Wait::interruptible(),
    };
    while ready == 0 {
        match waiter.wait(wait) {
            Ok(()) => ready = look(entries, None),
            Err(WaitError::TimedOut) => return Ok(look(entries, None)),
            Err(WaitError::Interrupted) => match look(entries, None) {
                0 => return err!(EINTR),
                ready => return Ok(ready),
            },
        }
    }
    Ok(ready)
}

fn look(entries: &mut [Entry], waiter: Option<&Arc<Waiter>>) -> usize {
    let mut ready = 0;
    for entry in entries {
        if let Some(file) = &entry.file {
            entry.found = file.poll(waiter) & entry.wanted;
        }
        ready += usize::from(!entry.found.is_empty());
    }
    ready
}

/// poll(2).
pub(crate) fn sys_poll(
    cx: &mut Context,
    fds: UserPtr<PollFd>,
    count: u32,
    timeout_ms: i32,
) -> Result<usize> {
    let until = match (cx.resumed_deadline.take(), u64::try_from(timeout_ms)) {
        (Some(deadline), _) => Until::Deadline(deadline),
        (None, Ok(ms)) => Until::after(ms * NS_PER_MS),
        (None, Err(_)) => Until::Forever,
    };
    let result = poll(cx, fds, count, until);
    if let (Err(error), Until::Deadline(deadline_ns)) = (&result, until)
        && error.errno() == Errno::EINTR
    {
        cx.thread.set_restart(RestartBlock { number: nr::POLL, deadline_ns });
    }
    result
}

/// ppoll(2): the time-out becomes what is left of it.
pub(crate) fn sys_ppoll(
    cx: &mut Context,
    fds: UserPtr<PollFd>,
    count: u32,
    timeout: Option<UserPtr<Timespec>>,
    mask: Option<UserPtr<u64>>,
    size: usize,
) -> Result<usize> {
    let until = from_timespec(cx, timeout)?;
    let mask = read_mask(cx, mask, size)?;
    let result = with_mask(cx, mask, || poll(cx, fds, count, until));
    give_back_timespec(cx, timeout, until);
    result
}

fn poll(cx: &Context, fds: UserPtr<PollFd>, count: u32, until: Until) -> Result<usize> {
    let count = count as usize;
    if count > cx.max_files() {
        return err!(EINVAL, "more than descriptors");
    }
    let mut records = Vec::new();
    records.try_reserve_exact(count).map_err(|_| error!(ENOMEM))?;
    let mut entries = Vec::new();
    entries.try_reserve_exact(count).map_err(|_| error!(ENOMEM))?;
    for index in 0..count {
        let record = fds.at(index)?.read(cx.vm())?;
        entries.push(entry(cx, &record));
        records.push(record);
    }
    let waited = wait_ready(&mut entries, until);
    let mut ready = 0;
    for (index, (mut record, entry)) in records.into_iter().zip(&entries).enumerate() {
        record.revents = entry.found.bits() as i16;
        ready += usize::from(record.revents != 0);
        fds.at(index)?.write(cx.vm(), &record)?;
    }
    if fds.addr() > mm::TASK_SIZE {
        // Told only now, even if there is nothing to tell.
        return err!(EFAULT, "no user address");
    }
    waited.map(|_| ready)
}

fn entry(cx: &Context, record: &PollFd) -> Entry {
    let asked = PollEvents::from_bits_truncate(u32::from(record.events as u16));
    let wanted = asked | PollEvents::UNASKED;
    let file = if record.fd < 0 { None } else { cx.file(Fd(record.fd)).ok() };
    let found =
        if record.fd >= 0 && file.is_none() { PollEvents::NVAL } else { PollEvents::empty() };
    Entry { file, wanted, found }
}

/// select(2): the time-out becomes what is left of it.
pub(crate) fn sys_select(
    cx: &mut Context,
    count: i32,
    read: Option<UserPtr<u64>>,
    write: Option<UserPtr<u64>>,
    except: Option<UserPtr<u64>>,
    timeout: Option<UserPtr<Timeval>>,
) -> Result<usize> {
    let until = match timeout {
        Some(timeout) => {
            let time = timeout.read(cx.vm())?;
            // More than a second of microseconds carries over here.
            let carried = Timeval {
                sec: time.sec.wrapping_add(time.usec / 1_000_000),
                usec: time.usec % 1_000_000,
            };
            Until::after(carried.to_ns()?)
        }
        None => Until::Forever,
    };
    let result = select(cx, count, [read, write, except], until);
    if let (Some(timeout), Some(left)) = (timeout.filter(|_| tells_left(cx)), left(until)) {
        let _ = timeout.write(cx.vm(), &Timeval::from_ns(left));
    }
    result
}

/// pselect6(2): the time-out becomes what is left of it.
pub(crate) fn sys_pselect6(
    cx: &mut Context,
    count: i32,
    read: Option<UserPtr<u64>>,
    write: Option<UserPtr<u64>>,
    except: Option<UserPtr<u64>>,
    timeout: Option<UserPtr<Timespec>>,
    mask: Option<UserPtr<SigsetArg>>,
) -> Result<usize> {
    let mask = match mask {
        Some(pointer) => {
            let arg = pointer.read(cx.vm())?;
            Some(arg).filter(|arg| arg.addr != 0)
        }
        None => None,
    };
    let until = from_timespec(cx, timeout)?;
    let mask = match mask {
        Some(arg) => read_mask(cx, Some(UserPtr::new(arg.addr as usize)), arg.size as usize)?,
        None => None,
    };
    let result = with_mask(cx, mask, || select(cx, count, [read, write, except], until));
    give_back_timespec(cx, timeout, until);
    result
}

fn select(
    cx: &Context,
    count: i32,
    sets: [Option<UserPtr<u64>>; 3],
    until: Until,
) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| error!(EINVAL, "negative count"))?;
    let words = count.min(cx.files().capacity()).div_ceil(NFDBITS);
    let count = count.min(words * NFDBITS);
    let events = [READ_EVENTS, WRITE_EVENTS, EXCEPT_EVENTS];
    let mut asked = [const { Vec::new() }; 3];
    for (bits, set) in asked.iter_mut().zip(sets) {
        *bits = read_set(cx, set, words)?;
    }
    let mut fds = Vec::new();
    let mut entries = Vec::new();
    for fd in 0..count {
        let mut wanted = PollEvents::empty();
        for (bits, events) in asked.iter().zip(events) {
            if has_bit(bits, fd) {
                wanted |= events;
            }
        }
        if !wanted.is_empty() {
            entries.try_reserve(1).map_err(|_| error!(ENOMEM))?;
            fds.try_reserve(1).map_err(|_| error!(ENOMEM))?;
            let file = Some(cx.file(Fd(fd as i32))?);
            entries.push(Entry { file, wanted, found: PollEvents::empty() });
            fds.push(fd);
        }
    }
    wait_ready(&mut entries, until)?;
    let mut total = 0;
    for ((bits, set), events) in asked.iter_mut().zip(sets).zip(events) {
        let before = core::mem::replace(bits, zeroed(words)?);
        for (&fd, entry) in fds.iter().zip(&entries) {
            if has_bit(&before, fd) && entry.found.intersects(events) {
                set_bit(bits, fd);
                total += 1;
            }
        }
        write_set(cx, set, bits)?;
    }
    Ok(total)
}

fn zeroed(words: usize) -> Result<Vec<u64>> {
    let mut bits = Vec::new();
    bits.try_reserve_exact(words).map_err(|_| error!(ENOMEM))?;
    bits.resize(words, 0);
    Ok(bits)
}

fn read_set(cx: &Context, set: Option<UserPtr<u64>>, words: usize) -> Result<Vec<u64>> {
    let mut bits = zeroed(words)?;
    if let Some(set) = set {
        for (index, word) in bits.iter_mut().enumerate() {
            *word = set.at(index)?.read(cx.vm())?;
        }
    }
    Ok(bits)
}

fn write_set(cx: &Context, set: Option<UserPtr<u64>>, bits: &[u64]) -> Result<()> {
    if let Some(set) = set {
        for (index, word) in bits.iter().enumerate() {
            set.at(index)?.write(cx.vm(), word)?;
        }
    }
    Ok(())
}

fn has_bit(bits: &[u64], fd: usize) -> bool {
    bits.get(fd / NFDBITS).is_some_and(|word| word >> (fd % NFDBITS) & 1 != 0)
}

fn set_bit(bits: &mut [u64], fd: usize) {
    if let Some(word) = bits.get_mut(fd / NFDBITS) {
        *word |= 1 << (fd % NFDBITS);
    }
}

fn from_timespec(cx: &Context, timeout: Option<UserPtr<Timespec>>) -> Result<Until> {
    match timeout {
        Some(timeout) => Ok(Until::after(timeout.read(cx.vm())?.to_ns()?)),
        None => Ok(Until::Forever),
    }
}

/// Whether time-outs become what is left of them: not for programs of old systems.
fn tells_left(cx: &Context) -> bool {
    cx.process().personality() & personality::STICKY_TIMEOUTS == 0
}

/// What is left of a wait that could end.
fn left(until: Until) -> Option<u64> {
    match until {
        // None to begin with is not written back either.
        Until::Now => None,
        Until::Deadline(deadline) => Some(remaining(deadline)),
        Until::Distant => Some(remaining(i64::MAX as u64)),
        Until::Forever => None,
    }
}

/// A time-out that cannot be written is not an error.
fn give_back_timespec(cx: &Context, timeout: Option<UserPtr<Timespec>>, until: Until) {
    if let (Some(timeout), Some(left)) = (timeout.filter(|_| tells_left(cx)), left(until)) {
        let _ = timeout.write(cx.vm(), &Timespec::from_ns(left));
    }
}

fn read_mask(cx: &Context, mask: Option<UserPtr<u64>>, size: usize) -> Result<Option<SigSet>> {
    match mask {
        Some(_) if size != <u64 as Pod>::SIZE => err!(EINVAL, "size of the signal set"),
        Some(mask) => Ok(Some(SigSet::mask_from_bits(mask.read(cx.vm())?))),
        None => Ok(None),
    }
}

/// Runs a call with another signal mask. If a signal ends it, its handler still
/// runs under that mask and the delivery restores the old one.
fn with_mask(
    cx: &Context,
    mask: Option<SigSet>,
    call: impl FnOnce() -> Result<usize>,
) -> Result<usize> {
    let Some(mask) = mask else {
        return call();
    };
    cx.thread.set_temporary_mask(mask);
    let result = call();
    if !matches!(&result, Err(error) if error.errno() == Errno::EINTR) {
        cx.thread.end_temporary_mask();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_sets() {
        let mut bits = [0_u64; 2];
        set_bit(&mut bits, 65);
        set_bit(&mut bits, 500);
        assert_eq!(bits, [0, 2]);
        assert!(has_bit(&bits, 65) && !has_bit(&bits, 64) && !has_bit(&bits, 9999));
    }

    #[test]
    fn zero_only_looks() {
        assert!(Until::after(0) == Until::Now);
        assert!(Until::after(u64::MAX) == Until::Distant);
    }
}
