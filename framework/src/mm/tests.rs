// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Address spaces and user copies on simulated memory.

use core::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::arch::paging::Pte;
use crate::host::{OutOfRange, SharedBuf};

const RW: Perms = Perms::READ.union(Perms::WRITE);
const BASE: usize = 0x40_0000;
/// All user addresses; under Miri, where a walk takes long, those the tests use.
const ALL: core::ops::Range<usize> = 0..if cfg!(miri) { BASE + (16 << 20) } else { usize::MAX };

fn page(n: usize) -> usize {
    BASE + n * PAGE_SIZE
}

fn filled(byte: u8) -> Frame {
    let frame = Frame::zeroed().unwrap();
    frame.write(0, &[byte; PAGE_SIZE]);
    frame
}

fn space_with(pages: &[(usize, u8)]) -> Arc<VmSpace> {
    let space = VmSpace::new().unwrap();
    for &(n, byte) in pages {
        assert_eq!(space.map(page(n), filled(byte), RW, Cow::No), Ok(true));
    }
    space
}

fn byte_at(space: &VmSpace, addr: usize) -> u8 {
    space.read_val::<u8>(addr).unwrap()
}

/// A write to a page that is there, or an error.
fn break_cow(space: &VmSpace, addr: usize) -> Result<WriteOutcome, NoMemory> {
    space.write_fault(addr, RW, || Err(NoMemory))
}

/// A handler that maps zero pages on demand and breaks copy-on-write.
struct Demand {
    space: Weak<VmSpace>,
    end: usize,
    log: Mutex<Vec<(usize, Access)>>,
}

impl FaultHandler for Demand {
    fn handle(&self, addr: usize, access: Access) -> Result<(), UserFault> {
        self.log.lock().unwrap().push((addr, access));
        let space = self.space.upgrade().ok_or(UserFault)?;
        if addr >= self.end {
            return Err(UserFault);
        }
        if access == Access::Write {
            return match space.write_fault(addr, RW, Frame::zeroed) {
                Ok(WriteOutcome::Refused) | Err(NoMemory) => Err(UserFault),
                Ok(_) => Ok(()),
            };
        }
        let frame = Frame::zeroed().map_err(|_| UserFault)?;
        match space.map(addr, frame, RW, Cow::No) {
            Ok(true) => Ok(()),
            _ => Err(UserFault),
        }
    }
}

fn demand_space(pages: usize) -> (Arc<VmSpace>, Arc<Demand>) {
    let space = VmSpace::new().unwrap();
    let handler = Arc::new(Demand {
        space: Arc::downgrade(&space),
        end: page(pages),
        log: Mutex::new(Vec::new()),
    });
    let weak = Arc::downgrade(&handler);
    space.set_fault_handler(weak);
    (space, handler)
}

/// Marks the page at `addr` as a copy that another CPU is still to see.
fn make_fresh(space: &VmSpace, addr: usize) {
    let leaf = space.leaf(addr).unwrap();
    let pte = Pte(leaf.entry(addr).load(Ordering::Relaxed));
    let fresh = pte.into_cow().into_fresh(pte.pfn().unwrap());
    leaf.entry(addr).store(fresh.0, Ordering::Relaxed);
}

fn is_fresh(space: &VmSpace, addr: usize) -> bool {
    Pte(space.leaf(addr).unwrap().entry(addr).load(Ordering::Relaxed)).is_fresh()
}

#[test]
fn a_fresh_copy_is_none_elsewhere() {
    let space = space_with(&[(0, 1)]);
    make_fresh(&space, page(0));
    assert!(is_fresh(&space, page(0)));
    let child = VmSpace::new().unwrap();
    space.fork_range(&child, page(0)..page(1), Sharing::Private).unwrap();
    assert!(!is_fresh(&child, page(0)), "forked");
    space.move_range(page(0), page(5), PAGE_SIZE).unwrap();
    assert!(!is_fresh(&space, page(5)), "moved");
}

#[test]
fn map_refuses_what_is_taken_or_not_user() {
    let space = space_with(&[(0, 1)]);
    let frame = filled(2);
    assert_eq!(space.map(page(0), frame.clone(), RW, Cow::No), Ok(false));
    for addr in [0, 0xfff, USER_MAX, 0x8000_0000_0000, 0xffff_8880_0000_0000, usize::MAX] {
        assert_eq!(space.map(addr, frame.clone(), RW, Cow::No), Ok(false), "{addr:#x}");
    }
    assert_eq!(frame.refs(), 1);
    assert_eq!(byte_at(&space, page(0)), 1);
    assert_eq!(space.rss_pages(), 1);
    assert_eq!(space.map(USER_MAX - 1, frame.clone(), RW, Cow::No), Ok(true));
    assert!(space.query(USER_MAX - PAGE_SIZE).is_some());
    drop(space);
    assert_eq!(frame.refs(), 1);
}

#[test]
fn map_run_fills_what_is_free_in_one_table() {
    const TABLE: usize = 512 * PAGE_SIZE;
    let last = 4 * TABLE - PAGE_SIZE;
    let space = VmSpace::new().unwrap();
    space.map(last - PAGE_SIZE, filled(9), RW, Cow::No).unwrap();
    let (kept, beyond) = (filled(2), filled(3));
    let taken = filled(1);
    let mut frames = [None, Some(taken.clone()), Some(kept.clone()), Some(beyond.clone())];
    let start = last - 2 * PAGE_SIZE;
    assert_eq!(space.map_run(start, &mut frames, RW, Cow::No), Ok(()));
    assert!(!space.is_mapped(start));
    assert_eq!((byte_at(&space, last - PAGE_SIZE), taken.refs()), (9, 1));
    assert_eq!((byte_at(&space, last), kept.refs()), (2, 2));
    assert!(!space.is_mapped(last + PAGE_SIZE));
    assert_eq!(beyond.refs(), 2, "still in the caller's hands");
    assert_eq!(space.rss_pages(), 2);
    for addr in [0, USER_MAX, usize::MAX] {
        assert_eq!(space.map_run(addr, &mut frames, RW, Cow::No), Ok(()), "{addr:#x}");
    }
    assert_eq!(space.rss_pages(), 2);
}

#[test]
fn unmap_frees_frames_and_reports_pages() {
    let frame = filled(3);
    let space = space_with(&[(1, 1), (700, 2)]);
    space.map(page(2), frame.clone(), RW, Cow::No).unwrap();
    assert_eq!(frame.refs(), 2);
    assert_eq!(space.unmap(page(2) + 5..page(2) + 6), 1);
    assert_eq!(frame.refs(), 1);
    assert!(space.query(page(2)).is_none());
    assert_eq!(space.unmap(ALL), 2);
    assert_eq!(space.unmap(ALL), 0);
    assert_eq!(space.rss_pages(), 0);
}

#[test]
fn unmap_in_several_batches() {
    let frame = filled(1);
    let space = VmSpace::new().unwrap();
    let count = if cfg!(miri) { 140 } else { 300 };
    for n in 0..count {
        space.map(page(n), frame.clone(), RW, Cow::No).unwrap();
    }
    assert_eq!(frame.refs(), count + 1);
    assert_eq!(space.unmap(page(1)..page(count - 1)), count - 2);
    assert_eq!(frame.refs(), 3);
}

#[test]
fn protect_decides_what_copies_may_do() {
    let space = space_with(&[(0, 7)]);
    space.protect(page(0)..page(1), Perms::READ);
    assert_eq!(space.write(page(0), &[1]), Err(UserFault));
    assert_eq!(byte_at(&space, page(0)), 7);
    space.protect(page(0)..page(1), Perms::empty());
    assert_eq!(space.read_val::<u8>(page(0)), Err(UserFault));
    assert_eq!(space.query(page(0)).unwrap().perms, Perms::empty());
    space.protect(page(0)..page(1), RW);
    assert_eq!(space.write(page(0), &[9]), Ok(()));
    assert!(space.query(page(0)).unwrap().dirty);
}

#[test]
fn fork_private_copies_on_write() {
    let parent = space_with(&[(0, 1), (1, 2)]);
    let child = VmSpace::new().unwrap();
    parent.fork_range(&child, page(0)..page(2), Sharing::Private).unwrap();
    assert_eq!(child.rss_pages(), 2);
    assert_eq!(parent.write(page(0), &[5]), Err(UserFault));
    assert_eq!(break_cow(&parent, page(0)), Ok(WriteOutcome::Copied));
    parent.write(page(0), &[5]).unwrap();
    assert_eq!((byte_at(&parent, page(0)), byte_at(&child, page(0))), (5, 1));
    assert_eq!(byte_at(&parent, page(0) + 1), 1);
    // The child has the last reference to the old page now.
    assert_eq!(break_cow(&child, page(0)), Ok(WriteOutcome::Reused));
    assert_eq!(break_cow(&child, page(0)), Ok(WriteOutcome::Retry));
    child.write(page(0), &[6]).unwrap();
    assert_eq!((byte_at(&parent, page(0)), byte_at(&child, page(0))), (5, 6));
    assert_eq!(break_cow(&child, page(9)), Err(NoMemory));
    assert_eq!(break_cow(&child, USER_MAX), Ok(WriteOutcome::Refused));
    assert_eq!(child.write_fault(page(9), RW, Frame::zeroed), Ok(WriteOutcome::Filled));
    assert_eq!((byte_at(&child, page(9)), child.rss_pages()), (0, 3));
    drop(parent);
    assert_eq!(break_cow(&child, page(1)), Ok(WriteOutcome::Reused));
}

#[test]
fn fork_shared_shares() {
    let parent = space_with(&[(0, 1)]);
    let child = VmSpace::new().unwrap();
    parent.fork_range(&child, ALL, Sharing::Shared).unwrap();
    parent.write(page(0), &[5]).unwrap();
    assert_eq!(byte_at(&child, page(0)), 5);
    assert_eq!(parent.fork_range(&parent, ALL, Sharing::Private), Ok(()));
    assert!(!parent.query(page(0)).unwrap().cow);
}

#[test]
fn read_only_private_page_is_copied_after_mprotect() {
    let parent = space_with(&[(0, 1)]);
    parent.protect(page(0)..page(1), Perms::READ);
    let child = VmSpace::new().unwrap();
    parent.fork_range(&child, page(0)..page(1), Sharing::Private).unwrap();
    assert_eq!(break_cow(&child, page(0)), Ok(WriteOutcome::Refused));
    child.protect(page(0)..page(1), RW);
    assert_eq!(child.write(page(0), &[2]), Err(UserFault));
    assert_eq!(break_cow(&child, page(0)), Ok(WriteOutcome::Copied));
    child.write(page(0), &[2]).unwrap();
    assert_eq!(byte_at(&parent, page(0)), 1);
}

#[test]
fn cow_mapping_of_an_unshared_frame_is_writable_at_once() {
    let space = VmSpace::new().unwrap();
    let cached = filled(1);
    space.map(page(0), cached.clone(), RW, Cow::Yes).unwrap();
    space.map(page(1), filled(2), RW, Cow::Yes).unwrap();
    assert!(space.query(page(0)).unwrap().cow);
    assert!(!space.query(page(1)).unwrap().cow);
    assert_eq!(break_cow(&space, page(0)), Ok(WriteOutcome::Copied));
    assert_eq!(cached.refs(), 1);
}

#[test]
fn move_range_moves_and_replaces() {
    let space = space_with(&[(0, 1), (2, 3), (1000, 9)]);
    assert_eq!(space.move_range(page(0), page(998), 3 * PAGE_SIZE), Ok(()));
    assert_eq!(byte_at(&space, page(998)), 1);
    assert!(space.query(page(999)).is_none() && space.query(page(0)).is_none());
    assert_eq!(byte_at(&space, page(1000)), 3);
    assert_eq!(space.rss_pages(), 2);
    // Overlapping or unaligned: nothing happens.
    assert_eq!(space.move_range(page(998), page(999), 3 * PAGE_SIZE), Ok(()));
    assert_eq!(space.move_range(page(998), page(0) + 1, PAGE_SIZE), Ok(()));
    assert_eq!(byte_at(&space, page(998)), 1);
}

#[test]
fn copies_cross_pages_and_stop_at_holes() {
    let space = space_with(&[(0, 1), (1, 2), (3, 4)]);
    let mut out = [0; 6];
    space.read(page(1) - 3, &mut out).unwrap();
    assert_eq!(out, [1, 1, 1, 2, 2, 2]);
    assert_eq!(space.read(page(2) - 3, &mut out), Err(UserFault));
    let mut reader = Reader::user(&space, page(2) - 3, 6).unwrap();
    assert_eq!(reader.read(&mut out), Ok(3));
    assert_eq!(reader.remaining(), 3);
    assert_eq!(reader.read(&mut out), Err(UserFault));
    let mut writer = Writer::user(&space, page(2) - 2, 100).unwrap();
    assert_eq!(writer.write(&[8; 50]), Ok(2));
    assert_eq!(byte_at(&space, page(2) - 1), 8);
}

#[test]
fn ranges_that_wrap_or_reach_the_kernel_are_refused() {
    let space = space_with(&[(0, 1)]);
    for (addr, len) in [
        (usize::MAX, 1),
        (usize::MAX - 4, 10),
        (USER_MAX, 1),
        (USER_MAX - 1, 2),
        (page(0), usize::MAX),
        (0xffff_8880_0000_0000, 8),
    ] {
        assert!(Reader::user(&space, addr, len).is_err(), "{addr:#x} {len:#x}");
        assert!(Writer::user_vec(&space, &[(page(0), 1), (addr, len)]).is_err());
    }
    assert_eq!(space.read_val::<u64>(0xffff_8880_0000_0000), Err(UserFault));
    assert_eq!(space.read_val::<u64>(usize::MAX - 3), Err(UserFault));
    assert!(Reader::user(&space, USER_MAX, 0).is_ok());
    if !cfg!(miri) {
        let many = vec![(0, USER_MAX); 1 << 18];
        assert!(Reader::user_vec(&space, &many).is_err());
    }
}

#[test]
fn vectors_are_one_stream() {
    let space = space_with(&[(0, 0)]);
    let ranges = [(page(0), 2), (page(0) + 100, 0), (page(0) + 10, 3), (page(0) + 20, 1)];
    let mut writer = Writer::user_vec(&space, &ranges).unwrap();
    assert_eq!(writer.remaining(), 6);
    assert_eq!(writer.write(&[1, 2, 3]), Ok(3));
    writer.skip(1);
    assert_eq!(writer.zeros(1), Ok(1));
    assert_eq!(writer.write(&[6, 7]), Ok(1));
    assert_eq!(writer.remaining(), 0);
    let mut out = [0; 10];
    let mut reader = Reader::user_vec(&space, &ranges).unwrap();
    assert_eq!(reader.read(&mut out), Ok(6));
    assert_eq!(out[..6], [1, 2, 3, 0, 0, 6]);
    let mut reader = Reader::user_vec(&space, &ranges).unwrap();
    reader.skip(5);
    assert_eq!(reader.read_val::<u8>(), Ok(6));
    assert_eq!(reader.read_val::<u8>(), Err(UserFault));
}

#[test]
fn kernel_slices_and_frames() {
    let frame = Frame::zeroed().unwrap();
    let mut reader = Reader::kernel(b"hello world");
    assert_eq!(reader.read_frame(&frame, PAGE_SIZE - 5, 100), Ok(5));
    reader.skip(1);
    assert_eq!(reader.remaining(), 5);
    let mut out = [0; 8];
    let mut writer = Writer::kernel(&mut out);
    assert_eq!(writer.write_frame(&frame, PAGE_SIZE - 4, 100), Ok(4));
    assert_eq!(writer.zeros(1), Ok(1));
    writer.write_val(0x0201u16).unwrap();
    assert_eq!(writer.write(&[5, 6]), Ok(1));
    assert_eq!(&out, b"ello\0\x01\x02\x05");

    let space = space_with(&[(0, 0)]);
    let mut writer = Writer::user(&space, page(0) + 1, 9).unwrap();
    assert_eq!(writer.write_frame(&frame, PAGE_SIZE - 5, 5), Ok(5));
    let mut reader = Reader::user(&space, page(0), 100).unwrap();
    assert_eq!(reader.read_frame(&frame, 0, 6), Ok(6));
    assert_eq!(frame.read(0, &mut out[..6]), 6);
    assert_eq!(&out[..6], b"\0hello");
}

#[test]
fn faults_are_resolved_by_the_handler() {
    let (space, handler) = demand_space(3);
    space.write(page(1) - 2, &[1, 2, 3, 4]).unwrap();
    assert_eq!(
        *handler.log.lock().unwrap(),
        [(page(1) - 2, Access::Write), (page(1), Access::Write)]
    );
    assert_eq!(space.write(page(3) - 1, &[1, 2]), Err(UserFault));
    let child = VmSpace::new().unwrap();
    space.fork_range(&child, page(0)..page(3), Sharing::Private).unwrap();
    space.write(page(1), &[9]).unwrap();
    assert_eq!((byte_at(&space, page(1)), byte_at(&child, page(1))), (9, 3));
    drop(handler);
    assert_eq!(space.read_val::<u8>(page(5)), Err(UserFault));
}

#[test]
fn a_handler_that_lies_is_given_up_on() {
    struct Liar;
    impl FaultHandler for Liar {
        fn handle(&self, _: usize, _: Access) -> Result<(), UserFault> {
            Ok(())
        }
    }
    let space = VmSpace::new().unwrap();
    let liar: Arc<dyn FaultHandler> = Arc::new(Liar);
    space.set_fault_handler(Arc::downgrade(&liar));
    assert_eq!(space.read_val::<u8>(page(0)), Err(UserFault));
}

#[test]
fn strings() {
    let space = space_with(&[(0, b'a'), (1, b'b')]);
    space.write(page(1) + 3, &[0]).unwrap();
    assert_eq!(space.read_cstr(page(1) - 2, 100).unwrap(), b"aabbb");
    assert_eq!(space.read_cstr(page(1) - 2, 6).unwrap(), b"aabbb");
    assert_eq!(space.read_cstr(page(1) - 2, 5), Err(CStrError::TooLong));
    assert_eq!(space.read_cstr(page(2) - 2, 100), Err(CStrError::Fault));
    assert_eq!(space.read_cstr(USER_MAX, 100), Err(CStrError::Fault));
    assert_eq!(space.read_cstr(usize::MAX, 100), Err(CStrError::Fault));
    space.write(page(2) - 1, &[0]).unwrap();
    assert_eq!(space.read_cstr(page(2) - 2, 100).unwrap(), b"b");
}

#[test]
fn atomics() {
    let space = space_with(&[(0, 0)]);
    assert_eq!(space.atomic_u32_compare_exchange(page(0), 0, 7), Ok(Ok(0)));
    assert_eq!(space.atomic_u32_compare_exchange(page(0), 0, 8), Ok(Err(7)));
    assert_eq!(space.atomic_u32_load(page(0)), Ok(7));
    assert_eq!(space.atomic_u32_load(page(0) + 2), Err(UserFault));
    assert_eq!(space.atomic_u32_load(page(1)), Err(UserFault));
    assert_eq!(space.atomic_u32_load(usize::MAX - 3), Err(UserFault));
}

#[test]
fn two_threads_fault_and_unmap() {
    let (space, _handler) = demand_space(64);
    let threads: Vec<_> = (0..2u8)
        .map(|id| {
            let space = space.clone();
            std::thread::spawn(move || {
                for round in 0..if cfg!(miri) { 1 } else { 200 } {
                    for n in 0..if cfg!(miri) { 4 } else { 16 } {
                        let _ = space.write(page(n) + usize::from(id), &[round]);
                    }
                    space.unmap(page(0)..page(8));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    space.unmap(ALL);
    assert_eq!(space.rss_pages(), 0);
}

#[test]
fn tables_go_with_their_last_page() {
    const MIB_2: usize = 512 * PAGE_SIZE;
    const GIB: usize = 512 * MIB_2;
    let space = VmSpace::new().unwrap();
    let empty = space.table_pages();
    for step in [MIB_2, GIB, 512 * GIB] {
        let at = |n: usize| BASE + n * step;
        for n in 0..5 {
            assert_eq!(space.map(at(n), filled(n as u8), RW, Cow::No), Ok(true));
        }
        let full = space.table_pages();
        assert!(full >= empty + 5 + 2);
        assert_eq!(space.unmap(at(1)..at(2)), 1);
        assert!(space.table_pages() < full);
        let bytes = [0, 2, 3, 4].map(|n| byte_at(&space, at(n)));
        assert_eq!(bytes, [0, 2, 3, 4]);
        assert_eq!(space.map(at(1), filled(9), RW, Cow::No), Ok(true));
        assert_eq!((space.table_pages(), byte_at(&space, at(1))), (full, 9));
        for n in 0..5 {
            assert_eq!(space.unmap(at(n)..at(n) + PAGE_SIZE), 1);
        }
        assert_eq!((space.table_pages(), space.rss_pages()), (empty, 0));
    }
}

#[test]
fn whole_tables_go_at_once() {
    // The second of three tables is full; of the others, what lies next to it.
    let first = BASE.next_multiple_of(512 * PAGE_SIZE) + 512 * PAGE_SIZE;
    let at = |n: usize| first - 4 * PAGE_SIZE + n * PAGE_SIZE;
    let space = VmSpace::new().unwrap();
    for n in 0..520 {
        assert_eq!(space.map(at(n), filled(n as u8), RW, Cow::No), Ok(true));
    }
    let tables = space.table_pages();
    let kept = space.query(at(300)).unwrap().frame;
    assert_eq!(space.unmap(at(1)..at(519)), 518);
    assert_eq!((space.table_pages(), space.rss_pages()), (tables - 1, 2));
    assert_eq!((byte_at(&space, at(0)), byte_at(&space, at(519))), (0, 519_usize as u8));
    assert!(space.query(at(300)).is_none());
    assert_eq!(kept.refs(), 1);
    assert_eq!(space.map(at(300), filled(7), RW, Cow::No), Ok(true));
    assert_eq!(byte_at(&space, at(300)), 7);
    assert!(!space.is_mapped(at(301)));
}

#[test]
fn a_move_leaves_no_table_behind() {
    let space = space_with(&[(0, 1), (1, 2)]);
    let tables = space.table_pages();
    let to = BASE + (1 << 30);
    space.move_range(page(0), to, 2 * PAGE_SIZE).unwrap();
    assert_eq!((byte_at(&space, to), byte_at(&space, to + PAGE_SIZE)), (1, 2));
    space.unmap(to..to + 2 * PAGE_SIZE);
    assert!(space.table_pages() < tables && space.rss_pages() == 0);
}

#[test]
fn a_move_goes_to_a_table_that_it_empties() {
    // From the second and third table to the first and second.
    let table = BASE.next_multiple_of(512 * PAGE_SIZE) + 512 * PAGE_SIZE;
    let (len, old) = (384 * PAGE_SIZE, table + 256 * PAGE_SIZE);
    let space = VmSpace::new().unwrap();
    for (at, byte) in [(old, 1), (old + len - PAGE_SIZE, 2)] {
        assert_eq!(space.map(at, filled(byte), RW, Cow::No), Ok(true));
    }
    let new = old - len;
    space.move_range(old, new, len).unwrap();
    assert_eq!((byte_at(&space, new), byte_at(&space, new + len - PAGE_SIZE)), (1, 2));
    assert_eq!((space.unmap(ALL), space.table_pages()), (2, 1));
}

#[test]
fn a_page_is_copied_while_other_cpus_are_waited_for() {
    let (parent, child) = (space_with(&[(0, 5)]), VmSpace::new().unwrap());
    parent.fork_range(&child, page(0)..page(1), Sharing::Private).unwrap();
    // Another CPU has the space loaded.
    parent.cpus.join(2);
    assert_eq!(break_cow(&parent, page(0)), Ok(WriteOutcome::Copied));
    assert!(!parent.query(page(0)).unwrap().cow);
    parent.write(page(0), &[6]).unwrap();
    assert_eq!((byte_at(&parent, page(0)), byte_at(&child, page(0))), (6, 5));
    assert_eq!(parent.query(page(0)).unwrap().frame.refs(), 2);
    assert_eq!(break_cow(&child, page(0)), Ok(WriteOutcome::Reused));
    parent.cpus.leave(2);
}

#[test]
fn stats_count_pages() {
    let before = stats();
    assert!(before.free_pages <= before.total_pages);
    assert!(before.reserved_pages > 0);
    assert_eq!(admit(), Ok(()));
}

#[test]
fn bytes_go_between_programs_frames_and_shared_memory() {
    let (space, _handler) = demand_space(3);
    space.write(page(0), &[7; PAGE_SIZE]).unwrap();
    let shared = SharedBuf::new(2 * PAGE_SIZE).unwrap();
    let at = |offset| {
        let mut byte = [0];
        shared.read_into(offset, &mut byte).map(|()| byte[0])
    };

    // From a program: page 1 is made on the way, beyond page 2 there is none.
    let mut reader = Reader::user(&space, page(0) + 4095, 2 * PAGE_SIZE).unwrap();
    assert_eq!(reader.read_shared(&shared, 8, 5000), Ok(5000));
    assert_eq!((at(7), at(8), at(9), reader.remaining()), (Ok(0), Ok(7), Ok(0), 3192));
    assert_eq!(reader.read_shared(&shared, PAGE_SIZE, PAGE_SIZE + 1), Ok(3192));
    assert_eq!(Reader::kernel(&[1; 9]).read_shared(&shared, 2 * PAGE_SIZE - 8, 9), Err(UserFault));
    let mut reader = Reader::user(&space, page(2), PAGE_SIZE + 1).unwrap();
    assert_eq!(reader.read_shared(&shared, 0, PAGE_SIZE + 1), Ok(PAGE_SIZE));
    assert_eq!(reader.read_shared(&shared, 0, 1), Err(UserFault));

    // To a program.
    shared.write(100, &[9; 200]).unwrap();
    let mut writer = Writer::user(&space, page(1) - 100, 150).unwrap();
    assert_eq!(writer.write_shared(&shared, 100, 200), Ok(150));
    assert_eq!((byte_at(&space, page(1) - 101), byte_at(&space, page(1) + 49)), (7, 9));
    assert_eq!(byte_at(&space, page(1) + 50), 0);
    let mut out = [0; 4];
    assert_eq!(Writer::kernel(&mut out).write_shared(&shared, 298, 9), Ok(4));
    assert_eq!(out, [9, 9, 0, 0]);

    // A frame.
    let frame = filled(5);
    assert_eq!(shared.store_frame(10, &frame, 4090, 6), Ok(()));
    assert_eq!((at(9), at(10), at(15), at(16)), (Ok(0), Ok(5), Ok(5), Ok(0)));
    assert_eq!(shared.load_frame(100, &frame, 0, 300), Ok(()));
    let mut bytes = [0; 2];
    frame.read(199, &mut bytes);
    assert_eq!(bytes, [9, 0]);
    assert_eq!(shared.store_frame(0, &frame, 4090, 7), Err(OutOfRange));
    assert_eq!(shared.load_frame(2 * PAGE_SIZE - 1, &frame, 0, 2), Err(OutOfRange));
}
