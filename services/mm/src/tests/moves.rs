// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Heap, stack and mremap.

use super::*;
use crate::{FaultError, ProgramInfo, STACK_GUARD_PAGES};
use abi::mman::RemapFlags;
use framework::mm::Access;

#[test]
fn brk_follows_linux() {
    let s = AddressSpace::new(Limits::DEFAULT, Aslr::Off).unwrap();
    s.start_heap(BASE + 100).unwrap();
    let start = page(1);
    assert_eq!(s.brk(0), start);
    assert_eq!(s.brk(start + 10), start + 10);
    assert_eq!(areas(&s), [(pages(1..2), RW)]);
    assert!(poke(&s, start, 1));
    assert_eq!(s.brk(start + 3 * PAGE_SIZE), start + 3 * PAGE_SIZE);
    assert_eq!(areas(&s), [(pages(1..4), RW)]);
    assert_eq!(s.brk(start - 1), start + 3 * PAGE_SIZE);
    // Freed and grown again, the memory is zero.
    assert_eq!(s.brk(start), start);
    assert_eq!(areas(&s), []);
    assert_eq!(s.brk(start + PAGE_SIZE), start + PAGE_SIZE);
    assert_eq!(peek(&s, start), Some(0));
    // One page must stay free before the next mapping.
    map(&s, 6..7, Prot::READ);
    assert_eq!(s.brk(page(6)), start + PAGE_SIZE);
    assert_eq!(s.brk(page(5)), page(5));
    let tight = Limits { data: 2 * PAGE_SIZE as u64, ..Limits::DEFAULT };
    s.set_limits(tight);
    assert_eq!(s.brk(page(4)), page(5));
    assert_eq!(s.brk(usize::MAX), page(5));
}

#[test]
fn stacks_grow_to_their_limit() {
    let limits = Limits { stack: 64 * PAGE_SIZE as u64, ..Limits::DEFAULT };
    let s = AddressSpace::new(limits, Aslr::On).unwrap();
    let stack = s.map_stack(4 * PAGE_SIZE, RW).unwrap();
    assert_eq!(stack.end, s.layout().stack_top);
    assert!(poke(&s, stack.start - 10 * PAGE_SIZE, 1));
    assert_eq!(areas(&s)[0].0.start, stack.start - 10 * PAGE_SIZE);
    assert_eq!(s.usage().stack, 14 * PAGE_SIZE);
    assert!(poke(&s, stack.end - 64 * PAGE_SIZE, 1));
    let below = stack.end - 64 * PAGE_SIZE - 1;
    assert_eq!(s.fault(below, Access::Write), Err(FaultError::NotMapped));
    assert_eq!(s.fault(stack.end, Access::Read), Err(FaultError::NotMapped));
}

#[test]
fn stacks_keep_their_guard_gap() {
    let s = space();
    let stack = s.map_stack(PAGE_SIZE, RW).unwrap();
    let gap = STACK_GUARD_PAGES * PAGE_SIZE;
    let neighbour = stack.start - gap - 4 * PAGE_SIZE;
    s.mmap(&MapRequest::anonymous(PAGE_SIZE, RW).fixed(neighbour)).unwrap();
    assert!(poke(&s, stack.start - 3 * PAGE_SIZE, 1));
    assert!(!poke(&s, stack.start - 4 * PAGE_SIZE, 1));
    // A mapping without access is no danger: growth may come close.
    s.mprotect(neighbour, PAGE_SIZE, Prot::empty()).unwrap();
    assert!(poke(&s, stack.start - 4 * PAGE_SIZE, 1));
    // New mappings with a wish keep clear of the gap.
    let wish = MapRequest { addr: neighbour + PAGE_SIZE, ..MapRequest::anonymous(PAGE_SIZE, RW) };
    assert_ne!(s.mmap(&wish).unwrap(), neighbour + PAGE_SIZE);
    let lowest = areas(&s).iter().find(|(r, _)| r.end == stack.end).unwrap().0.start;
    s.mprotect(stack.start, PAGE_SIZE, RW | Prot::EXEC | Prot::GROWSDOWN).unwrap();
    assert!(areas(&s).contains(&(lowest..stack.end, RW | Prot::EXEC)));
}

#[test]
fn mremap_grows_shrinks_and_moves() {
    let s = space();
    map(&s, 0..2, RW);
    assert!(poke(&s, page(1), 9));
    let none = RemapFlags::empty();
    let remap = |old, from: usize, to: usize, flags, new| {
        s.mremap(old, from * PAGE_SIZE, to * PAGE_SIZE, flags, new)
    };
    assert_eq!(remap(page(0), 2, 4, none, 0).unwrap(), page(0));
    assert_eq!(areas(&s), [(pages(0..4), RW)]);
    assert_eq!(remap(page(0), 4, 2, none, 0).unwrap(), page(0));
    assert_eq!(areas(&s), [(pages(0..2), RW)]);
    map(&s, 2..3, Prot::READ);
    fails(remap(page(0), 2, 4, none, 0), Errno::ENOMEM);
    let moved = remap(page(0), 2, 4, RemapFlags::MAYMOVE, 0).unwrap();
    assert_eq!(moved, s.layout().mmap_base - 4 * PAGE_SIZE);
    assert_eq!((peek(&s, moved + PAGE_SIZE), peek(&s, page(1))), (Some(9), None));
    let fixed = RemapFlags::MAYMOVE | RemapFlags::FIXED;
    assert_eq!(remap(moved, 4, 2, fixed, page(8)).unwrap(), page(8));
    assert_eq!(peek(&s, page(9)), Some(9));
    let keep = RemapFlags::MAYMOVE | RemapFlags::DONTUNMAP;
    let copy = remap(page(8), 2, 2, keep, 0).unwrap();
    assert_eq!((peek(&s, copy + PAGE_SIZE), peek(&s, page(9))), (Some(9), Some(0)));
}

#[test]
fn mremap_refuses_as_linux_does() {
    let s = space();
    map(&s, 0..4, RW);
    let remap = |old, from, to, flags, new| {
        s.mremap(old, from, to, RemapFlags::from_bits_retain(flags), new)
    };
    fails(remap(BASE, PAGE_SIZE, PAGE_SIZE, 8, 0), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, PAGE_SIZE, 2, page(9)), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, 2 * PAGE_SIZE, 5, 0), Errno::EINVAL);
    fails(remap(BASE + 1, PAGE_SIZE, PAGE_SIZE, 0, 0), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, 0, 0, 0), Errno::EINVAL);
    fails(remap(page(9), PAGE_SIZE, PAGE_SIZE, 0, 0), Errno::EFAULT);
    fails(remap(BASE, 5 * PAGE_SIZE, 6 * PAGE_SIZE, 1, 0), Errno::EFAULT);
    fails(remap(BASE, 0, PAGE_SIZE, 1, 0), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, PAGE_SIZE, 3, BASE + 1), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, PAGE_SIZE, 3, BASE), Errno::EINVAL);
    fails(remap(BASE, PAGE_SIZE, usize::MAX - 5000, 1, 0), Errno::ENOMEM);
}

#[test]
fn an_old_length_of_zero_doubles_shared_memory() {
    let s = space();
    let flags = abi::mman::MapFlags::SHARED | abi::mman::MapFlags::ANONYMOUS;
    let request = MapRequest { flags, ..MapRequest::anonymous(2 * PAGE_SIZE, RW) };
    let at = s.mmap(&request).unwrap();
    assert!(poke(&s, at, 4));
    let twin = s.mremap(at, 0, 2 * PAGE_SIZE, RemapFlags::MAYMOVE, 0).unwrap();
    assert_ne!(at, twin);
    assert_eq!(peek(&s, twin), Some(4));
    assert!(poke(&s, twin + PAGE_SIZE, 5));
    assert_eq!(peek(&s, at + PAGE_SIZE), Some(5));
    // The object keeps its size: what is grown beyond it cannot be touched.
    let grown = s.mremap(at, 2 * PAGE_SIZE, 4 * PAGE_SIZE, RemapFlags::MAYMOVE, 0).unwrap();
    assert_eq!(peek(&s, grown + PAGE_SIZE), Some(5));
    assert_eq!(s.fault(grown + 2 * PAGE_SIZE, Access::Read), Err(FaultError::PastEnd));
}

#[test]
fn faults_tell_why() {
    let s = space();
    map(&s, 0..1, Prot::READ);
    assert_eq!(s.fault(page(0), Access::Write), Err(FaultError::Forbidden));
    assert_eq!(s.fault(page(0), Access::Exec), Err(FaultError::Forbidden));
    assert_eq!(s.fault(page(1), Access::Read), Err(FaultError::NotMapped));
    assert_eq!(s.fault(usize::MAX, Access::Read), Err(FaultError::NotMapped));
    assert_eq!(s.fault(0, Access::Read), Err(FaultError::NotMapped));
    assert_eq!(s.fault(page(0) + 77, Access::Read), Ok(()));
}

#[test]
fn peaks_and_program_survive() {
    let s = space();
    map(&s, 0..8, RW);
    (0..8).for_each(|n| assert!(poke(&s, page(n), 1)));
    s.munmap(page(2), 6 * PAGE_SIZE).unwrap();
    let usage = s.usage();
    assert_eq!((usage.size, usage.peak_size), (2 * PAGE_SIZE, 8 * PAGE_SIZE));
    assert_eq!((usage.resident, usage.peak_resident), (2 * PAGE_SIZE, 8 * PAGE_SIZE));
    s.set_program(ProgramInfo { code: pages(0..1), start_stack: 77, ..ProgramInfo::default() });
    assert_eq!(s.fork().unwrap().program().start_stack, 77);
}
