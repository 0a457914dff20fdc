// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What only the machine can show: faults in copies, shootdowns, stacks, memory
//! pressure, and what the hot paths cost.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::cpu::{self, CpuSet};
use crate::host::SharedBuf;
use crate::task::{Task, TaskBuilder, yield_now};
use crate::{check, kernel_test};

const RW: Perms = Perms::READ.union(Perms::WRITE);
const BASE: usize = 0x40_0000;

type TestResult = Result<(), &'static str>;

fn page(n: usize) -> usize {
    BASE + n * PAGE_SIZE
}

/// Runs `test` with a fresh space as the current one, then leaves it.
fn in_space(test: impl FnOnce(&Arc<VmSpace>) -> TestResult) -> TestResult {
    let space = VmSpace::new().map_err(|_| "no memory for a space")?;
    Task::set_vm_space(Some(space.clone()));
    let result = test(&space);
    Task::set_vm_space(None);
    result
}

/// Maps pages on demand below `end`, and counts.
struct Demand {
    space: Weak<VmSpace>,
    end: usize,
    faults: AtomicUsize,
}

impl FaultHandler for Demand {
    fn handle(&self, addr: usize, access: Access) -> Result<(), UserFault> {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let space = self.space.upgrade().ok_or(UserFault)?;
        if addr >= self.end {
            return Err(UserFault);
        }
        if access == Access::Write {
            let served = space.write_fault(addr, RW, Frame::zeroed);
            return served.map(drop).map_err(|_| UserFault);
        }
        let frame = Frame::zeroed().map_err(|_| UserFault)?;
        space.map(addr, frame, RW, Cow::No).map(drop).map_err(|_| UserFault)
    }
}

fn demand(space: &Arc<VmSpace>, pages: usize) -> Arc<Demand> {
    let handler = Arc::new(Demand {
        space: Arc::downgrade(space),
        end: page(pages),
        faults: AtomicUsize::new(0),
    });
    let weak = Arc::downgrade(&handler);
    space.set_fault_handler(weak);
    handler
}

/// Starts a task on each CPU but this one and runs `here` meanwhile.
fn with_others(
    space: Option<&Arc<VmSpace>>,
    there: impl Fn(usize) + Send + Sync + 'static,
    here: impl FnOnce() -> TestResult,
) -> TestResult {
    let there = Arc::new(there);
    let running = Arc::new(AtomicUsize::new(0));
    let me = cpu::current();
    for cpu in cpu::all().filter(|cpu| *cpu != me) {
        let (there, left) = (there.clone(), running.clone());
        running.fetch_add(1, Ordering::SeqCst);
        let mut task = TaskBuilder::new("test", move || {
            there(cpu.index());
            left.fetch_sub(1, Ordering::SeqCst);
        });
        if let Some(space) = space {
            task = task.vm_space(space.clone());
        }
        task.affinity(CpuSet::of(cpu)).spawn().map_err(|_| "no memory for a task")?;
    }
    let result = here();
    while running.load(Ordering::SeqCst) != 0 {
        yield_now();
    }
    result
}

fn copies() -> TestResult {
    in_space(|space| {
        let handler = demand(space, 3);
        // Two faults, the second in the middle of a word.
        let data: [u8; 64] = core::array::from_fn(|i| i as u8);
        check!(space.write(page(1) - 13, &data) == Ok(()));
        check!(handler.faults.load(Ordering::Relaxed) == 2);
        let mut back = [0; 64];
        check!(space.read(page(1) - 13, &mut back) == Ok(()));
        check!(back == data);
        // The end of what can be mapped, in the middle of a word.
        let mut writer = Writer::user(space, page(3) - 11, 100).map_err(|_| "range")?;
        check!(writer.write(&[7; 100]) == Ok(11));
        check!(writer.write(&[7; 100]) == Err(UserFault));
        let mut reader = Reader::user(space, page(3) - 11, 100).map_err(|_| "range")?;
        check!(reader.read(&mut back) == Ok(11));
        check!(back.iter().take(11).all(|byte| *byte == 7));
        let mut writer = Writer::user(space, page(3) - 5, 100).map_err(|_| "range")?;
        check!(writer.zeros(100) == Ok(5));
        check!(space.read_val::<[u8; 11]>(page(3) - 11) == Ok([7, 7, 7, 7, 7, 7, 0, 0, 0, 0, 0]));
        // Words, present and not.
        check!(space.write_val(page(0) + 1, 0x0123_4567_89ab_cdefu64) == Ok(()));
        check!(space.read_val::<u64>(page(0) + 1) == Ok(0x0123_4567_89ab_cdef));
        check!(space.read_val::<u64>(page(3) - 4) == Err(UserFault));
        check!(space.write_val(page(3), 1u64) == Err(UserFault));
        check!(space.read_val::<u64>(0) == Err(UserFault));
        check!(space.read_val::<u64>(0xffff_8880_0010_0000) == Err(UserFault));
        check!(space.read_cstr(page(3) - 5, 100).as_deref() == Ok(&[][..]));
        // The same bytes from another space's point of view.
        let frame = Frame::zeroed().map_err(|_| "no memory")?;
        let mut reader = Reader::user(space, page(0), 100).map_err(|_| "range")?;
        check!(reader.read_frame(&frame, 0, 100) == Ok(100));
        Task::set_vm_space(None);
        check!(space.read_val::<u64>(page(0) + 1) == Ok(0x0123_4567_89ab_cdef));
        check!(space.read_val::<u64>(page(3) - 4) == Err(UserFault));
        Ok(())
    })
}

/// A fault ends a copy from shared memory: nobody is asked for the page, nothing is read again.
fn shared_copies() -> TestResult {
    in_space(|space| {
        let handler = demand(space, 2);
        let shared = SharedBuf::new(64).map_err(|_| "no shared memory")?;
        check!(shared.write(0, &[7; 64]).is_ok());
        let from = shared.untyped(0, 64).ok_or("range")?;
        // The first page is there, the second would come by a fault.
        check!(space.write_val(page(0), 1u64) == Ok(()));
        check!(handler.faults.load(Ordering::Relaxed) == 1);
        let mut writer = Writer::user(space, page(1) - 13, 64).map_err(|_| "range")?;
        check!(writer.write_untyped(access::Copy::StoreShared, &from) == Ok(13));
        check!(handler.faults.load(Ordering::Relaxed) == 1);
        // Any other copy goes on.
        check!(space.write(page(1) - 13, &[8; 64]) == Ok(()));
        check!(handler.faults.load(Ordering::Relaxed) == 2);
        Ok(())
    })
}

fn copy_on_write() -> TestResult {
    in_space(|space| {
        let handler = demand(space, 4);
        check!(space.write(page(0), &[1; 3 * PAGE_SIZE]) == Ok(()));
        let child = VmSpace::new().map_err(|_| "no memory")?;
        check!(space.fork_range(&child, page(0)..page(4), Sharing::Private) == Ok(()));
        let before = handler.faults.load(Ordering::Relaxed);
        check!(space.write_val(page(1), 9u8) == Ok(()));
        check!(handler.faults.load(Ordering::Relaxed) == before + 1);
        check!(child.read_val::<u8>(page(1)) == Ok(1));
        check!(space.read_val::<u8>(page(1)) == Ok(9));
        check!(space.unmap(page(0)..page(4)) == 3);
        check!(child.read_val::<u8>(page(2) + 5) == Ok(1));
        Ok(())
    })
}

/// A reader on each other CPU must never see an old frame after `unmap`.
fn shootdown() -> TestResult {
    static STOP: AtomicBool = AtomicBool::new(false);
    static LATEST: AtomicUsize = AtomicUsize::new(0);
    static STALE: AtomicUsize = AtomicUsize::new(0);
    STOP.store(false, Ordering::SeqCst);
    LATEST.store(0, Ordering::SeqCst);
    in_space(|space| {
        let shared = space.clone();
        let there = move |_| {
            while !STOP.load(Ordering::SeqCst) {
                let oldest = LATEST.load(Ordering::SeqCst);
                if shared.read_val::<u64>(page(0)).is_ok_and(|seen| (seen as usize) < oldest) {
                    STALE.fetch_add(1, Ordering::SeqCst);
                }
            }
        };
        with_others(Some(space), there, || {
            for round in 1..=300usize {
                let frame = Frame::zeroed().map_err(|_| "no memory")?;
                frame.write(0, &round.to_le_bytes());
                space.unmap(page(0)..page(1));
                LATEST.store(round, Ordering::SeqCst);
                space.map(page(0), frame, RW, Cow::No).map_err(|_| "no memory")?;
            }
            STOP.store(true, Ordering::SeqCst);
            Ok(())
        })?;
        check!(STALE.load(Ordering::SeqCst) == 0);
        Ok(())
    })
}

/// Objects of all sizes, allocated on one CPU and freed on another.
fn heap_on_all_cpus() -> TestResult {
    static MIXED: crate::sync::SpinLock<Vec<Vec<u8>>> = crate::sync::SpinLock::new(Vec::new());
    static BAD: AtomicUsize = AtomicUsize::new(0);
    fn work(id: usize) {
        let mut seed = id as u64 + 1;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let dice = (seed >> 33) as usize;
            let size = (1 << (dice % 13)) | ((dice >> 4) % 64);
            let mine = alloc::vec![size as u8; size];
            let other = {
                let mut mixed = MIXED.lock();
                let at = (dice >> 10) % 512;
                if at < mixed.len() {
                    mixed.get_mut(at).map(|slot| core::mem::replace(slot, mine))
                } else {
                    mixed.push(mine);
                    None
                }
            };
            if let Some(other) = other
                && other.iter().any(|byte| *byte != other.len() as u8)
            {
                BAD.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    MIXED.lock().reserve(512);
    let before = stats().free_pages;
    with_others(None, work, || {
        work(99);
        Ok(())
    })?;
    core::mem::take(&mut *MIXED.lock()).clear();
    check!(BAD.load(Ordering::SeqCst) == 0);
    // Magazines and caches of each CPU may keep some.
    check!(stats().free_pages + 400 * cpu::count() > before);
    Ok(())
}

/// User pages run out first; the kernel goes on, and all of it comes back.
fn memory_runs_out() -> TestResult {
    let before = stats().free_pages;
    let space = VmSpace::new().map_err(|_| "no memory")?;
    let mut at = BASE;
    while let Ok(frame) = Frame::zeroed() {
        match space.map(at, frame, RW, Cow::No) {
            Ok(true) => at += PAGE_SIZE,
            _ => break,
        }
    }
    check!(at > BASE + before / 2 * PAGE_SIZE);
    check!(admit() == Ok(()));
    check!(stats().free_pages >= stats().reserved_pages / 2);
    // Fallible calls fail before small objects do.
    let mut stacks = Vec::new();
    while let Ok(stack) = KernelStack::new() {
        stacks.push(stack);
    }
    let mut small = Vec::new();
    for _ in 0..1000 {
        small.push(alloc::boxed::Box::new([1u8; 100]));
    }
    let mut large = Vec::<u8>::new();
    check!(large.try_reserve(stats().total_pages * PAGE_SIZE / 2).is_err());
    check!(large.try_reserve(1 << 50).is_err());
    drop((small, stacks));
    drop(space);
    check!(stats().free_pages + 1000 > before);
    Ok(())
}

fn stacks_have_guards() -> TestResult {
    let mut stacks = Vec::new();
    for _ in 0..200 {
        stacks.push(KernelStack::new().map_err(|_| "no memory")?);
    }
    for stack in &stacks {
        check!(stack.top().is_multiple_of(16));
        check!(is_kernel_stack(stack.top() - 32 * 1024, 32 * 1024));
        check!(!is_kernel_stack(stack.top() - 32 * 1024 - 8, 8));
        check!(is_guard(stack.top() - 32 * 1024 - 8));
        check!(is_guard(stack.top() - 64 * 1024) && !is_guard(stack.top() - 8));
    }
    let tops: alloc::collections::BTreeSet<_> = stacks.iter().map(KernelStack::top).collect();
    check!(tops.len() == 200);
    drop(stacks);
    check!(!is_guard(0) && !is_guard(usize::MAX));
    Ok(())
}

/// A stack's frames are used again when no CPU knows the stack any more.
fn stacks_are_flushed() -> TestResult {
    static STEP: AtomicUsize = AtomicUsize::new(0);
    static WORD: AtomicUsize = AtomicUsize::new(0);
    static READY: AtomicUsize = AtomicUsize::new(0);
    static STALE: AtomicUsize = AtomicUsize::new(0);
    const NEW: u64 = 0x600d_57ac;
    let wait_for = |step: usize| {
        while STEP.load(Ordering::SeqCst) < step {
            core::hint::spin_loop();
        }
    };
    let read = || {
        let word = core::ptr::with_exposed_provenance::<u64>(WORD.load(Ordering::SeqCst));
        // SAFETY: the stack is mapped, and nobody's or the test's: the steps see to that.
        unsafe { word.read_volatile() }
    };
    let there = move |_| {
        wait_for(1);
        if STEP.load(Ordering::SeqCst) == 1 {
            read();
        }
        READY.fetch_add(1, Ordering::SeqCst);
        wait_for(2);
        if STEP.load(Ordering::SeqCst) == 2 && read() != NEW {
            STALE.fetch_add(1, Ordering::SeqCst);
        }
    };
    let is_mapped = |top: usize| is_kernel_stack(top - 8, 8);
    let new = || KernelStack::new().map_err(|_| "no memory");
    let here = || {
        let mut stacks = Vec::new();
        for _ in 0..200 {
            stacks.push(new()?);
        }
        // Up to where a batch has just gone: the next 32 make one.
        while stacks.pop().is_some_and(|stack| {
            let top = stack.top();
            drop(stack);
            is_mapped(top)
        }) {}
        let last = stacks.pop().ok_or("nothing is unmapped")?;
        stacks.truncate(stacks.len() - 31);
        WORD.store(last.top() - 8, Ordering::SeqCst);
        STEP.store(1, Ordering::SeqCst);
        while READY.load(Ordering::SeqCst) + 1 < cpu::count() {
            yield_now();
        }
        let top = last.top();
        drop(last);
        check!(!is_mapped(top));
        while !tlb::stacks_are_flushed() {
            yield_now();
        }
        drop(new()?);
        // Its frames, for something else.
        let mut frames = Vec::new();
        for _ in 0..1000 {
            frames.push(Frame::zeroed().map_err(|_| "no memory")?);
        }
        while !is_mapped(top) {
            stacks.push(new()?);
        }
        let word = core::ptr::with_exposed_provenance_mut::<u64>(top - 8);
        // SAFETY: the test has the stack, and nothing runs on it.
        unsafe { word.write_volatile(NEW) };
        Ok(())
    };
    with_others(None, there, || {
        let result = here();
        STEP.store(if result.is_ok() { 2 } else { 3 }, Ordering::SeqCst);
        result
    })?;
    check!(STALE.load(Ordering::SeqCst) == 0);
    Ok(())
}

fn no_page_is_writable_and_executable() -> TestResult {
    let (pages, bad) = kernel::count_rights();
    check!(pages > 100);
    check!(bad == 0);
    Ok(())
}

/// Not a test: what the hot paths cost, in ticks (instructions under icount).
fn costs() -> TestResult {
    const N: usize = 1024;
    fn ticks<R>(what: &str, count: usize, mut f: impl FnMut() -> R) {
        f();
        let start = crate::arch::ticks();
        f();
        log::info!("cost: {what}: {}", (crate::arch::ticks() - start) / count as u64);
    }
    in_space(|space| {
        let _handler = demand(space, 2 * N);
        let mut frames = Vec::new();
        ticks("Frame::zeroed", N, || {
            frames.clear();
            frames.extend((0..N).map_while(|_| Frame::zeroed().ok()));
        });
        let shared = frames.first().ok_or("no memory")?.clone();
        ticks("drop a frame", 1, || frames.truncate(frames.len() - 512));
        space.map(page(0), shared.clone(), RW, Cow::No).map_err(|_| "no memory")?;
        ticks("map on a present table", N / 2, || {
            space.unmap(page(0)..page(N / 2));
            for n in 0..N / 2 {
                let _ = space.map(page(n), shared.clone(), RW, Cow::No);
            }
        });
        ticks("unmap, frames stay", N / 2, || space.unmap(page(0)..page(N / 2)));
        ticks("zero, map, unmap, free", N / 2, || {
            for n in 0..N / 2 {
                let Ok(frame) = Frame::zeroed() else { return };
                let _ = space.map(page(n), frame, RW, Cow::No);
            }
            space.unmap(page(0)..page(N / 2));
        });
        ticks("write to an absent page", N / 2, || {
            space.unmap(page(0)..page(N / 2));
            for n in 0..N / 2 {
                let _ = space.write_val(page(n), 1u64);
            }
        });
        let child = VmSpace::new().map_err(|_| "no memory")?;
        ticks("fork_range", N / 2, || {
            child.unmap(page(0)..page(N / 2));
            let _ = space.fork_range(&child, page(0)..page(N / 2), Sharing::Private);
        });
        ticks("read u64", 1, || space.read_val::<u64>(page(0)));
        ticks("read 16 bytes", 1, || space.read_val::<[u64; 2]>(page(0)));
        ticks("read u32", 1, || space.read_val::<u32>(page(0)));
        let mut buffer = alloc::vec![0; PAGE_SIZE];
        ticks("read 4096 bytes", 1, || space.read(page(0), &mut buffer));
        ticks("VmSpace new and drop", 1, VmSpace::new);
        ticks("Box 64 new and drop", 1, || alloc::boxed::Box::new([1u64; 8]));
        ticks("KernelStack new and drop", 1, KernelStack::new);
        Ok(())
    })
}

kernel_test! {
    fn user_copies_stop_at_faults() { return copies(); }
    fn shared_copies_end_at_a_fault() { return shared_copies(); }
    fn copy_on_write_works_under_the_cpu() { return copy_on_write(); }
    fn no_cpu_sees_an_unmapped_frame() { return shootdown(); }
    fn the_heap_works_on_all_cpus() { return heap_on_all_cpus(); }
    fn memory_runs_out_and_comes_back() { return memory_runs_out(); }
    fn kernel_stacks_have_guards() { return stacks_have_guards(); }
    fn no_cpu_sees_a_stack_that_is_gone() { return stacks_are_flushed(); }
    fn kernel_pages_are_not_writable_and_executable() { return no_page_is_writable_and_executable(); }
    fn costs_are_logged() { return costs(); }
}
