// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Errno and edge cases of mmap, munmap, mprotect, madvise, msync, mincore, mlock.

use super::*;
use crate::{Advice, LockMode, TASK_SIZE};
use abi::mman::{LockAll, MapFlags, SyncFlags};

fn request(len: usize, flags: MapFlags) -> MapRequest {
    MapRequest { flags, ..MapRequest::anonymous(len, RW) }
}

const PRIVATE: MapFlags = MapFlags::PRIVATE.union(MapFlags::ANONYMOUS);
const SHARED: MapFlags = MapFlags::SHARED.union(MapFlags::ANONYMOUS);

#[test]
fn mmap_refuses_as_linux_does() {
    let s = space();
    fails(s.mmap(&request(0, PRIVATE)), Errno::EINVAL);
    fails(s.mmap(&request(PAGE_SIZE, MapFlags::ANONYMOUS)), Errno::EINVAL);
    fails(s.mmap(&request(PAGE_SIZE, PRIVATE | MapFlags::SHARED)), Errno::EINVAL);
    fails(s.mmap(&request(PAGE_SIZE, SHARED | MapFlags::GROWSDOWN)), Errno::EINVAL);
    fails(s.mmap(&request(usize::MAX, PRIVATE)), Errno::ENOMEM);
    fails(s.mmap(&request(TASK_SIZE + 1, PRIVATE)), Errno::ENOMEM);
    fails(s.mmap(&request(PAGE_SIZE, MapFlags::PRIVATE)), Errno::EBADF);
    let odd = MapRequest { offset: 1, ..request(PAGE_SIZE, PRIVATE) };
    fails(s.mmap(&odd), Errno::EINVAL);
    fails(s.mmap(&request(PAGE_SIZE, PRIVATE).fixed(BASE + 1)), Errno::EINVAL);
    fails(s.mmap(&request(PAGE_SIZE, PRIVATE).fixed(TASK_SIZE)), Errno::ENOMEM);
    fails(s.mmap(&request(PAGE_SIZE, PRIVATE).fixed(0)), Errno::EPERM);
    fails(s.mmap(&request(PAGE_SIZE, PRIVATE).fixed(0x8000)), Errno::EPERM);
    let low = MapRequest { may_map_low: true, ..request(PAGE_SIZE, PRIVATE).fixed(0x8000) };
    assert_eq!(s.mmap(&low).unwrap(), 0x8000);
    assert!(s.mmap(&request(PAGE_SIZE, PRIVATE).fixed(TASK_SIZE - PAGE_SIZE)).is_ok());
}

#[test]
fn placement_honours_wishes_and_gaps() {
    let s = space();
    let base = s.layout().mmap_base;
    assert_eq!(s.mmap(&request(1, PRIVATE)).unwrap(), base - PAGE_SIZE);
    let wished = MapRequest { addr: BASE + 5, ..request(PAGE_SIZE, PRIVATE) };
    assert_eq!(s.mmap(&wished).unwrap(), BASE);
    // The same wish again cannot be had: the next place below the base.
    assert_eq!(s.mmap(&wished).unwrap(), base - 2 * PAGE_SIZE);
    let noreplace = MapFlags::FIXED_NOREPLACE | PRIVATE;
    let taken = MapRequest { addr: BASE, ..request(PAGE_SIZE, noreplace) };
    fails(s.mmap(&taken), Errno::EEXIST);
    let low = s.mmap(&request(PAGE_SIZE, PRIVATE | MapFlags::LOW_32BIT)).unwrap();
    assert!(low < 0x8000_0000);
    let tiny = MapRequest { addr: 1, ..request(PAGE_SIZE, PRIVATE) };
    assert!(s.mmap(&tiny).unwrap() > BASE);
}

#[test]
fn holes_are_reused_and_full_stretches_skipped() {
    let s = space();
    let base = s.layout().mmap_base;
    for n in 1..=64 {
        // Alternating protection keeps the areas apart.
        let prot = if n % 2 == 0 { RW } else { Prot::READ };
        let at = s.mmap(&MapRequest::anonymous(PAGE_SIZE, prot)).unwrap();
        assert_eq!(at, base - n * PAGE_SIZE);
    }
    s.munmap(base - 10 * PAGE_SIZE, 2 * PAGE_SIZE).unwrap();
    s.munmap(base - 30 * PAGE_SIZE, PAGE_SIZE).unwrap();
    let next = |pages: usize| s.mmap(&MapRequest::anonymous(pages * PAGE_SIZE, RW)).unwrap();
    assert_eq!(next(3), base - 67 * PAGE_SIZE);
    assert_eq!(next(2), base - 10 * PAGE_SIZE);
    assert_eq!(next(2), base - 69 * PAGE_SIZE);
    assert_eq!(next(1), base - 30 * PAGE_SIZE);
    assert_eq!(next(1), base - 70 * PAGE_SIZE);
}

#[test]
fn munmap_and_mprotect_refuse_as_linux_does() {
    let s = space();
    map(&s, 0..4, RW);
    fails(s.munmap(BASE + 1, PAGE_SIZE), Errno::EINVAL);
    fails(s.munmap(BASE, 0), Errno::EINVAL);
    fails(s.munmap(TASK_SIZE, PAGE_SIZE), Errno::EINVAL);
    s.munmap(page(20), PAGE_SIZE).unwrap();
    fails(s.mprotect(BASE + 1, PAGE_SIZE, RW), Errno::EINVAL);
    s.mprotect(page(40), 0, RW).unwrap();
    fails(s.mprotect(page(40), 1, RW), Errno::ENOMEM);
    fails(s.mprotect(BASE, usize::MAX - BASE, RW), Errno::ENOMEM);
    fails(s.mprotect(BASE, PAGE_SIZE, Prot::from_bits_retain(0x40)), Errno::EINVAL);
    fails(s.mprotect(BASE, PAGE_SIZE, Prot::GROWSDOWN | Prot::GROWSUP), Errno::EINVAL);
    fails(s.mprotect(BASE, PAGE_SIZE, Prot::READ | Prot::GROWSDOWN), Errno::EINVAL);
    // What comes before a gap is changed.
    fails(s.mprotect(BASE, 8 * PAGE_SIZE, Prot::READ), Errno::ENOMEM);
    assert_eq!(areas(&s), [(pages(0..4), Prot::READ)]);
}

#[test]
fn protection_is_enforced() {
    let s = space();
    map(&s, 0..1, RW);
    assert!(poke(&s, BASE, 7));
    s.mprotect(BASE, PAGE_SIZE, Prot::READ).unwrap();
    assert!(!poke(&s, BASE, 8));
    assert_eq!(peek(&s, BASE), Some(7));
    s.mprotect(BASE, PAGE_SIZE, Prot::empty()).unwrap();
    assert_eq!(peek(&s, BASE), None);
    s.mprotect(BASE, PAGE_SIZE, RW).unwrap();
    assert!(poke(&s, BASE, 9));
    assert_eq!(peek(&s, BASE), Some(9));
}

#[test]
fn zero_pages_stay_zero() {
    let s = space();
    map(&s, 0..2, RW);
    assert_eq!(peek(&s, page(0)), Some(0));
    assert_eq!(peek(&s, page(1)), Some(0));
    assert!(poke(&s, page(0), 1));
    assert_eq!(peek(&s, page(1)), Some(0));
    s.mprotect(page(1), PAGE_SIZE, Prot::READ).unwrap();
    s.mprotect(page(1), PAGE_SIZE, RW).unwrap();
    assert!(poke(&s, page(1), 2));
    let t = space();
    map(&t, 0..1, RW);
    assert_eq!(peek(&t, page(0)), Some(0));
}

#[test]
fn limits_count() {
    let limits = Limits {
        address_space: 8 * PAGE_SIZE as u64,
        data: 4 * PAGE_SIZE as u64,
        ..Limits::DEFAULT
    };
    let s = AddressSpace::new(limits, Aslr::Off).unwrap();
    map(&s, 0..4, RW);
    fails(s.mmap(&MapRequest::anonymous(PAGE_SIZE, RW)), Errno::ENOMEM);
    // Replacing counts only for the total.
    map(&s, 4..8, Prot::READ);
    fails(s.mmap(&MapRequest::anonymous(PAGE_SIZE, Prot::READ)), Errno::ENOMEM);
    map(&s, 6..8, Prot::READ);
    fails(s.mprotect(page(4), PAGE_SIZE, RW), Errno::ENOMEM);
    s.munmap(page(0), PAGE_SIZE).unwrap();
    s.mprotect(page(4), PAGE_SIZE, RW).unwrap();
    let huge = framework::mm::stats().total_pages.saturating_add(1) * PAGE_SIZE;
    fails(space().mmap(&MapRequest::anonymous(huge, RW)), Errno::ENOMEM);
    assert!(space().mmap(&MapRequest::anonymous(huge, Prot::READ)).is_ok());
    assert!(space().mmap(&request(huge, PRIVATE | MapFlags::NORESERVE)).is_ok());
}

#[test]
fn shared_memory_is_shared_with_children() {
    let s = space();
    let at = s.mmap(&request(4 * PAGE_SIZE, SHARED)).unwrap();
    assert!(poke(&s, at, 1));
    let child = s.fork().unwrap();
    assert!(poke(&child, at, 2));
    assert!(poke(&child, at + PAGE_SIZE, 3));
    assert_eq!((peek(&s, at), peek(&s, at + PAGE_SIZE)), (Some(2), Some(3)));
    s.madvise(at, PAGE_SIZE, Advice::DontNeed).unwrap();
    assert_eq!(peek(&s, at), Some(2));
    s.madvise(at + PAGE_SIZE, PAGE_SIZE, Advice::Remove).unwrap();
    assert_eq!(peek(&s, at + PAGE_SIZE), Some(0));
    fails(s.madvise(at, PAGE_SIZE, Advice::Free), Errno::EINVAL);
    fails(s.madvise(at, PAGE_SIZE, Advice::WipeOnFork), Errno::EINVAL);
}

#[test]
fn fork_flags() {
    let s = space();
    map(&s, 0..6, RW);
    (0..6).for_each(|n| assert!(poke(&s, page(n), 5)));
    s.madvise(page(0), 2 * PAGE_SIZE, Advice::DontFork).unwrap();
    s.madvise(page(2), 2 * PAGE_SIZE, Advice::WipeOnFork).unwrap();
    let child = s.fork().unwrap();
    let seen: Vec<_> = (0..6).map(|n| peek(&child, page(n))).collect();
    assert_eq!(seen, [None, None, Some(0), Some(0), Some(5), Some(5)]);
    s.madvise(page(0), 2 * PAGE_SIZE, Advice::DoFork).unwrap();
    s.madvise(page(2), 2 * PAGE_SIZE, Advice::KeepOnFork).unwrap();
    assert_eq!(areas(&s), [(pages(0..6), RW)]);
}

#[test]
fn advice_msync_mincore() {
    let s = space();
    map(&s, 0..2, RW);
    map(&s, 4..6, RW);
    fails(s.madvise(BASE + 1, PAGE_SIZE, Advice::NoEffect), Errno::EINVAL);
    fails(s.madvise(BASE, 6 * PAGE_SIZE, Advice::NoEffect), Errno::ENOMEM);
    s.madvise(page(30), 0, Advice::NoEffect).unwrap();
    assert!(Advice::from_raw(77).is_none() && Advice::from_raw(-1).is_none());
    s.msync(BASE, 2 * PAGE_SIZE, SyncFlags::SYNC).unwrap();
    fails(s.msync(BASE, PAGE_SIZE, SyncFlags::SYNC | SyncFlags::ASYNC), Errno::EINVAL);
    fails(s.msync(BASE, 5 * PAGE_SIZE, SyncFlags::SYNC), Errno::ENOMEM);
    fails(s.msync(BASE, PAGE_SIZE, SyncFlags::from_bits_retain(8)), Errno::EINVAL);
    assert!(poke(&s, page(1), 1));
    let mut seen = Vec::new();
    let collect = |chunk: &[u8]| {
        seen.extend_from_slice(chunk);
        Ok(())
    };
    s.mincore(BASE, 2 * PAGE_SIZE, |_| true, collect).unwrap();
    assert_eq!(seen, [0, 1]);
    fails(s.mincore(BASE, 3 * PAGE_SIZE, |_| true, |_| Ok(())), Errno::ENOMEM);
    fails(s.mincore(BASE + 1, 1, |_| true, |_| Ok(())), Errno::EINVAL);
    s.madvise(BASE, 2 * PAGE_SIZE, Advice::PopulateWrite).unwrap();
    assert_eq!(s.usage().resident, 2 * PAGE_SIZE);
    fails(s.madvise(page(2), PAGE_SIZE, Advice::PopulateRead), Errno::ENOMEM);
}

#[test]
fn locking() {
    let s = space();
    map(&s, 0..4, RW);
    s.mlock(page(1) + 5, PAGE_SIZE, LockMode::Now).unwrap();
    assert_eq!(s.usage().locked, 2 * PAGE_SIZE);
    assert_eq!(s.usage().resident, 2 * PAGE_SIZE);
    fails(s.madvise(page(1), PAGE_SIZE, Advice::DontNeed), Errno::EINVAL);
    fails(s.msync(page(1), PAGE_SIZE, SyncFlags::INVALIDATE), Errno::EBUSY);
    fails(s.mlock(page(3), 2 * PAGE_SIZE, LockMode::Now), Errno::ENOMEM);
    // The common zero page is no page of one's own.
    assert_eq!(peek(&s, page(0)), Some(0));
    s.mlock(page(0), PAGE_SIZE, LockMode::Now).unwrap();
    assert!(s.vm().query(page(0)).is_some_and(|mapping| !mapping.cow));
    s.munlock(page(0), 4 * PAGE_SIZE).unwrap();
    assert_eq!((s.usage().locked, areas(&s).len()), (0, 1));
    fails(s.mlockall(LockAll::ONFAULT), Errno::EINVAL);
    s.mlockall(LockAll::CURRENT | LockAll::FUTURE).unwrap();
    assert_eq!(s.usage().resident, 4 * PAGE_SIZE);
    map(&s, 8..10, RW);
    assert_eq!(s.usage().resident, 6 * PAGE_SIZE);
    s.munlockall().unwrap();
    assert_eq!(s.usage().locked, 0);
    s.set_limits(Limits { memlock: 0, ..Limits::DEFAULT });
    fails(s.mlock(BASE, 1, LockMode::Now), Errno::EPERM);
    s.set_limits(Limits { memlock: PAGE_SIZE as u64, ..Limits::DEFAULT });
    fails(s.mlock(BASE, 2 * PAGE_SIZE, LockMode::Now), Errno::ENOMEM);
    fails(s.mmap(&request(2 * PAGE_SIZE, PRIVATE | MapFlags::LOCKED)), Errno::EAGAIN);
    s.set_lock_exempt(true);
    s.mlock(BASE, 2 * PAGE_SIZE, LockMode::Now).unwrap();
}
