// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Round`]: a flush that nobody waits for.
//!
//! Who has changed mappings of the kernel begins a round and goes on; each CPU flushes when
//! it comes to it, whenever the host lets it run. What the old mappings led to is used
//! again when the round is over: who needs it asks.
//!
//! Written over a [`Word`] so that loom can try all interleavings
//! (`RUSTFLAGS="--cfg loom" cargo test -p nacre-framework --lib loom`).

use core::sync::atomic::{AtomicU64, Ordering};

/// An atomic mask, of the machine or of loom.
pub(super) trait Word {
    /// Reads it; what was done before its bits were written is seen.
    fn load(&self) -> u64;
    /// Writes it, behind all that was done before.
    fn store(&self, value: u64);
    /// Clears bits of it, behind all that was done before.
    fn clear(&self, bits: u64);
}

impl Word for AtomicU64 {
    fn load(&self) -> u64 {
        self.load(Ordering::Acquire)
    }
    fn store(&self, value: u64) {
        self.store(value, Ordering::Release);
    }
    fn clear(&self, bits: u64) {
        self.fetch_and(!bits, Ordering::AcqRel);
    }
}

/// One flush after another.
///
/// # Invariants
/// The mask holds the CPUs that have not flushed yet what was changed before the round began.
pub(super) struct Round<W = AtomicU64>(W);

impl Round {
    /// None has begun.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl<W: Word> Round<W> {
    /// Begins a round that concerns the CPUs in the mask `cpus`. The last one is over, and
    /// nobody else begins one.
    pub(super) fn begin(&self, cpus: u64) {
        self.0.store(cpus);
    }

    /// By the CPU whose mask is `me`, with interrupts off: calls `flush` if it still has to.
    #[inline]
    pub(super) fn serve(&self, me: u64, flush: impl FnOnce()) {
        if self.0.load() & me != 0 {
            flush();
            self.0.clear(me);
        }
    }

    /// Whether every CPU has flushed. The host cannot say so: the mask is private memory.
    pub(super) fn is_over(&self) -> bool {
        self.0.load() == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_over_when_each_cpu_has_flushed_once() {
        let round = Round::new();
        assert!(round.is_over());
        round.begin(0b110);
        let mut flushes = 0;
        for (me, is_over) in [(0b001, false), (0b100, false), (0b100, false), (0b010, true)] {
            round.serve(me, || flushes += 1);
            assert_eq!(round.is_over(), is_over);
        }
        assert_eq!(flushes, 2);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64 as LoomU64;
    use loom::thread;

    impl Word for LoomU64 {
        fn load(&self) -> u64 {
            self.load(Ordering::Acquire)
        }
        fn store(&self, value: u64) {
            self.store(value, Ordering::Release);
        }
        fn clear(&self, bits: u64) {
            self.fetch_and(!bits, Ordering::AcqRel);
        }
    }

    /// A page's entry, and two frames, which loom watches. The entry leads to one of them.
    struct Memory {
        round: Round<LoomU64>,
        entry: LoomU64,
        frames: [UnsafeCell<u32>; 2],
    }

    // SAFETY: loom reports any two accesses that are not ordered.
    unsafe impl Sync for Memory {}
    // SAFETY: as above.
    unsafe impl Send for Memory {}

    fn memory() -> Arc<Memory> {
        let frames = [UnsafeCell::new(0), UnsafeCell::new(0)];
        Arc::new(Memory { round: Round(LoomU64::new(0)), entry: LoomU64::new(0), frames })
    }

    /// Another CPU, which has the entry in its TLB: it may read what that leads to at any
    /// time, and serves in between, so many times.
    fn other_cpu(memory: &Memory, me: u64, turns: u32) {
        let walk = || memory.entry.load(Ordering::Acquire) as usize;
        // SAFETY: loom reports it if somebody writes to the frame at the same time.
        let look = |frame: usize| memory.frames[frame].with(|it| unsafe { *it });
        let mut cached = walk();
        for _ in 0..turns {
            look(cached);
            memory.round.serve(me, || {
                // Until it has flushed.
                look(cached);
                cached = walk();
            });
        }
        look(cached);
    }

    /// Uses the frame that the entry led to, if it may.
    fn reuse(memory: &Memory, frame: usize) {
        if memory.round.is_over() {
            // SAFETY: loom reports it if another CPU still reads.
            memory.frames[frame].with_mut(|it| unsafe { *it += 1 });
        }
    }

    #[test]
    fn loom_a_frame_is_used_again_behind_the_round() {
        loom::model(|| {
            let memory = memory();
            let others = [0b10, 0b100].map(|me| {
                let memory = memory.clone();
                thread::spawn(move || other_cpu(&memory, me, 1))
            });
            memory.entry.store(1, Ordering::Release);
            memory.round.begin(0b110);
            thread::yield_now();
            reuse(&memory, 0);
            for other in others {
                other.join().unwrap();
            }
        });
    }

    #[test]
    fn loom_the_answer_to_a_round_is_none_to_the_next() {
        loom::model(|| {
            let memory = memory();
            let other = {
                let memory = memory.clone();
                thread::spawn(move || other_cpu(&memory, 0b10, 2))
            };
            memory.entry.store(1, Ordering::Release);
            memory.round.begin(0b10);
            thread::yield_now();
            if memory.round.is_over() {
                reuse(&memory, 0);
                memory.entry.store(0, Ordering::Release);
                memory.round.begin(0b10);
                thread::yield_now();
                reuse(&memory, 1);
            }
            other.join().unwrap();
        });
    }
}
