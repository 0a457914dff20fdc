// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Futexes: sleeping on a word of user memory.
//!
//! A futex is known by its key: the address space and address if it is private,
//! or the frame behind it if other processes may share it. Waiters are in hash
//! buckets, in the order they came; who is woken is taken out of its bucket by
//! the waker. Whoever wakes or moves does so in turns, each of a few looks with the bucket
//! locked, and leaves out who comes meanwhile.
//!
//! More than 400 lines, tests included: the calls share the keys and the buckets, which
//! nobody else sees.
//!
//! Locks: a bucket (preemption off), or two in the order of the table, then the key of a
//! waiter in it. Waiters are woken outside of all.
//!
//! Spec: futex(2), get_robust_list(2).

use alloc::{collections::VecDeque, sync::Arc};
use core::{
    cmp, ptr,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use abi::futex::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT,
    RobustListHead,
};
use abi::mman::Prot;
use abi::{Result, err, error};
use framework::{
    mm::PAGE_SIZE,
    sync::{SpinLock, SpinLockGuard, Wait, WaitError, WaitQueue},
};
use mm::{AddressSpace, AreaFlags};

use crate::futex_op::WakeOp;
use crate::process::Thread;

/// Whether processes that share the memory can meet at a futex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// FUTEX_PRIVATE_FLAG: threads of one process.
    Private,
    /// Whoever maps the memory.
    Shared,
}

/// What names a futex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    /// An address space's or a frame's number, told apart by `kind`.
    owner: u64,
    kind: KeyKind,
    /// The address, or the offset in the frame.
    offset: usize,
}

/// Futexes of different kinds never meet, though they are at one address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum KeyKind {
    /// FUTEX_PRIVATE_FLAG.
    Private,
    /// Without it, in memory that is the process's own all the same.
    OwnMemory,
    /// In memory that others may map.
    Frame,
}

/// What a futex without FUTEX_PRIVATE_FLAG lies in.
enum Memory {
    /// The process's own.
    Own,
    /// The same, and nobody can write it, so that nobody could wake a sleeper there.
    Constant,
    /// Others may map it.
    Shared,
}

/// Where a waiter is: its key, then a number that rises in each bucket.
type Place = (Key, u64);

struct Waiter {
    place: SpinLock<Place>,
    bits: u32,
    is_woken: AtomicBool,
    queue: WaitQueue,
}

/// With their numbers, which rise.
type Waiters = VecDeque<(u64, Arc<Waiter>)>;
type Bucket = SpinLock<Waiters>;

const BUCKETS: usize = 64;
static TABLE: [Bucket; BUCKETS] = [const { SpinLock::new(VecDeque::new()) }; BUCKETS];

/// The last number of a place; drawn with the bucket locked.
static LAST: AtomicU64 = AtomicU64::new(0);
/// Waiters that are looked at, and of them those that are woken or moved, with their
/// bucket locked once.
const LOOKS: usize = 64;
const TURN: usize = 8;

/// Two buckets, both locked; they may be the same one.
struct Pair {
    from: BucketGuard,
    /// Nothing if it is the same.
    to: Option<BucketGuard>,
}

type BucketGuard = SpinLockGuard<'static, Waiters>;

impl Pair {
    /// Locks both, the one that is first in the table first.
    fn lock(from: &'static Bucket, to: &'static Bucket) -> Self {
        match ptr::from_ref(from).cmp(&ptr::from_ref(to)) {
            cmp::Ordering::Equal => Self { from: from.lock(), to: None },
            cmp::Ordering::Less => {
                let from = from.lock();
                Self { from, to: Some(to.lock()) }
            }
            cmp::Ordering::Greater => {
                let to = to.lock();
                Self { from: from.lock(), to: Some(to) }
            }
        }
    }
}

impl Key {
    fn of(mm: &Arc<AddressSpace>, addr: usize, scope: Scope) -> Result<Self> {
        if !addr.is_multiple_of(4) {
            return err!(EINVAL, "not aligned");
        }
        if addr > mm::TASK_SIZE {
            return err!(EFAULT, "not a user address");
        }
        let owner = Arc::as_ptr(mm) as usize as u64;
        if scope == Scope::Private {
            // Only a name: nothing needs to be mapped there.
            return Ok(Self { owner, kind: KeyKind::Private, offset: addr });
        }
        // Bring the page in, so that it has a frame.
        mm.vm().atomic_u32_load(addr)?;
        let own = Self { owner, kind: KeyKind::OwnMemory, offset: addr };
        match memory_at(mm, addr) {
            Memory::Constant => return err!(EFAULT, "memory of its own that cannot be written"),
            Memory::Own => return Ok(own),
            Memory::Shared => {}
        }
        let page = addr & !(PAGE_SIZE - 1);
        match mm.vm().query(page) {
            Some(mapping) => {
                let owner = mapping.frame.id();
                Ok(Self { owner, kind: KeyKind::Frame, offset: addr % PAGE_SIZE })
            }
            None => Ok(own),
        }
    }

    fn bucket(&self) -> &'static Bucket {
        let mixed = (self.owner >> 4).wrapping_add(self.offset as u64 >> 2);
        let at = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
        // 58 leaves 6 bits: below the count.
        TABLE.get(at as usize).unwrap_or(&TABLE[0])
    }
}

/// What the word at `addr` lies in.
fn memory_at(mm: &AddressSpace, addr: usize) -> Memory {
    let mut memory = Memory::Own;
    mm.each_area(addr, |info| {
        let area = info.area();
        if area.contains(addr) {
            memory = if area.is_anonymous() && !area.prot().contains(Prot::WRITE) {
                Memory::Constant
            } else if area.flags().contains(AreaFlags::SHARED) {
                Memory::Shared
            } else {
                Memory::Own
            };
        }
        false
    });
    memory
}

/// FUTEX_WAIT and FUTEX_WAIT_BITSET: sleeps if the word at `addr` is `expected`.
///
/// # Errors
/// `EAGAIN` if it is not, `ETIMEDOUT` at the deadline, `EINTR` if a signal comes first, `ENOMEM`;
/// `EINVAL` for an address that is not aligned or no bits, `EFAULT` if the word cannot be
/// read.
pub fn wait(
    thread: &Thread,
    addr: usize,
    scope: Scope,
    expected: u32,
    bits: u32,
    deadline_ns: Option<u64>,
) -> Result<()> {
    if bits == 0 {
        return err!(EINVAL, "no bits to wait for");
    }
    let mm = thread.process().mm().ok_or(error!(EFAULT))?;
    let key = Key::of(&mm, addr, scope)?;
    // Queued first, then the word is looked at: a waker changes the word first
    // and then looks for waiters, so one of both sees the other.
    let waiter = Waiter::queued(key, bits)?;
    let mut how = Wait::interruptible();
    if let Some(deadline) = deadline_ns {
        how = how.deadline_ns(deadline);
    }
    let result = match mm.vm().atomic_u32_load(addr) {
        Err(fault) => Err(fault.into()),
        Ok(value) if value != expected => err!(EAGAIN, "the word has changed"),
        Ok(_) => {
            let woken = || waiter.is_woken.load(Acquire).then_some(());
            waiter.queue.wait(how, woken).map_err(|why| match why {
                WaitError::TimedOut => error!(ETIMEDOUT),
                WaitError::Interrupted => error!(EINTR),
            })
        }
    };
    if result.is_ok() {
        return Ok(());
    }
    // A wake-up that came meanwhile must not be lost.
    if remove(&waiter) { result } else { Ok(()) }
}

/// Takes a waiter out of its bucket; false if a waker has done so.
fn remove(waiter: &Arc<Waiter>) -> bool {
    loop {
        let place = *waiter.place.lock();
        let mut bucket = place.0.bucket().lock();
        if *waiter.place.lock() != place {
            continue; // Moved by a requeue in between.
        }
        let at = bucket.binary_search_by_key(&place.1, |(number, _)| *number);
        return at.ok().and_then(|at| bucket.remove(at)).is_some();
    }
}

/// FUTEX_WAKE and FUTEX_WAKE_BITSET: wakes up to `count`; returns how many.
///
/// # Errors
/// `EINVAL` for an address that is not aligned or no bits, `EFAULT` if the word cannot be
/// read.
pub fn wake(thread: &Thread, addr: usize, scope: Scope, count: usize, bits: u32) -> Result<usize> {
    if bits == 0 {
        return err!(EINVAL, "no bits to wake");
    }
    let mm = thread.process().mm().ok_or(error!(EFAULT))?;
    let key = Key::of(&mm, addr, scope)?;
    Ok(wake_key(&key, count, bits))
}

fn wake_key(key: &Key, count: usize, bits: u32) -> usize {
    let mut walk = Walk::default();
    let mut woken = 0;
    while woken < count && !walk.is_over {
        let mut turn = [const { None::<Arc<Waiter>> }; TURN];
        let most = (count - woken).min(TURN);
        let mut slots = turn.iter_mut();
        walk.look(&mut key.bucket().lock(), key, bits, most, |_, waiter| {
            if let Some(slot) = slots.next() {
                *slot = Some(waiter);
            }
        });
        for waiter in turn.into_iter().map_while(|waiter| waiter) {
            waiter.is_woken.store(true, Release);
            waiter.queue.wake_all();
            woken += 1;
        }
    }
    woken
}

/// A walk through the waiters of a bucket, which is free in between.
#[derive(Default)]
struct Walk {
    /// The number of the last one that was looked at; 0 at the beginning.
    behind: u64,
    /// The last one that had come at the first look.
    last: Option<u64>,
    is_over: bool,
}

impl Walk {
    /// Goes on: takes up to `most` waiters with this key and one of `bits` out of `bucket`
    /// and gives each to `take`.
    fn look(
        &mut self,
        bucket: &mut Waiters,
        key: &Key,
        bits: u32,
        most: usize,
        mut take: impl FnMut(&mut Waiters, Arc<Waiter>),
    ) {
        let last = *self.last.get_or_insert_with(|| LAST.load(Relaxed));
        let mut at = match self.behind {
            0 => 0,
            behind => bucket.partition_point(|(number, _)| *number <= behind),
        };
        let mut taken = 0;
        for _ in 0..LOOKS {
            let next = bucket.get(at).filter(|(number, _)| *number <= last);
            let Some((number, waiter)) = next else {
                self.is_over = true;
                return;
            };
            self.behind = *number;
            if waiter.bits & bits == 0 || waiter.place.lock().0 != *key {
                at += 1;
                continue;
            }
            if let Some((_, waiter)) = bucket.remove(at) {
                take(bucket, waiter);
            }
            taken += 1;
            if taken == most {
                return;
            }
        }
    }
}

/// FUTEX_REQUEUE and FUTEX_CMP_REQUEUE: wakes up to `wake`, moves up to `limit`
/// others to the futex at `target`; returns how many of both.
///
/// # Errors
/// `EAGAIN` if a value is `expected` and the word has another; `EINVAL` for an address that
/// is not aligned, `EFAULT` if a word cannot be read.
pub fn requeue(
    thread: &Thread,
    from: (usize, Scope),
    target: usize,
    counts: (usize, usize),
    expected: Option<u32>,
) -> Result<usize> {
    let mm = thread.process().mm().ok_or(error!(EFAULT))?;
    let key = Key::of(&mm, from.0, from.1)?;
    let target = Key::of(&mm, target, from.1)?;
    if let Some(expected) = expected
        && mm.vm().atomic_u32_load(from.0)? != expected
    {
        return err!(EAGAIN, "the word has changed");
    }
    let woken = wake_key(&key, counts.0, FUTEX_BITSET_MATCH_ANY);
    let moved = move_waiters(&key, &target, counts.1);
    Ok(woken + moved)
}

/// FUTEX_WAKE_OP: changes the word at `second` as `encoded` says, wakes up to the first count
/// at `addr`, and up to the second at `second` if the old word compares as it says; returns
/// how many of both.
///
/// # Errors
/// `EINVAL` for an address that is not aligned, `EFAULT` if the word cannot be changed,
/// `ENOSYS` for an unknown operation or comparison.
pub fn wake_op(
    thread: &Thread,
    (addr, scope): (usize, Scope),
    second: usize,
    counts: (usize, usize),
    encoded: u32,
) -> Result<usize> {
    let mm = thread.process().mm().ok_or(error!(EFAULT))?;
    let key = Key::of(&mm, addr, scope)?;
    let target = Key::of(&mm, second, scope)?;
    let change = WakeOp::decode(encoded)?;
    let mut old = mm.vm().atomic_u32_load(second)?;
    while let Err(other) = mm.vm().atomic_u32_compare_exchange(second, old, change.changed(old))? {
        old = other;
        if thread.is_dying() {
            return err!(EINTR);
        }
    }
    let woken = wake_key(&key, counts.0, FUTEX_BITSET_MATCH_ANY);
    let others = match change.compares(old) {
        true => wake_key(&target, counts.1, FUTEX_BITSET_MATCH_ANY),
        false => 0,
    };
    Ok(woken + others)
}

fn move_waiters(key: &Key, target: &Key, limit: usize) -> usize {
    if key == target {
        return 0;
    }
    let mut walk = Walk::default();
    let mut moved = 0;
    while moved < limit && !walk.is_over {
        // A waiter is always in the bucket of its key: whoever looks for it, to wake it or
        // to take it out, waits for the move or comes before it.
        let Pair { mut from, mut to } = Pair::lock(key.bucket(), target.bucket());
        let most = (limit - moved).min(TURN);
        if to.as_deref_mut().is_some_and(|to| to.try_reserve(most).is_err()) {
            // The rest is woken, to look again: a wake-up too many is allowed, one too few is not.
            drop((from, to));
            return moved + wake_key(key, limit - moved, FUTEX_BITSET_MATCH_ANY);
        }
        walk.look(&mut from, key, FUTEX_BITSET_MATCH_ANY, most, |from, waiter| {
            let number = next_number();
            *waiter.place.lock() = (*target, number);
            to.as_deref_mut().unwrap_or(from).push_back((number, waiter));
            moved += 1;
        });
    }
    moved
}

/// A new place number; the bucket is locked.
fn next_number() -> u64 {
    LAST.fetch_add(1, Relaxed) + 1
}

impl Waiter {
    /// One at the end of the queue of `key`.
    fn queued(key: Key, bits: u32) -> Result<Arc<Self>> {
        framework::mm::admit()?;
        let mut bucket = key.bucket().lock();
        bucket.try_reserve(1).map_err(|_| error!(ENOMEM, "many wait"))?;
        let number = next_number();
        let waiter = Arc::new(Self {
            place: SpinLock::new((key, number)),
            bits,
            is_woken: AtomicBool::new(false),
            queue: WaitQueue::new(),
        });
        bucket.push_back((number, waiter.clone()));
        Ok(waiter)
    }
}

/// Wakes waiters at `addr` of `mm` that did not say they are private, as Linux does for a
/// thread that ends.
pub(crate) fn wake_address(mm: &Arc<AddressSpace>, addr: usize, count: usize) {
    if let Ok(key) = Key::of(mm, addr, Scope::Shared) {
        wake_key(&key, count, FUTEX_BITSET_MATCH_ANY);
    }
}

/// Marks the futexes that a thread holds at its end, and wakes who waits.
pub(crate) fn release_robust_list(thread: &Thread, mm: &Arc<AddressSpace>) {
    let head = thread.robust_list.load(Relaxed);
    if head == 0 {
        return;
    }
    let vm = mm.vm();
    let word = |at: usize| vm.read_val::<u64>(at).ok();
    let Ok(list) = vm.read_val::<RobustListHead>(head) else { return };
    let RobustListHead { next: mut entry, futex_offset: offset, pending } = list;
    let tid = thread.tid().as_raw() as u32;
    for _ in 0..ROBUST_LIST_LIMIT {
        let at = (entry & !1) as usize;
        if at == head {
            break;
        }
        let next = word(at);
        if at as u64 != pending & !1 {
            release_robust(mm, at.wrapping_add(offset as usize), tid);
        }
        let Some(next) = next else { return };
        entry = next;
    }
    if pending & !1 != 0 {
        release_robust(mm, ((pending & !1) as usize).wrapping_add(offset as usize), tid);
    }
}

fn release_robust(mm: &Arc<AddressSpace>, addr: usize, tid: u32) {
    let vm = mm.vm();
    loop {
        let Ok(value) = vm.atomic_u32_load(addr) else { return };
        if value & FUTEX_TID_MASK != tid {
            return;
        }
        let new = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        match vm.atomic_u32_compare_exchange(addr, value, new) {
            Ok(Ok(_)) => break,
            Ok(Err(_)) => {}
            Err(_) => return,
        }
    }
    wake_address(mm, addr, 1);
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn key(owner: u64, offset: usize) -> Key {
        Key { owner, kind: KeyKind::Private, offset }
    }

    #[test]
    fn wakes_in_order_by_bits() {
        let k = key(1 << 20, 0x1000);
        let [a, b, c] = [1, 2, 3].map(|bits| Waiter::queued(k, bits).unwrap());
        assert_eq!(wake_key(&k, 1, 2), 1);
        assert!(b.is_woken.load(Relaxed) && !a.is_woken.load(Relaxed));
        assert_eq!(wake_key(&k, 9, FUTEX_BITSET_MATCH_ANY), 2);
        assert!(c.is_woken.load(Relaxed));
        assert_eq!(wake_key(&k, 9, FUTEX_BITSET_MATCH_ANY), 0);
    }

    #[test]
    fn many_are_woken_in_turns_and_newcomers_left() {
        let (k, t) = (key(3 << 20, 0x1000), key(3 << 20, 0x2000));
        let many: Vec<_> = (0..100).map(|n| Waiter::queued(k, 1 + n % 2).unwrap()).collect();
        assert_eq!(wake_key(&k, 40, 2), 40);
        assert!(many.iter().filter(|w| w.is_woken.load(Relaxed)).all(|w| w.bits == 2));
        assert_eq!(move_waiters(&k, &t, 45), 45);
        assert_eq!(wake_key(&k, 99, FUTEX_BITSET_MATCH_ANY), 15);
        assert_eq!(wake_key(&t, 99, FUTEX_BITSET_MATCH_ANY), 45);
        assert!(many.iter().all(|w| w.is_woken.load(Relaxed) && !remove(w)));
    }

    #[test]
    fn requeue_moves_and_removal_finds() {
        let (k, t) = (key(2 << 20, 0x1000), key(2 << 20, 0x2000));
        let [a, b] = [1, 1].map(|bits| Waiter::queued(k, bits).unwrap());
        assert_eq!(move_waiters(&k, &t, 1), 1);
        assert_eq!(wake_key(&t, 9, FUTEX_BITSET_MATCH_ANY), 1);
        assert!(a.is_woken.load(Relaxed));
        assert!(remove(&b));
        assert!(!remove(&b));
        assert!(!remove(&a));
    }
}
