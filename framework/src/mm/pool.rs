// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which frames are free: buddies for blocks, bitmaps for single frames.
//!
//! Blocks come from the `buddy_system_allocator` crate. Single frames, which
//! are almost all requests, come from *chunks* of 64 frames taken out of it: a
//! bit per frame makes both directions O(1). A chunk goes back when all of it
//! is free again.
//!
//! Plain safe data: it holds frame numbers and never touches a frame.

use buddy_system_allocator::FrameAllocator;

/// Orders of blocks: up to 2^20 frames, 4 GiB.
const ORDERS: usize = 21;
/// Frames in a chunk.
pub(crate) const CHUNK: usize = 64;
/// Free single frames that are kept when a chunk could go back.
const KEEP: usize = 2 * CHUNK;

/// Index of no chunk.
const NONE: u32 = u32::MAX;

/// 64 frames and which of them are single and free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Taken out of the buddies to be handed out singly.
    single: u64,
    /// Of these: not handed out.
    free: u64,
    /// Neighbours in the list of chunks with a free frame.
    prev: u32,
    next: u32,
}

impl Chunk {
    /// A chunk that is all in the buddies.
    pub(crate) const EMPTY: Self = Self { single: 0, free: 0, prev: NONE, next: NONE };
}

/// The free frames.
pub(super) struct FramePool<'a> {
    buddy: FrameAllocator<ORDERS>,
    chunks: &'a mut [Chunk],
    /// First chunk with a free single frame.
    head: u32,
    /// Free single frames.
    singles: usize,
    /// All free frames.
    free: usize,
    total: usize,
}

impl<'a> FramePool<'a> {
    /// A pool without frames; `chunks` must cover all frame numbers to come.
    pub(super) const fn new(chunks: &'a mut [Chunk]) -> Self {
        Self { buddy: FrameAllocator::new(), chunks, head: NONE, singles: 0, free: 0, total: 0 }
    }

    /// Adds the frames `start..end`, which must not be in the pool.
    pub(super) fn add(&mut self, start: u32, end: u32) {
        let end = end.min((self.chunks.len() * CHUNK).try_into().unwrap_or(u32::MAX));
        if start >= end {
            return;
        }
        self.buddy.add_frame(start as usize, end as usize);
        let count = (end - start) as usize;
        self.free += count;
        self.total += count;
    }

    /// Adds one frame as a single one that is handed out. False: it is known.
    pub(super) fn adopt(&mut self, frame: u32) -> bool {
        let bit = 1u64 << (frame % CHUNK as u32);
        let Some(chunk) = self.chunks.get_mut(frame as usize / CHUNK) else { return false };
        let is_new = chunk.single & bit == 0;
        chunk.single |= bit;
        self.total += usize::from(is_new);
        is_new
    }

    /// Free frames.
    pub(super) fn free(&self) -> usize {
        self.free
    }

    /// Frames that were ever added.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Hands up to `want` single frames to `put`, one by one; says how many.
    pub(super) fn take_singles(&mut self, want: usize, mut put: impl FnMut(u32)) -> usize {
        let mut got = 0;
        while got < want {
            if self.head == NONE && !self.grow() {
                break;
            }
            let index = self.head;
            let base = index.wrapping_mul(CHUNK as u32); // Frame numbers are `u32`.
            let Some(chunk) = self.chunks.get_mut(index as usize) else { break };
            while chunk.free != 0 && got < want {
                let bit = chunk.free.trailing_zeros();
                chunk.free &= chunk.free - 1;
                put(base | bit);
                got += 1;
            }
            if chunk.free == 0 {
                self.unlink(index);
            }
        }
        self.singles -= got;
        self.free -= got;
        got
    }

    /// Gives a single frame back. False, and nothing done: it was not out.
    #[inline]
    #[must_use]
    pub(super) fn give_single(&mut self, frame: u32) -> bool {
        let index = frame / CHUNK as u32;
        let bit = 1u64 << (frame % CHUNK as u32);
        let Some(chunk) = self.chunks.get_mut(index as usize) else { return false };
        if chunk.single & bit == 0 || chunk.free & bit != 0 {
            return false;
        }
        let was_full = chunk.free == 0;
        chunk.free |= bit;
        let all_free = chunk.free == chunk.single;
        if was_full {
            self.link(index);
        }
        self.singles += 1;
        self.free += 1;
        if all_free && self.singles >= KEEP + CHUNK {
            self.shrink(index);
        }
        true
    }

    /// Takes a block of `2^order` frames aligned to its size.
    pub(super) fn take_block(&mut self, order: u32) -> Option<u32> {
        let block = self.buddy.alloc(1 << order)?;
        self.free -= 1 << order;
        u32::try_from(block).ok()
    }

    /// Gives back a block that [`Self::take_block`] gave, with the same order.
    pub(super) fn give_block(&mut self, frame: u32, order: u32) {
        self.buddy.dealloc(frame as usize, 1 << order);
        self.free += 1 << order;
    }

    /// Moves a block from the buddies to the single frames.
    fn grow(&mut self) -> bool {
        for order in (0..=CHUNK.trailing_zeros()).rev() {
            let count = 1usize << order;
            let Some(first) = self.buddy.alloc(count) else { continue };
            let index = (first / CHUNK) as u32;
            let Some(chunk) = self.chunks.get_mut(index as usize) else { return false };
            let mask = (u64::MAX >> (CHUNK - count)) << (first % CHUNK);
            let was_full = chunk.free == 0;
            chunk.single |= mask;
            chunk.free |= mask;
            self.singles += count;
            if was_full {
                self.link(index);
            }
            return true;
        }
        false
    }

    /// Gives a chunk, all free, back to the buddies.
    fn shrink(&mut self, index: u32) {
        self.unlink(index);
        let Some(chunk) = self.chunks.get_mut(index as usize) else { return };
        let mut mask = chunk.single;
        chunk.single = 0;
        chunk.free = 0;
        self.singles -= mask.count_ones() as usize;
        let base = index as usize * CHUNK;
        if mask == u64::MAX {
            self.buddy.dealloc(base, CHUNK);
            return;
        }
        while mask != 0 {
            self.buddy.dealloc(base + mask.trailing_zeros() as usize, 1);
            mask &= mask - 1;
        }
    }

    fn link(&mut self, index: u32) {
        let head = self.head;
        if let Some(old) = self.chunks.get_mut(head as usize) {
            old.prev = index;
        }
        if let Some(chunk) = self.chunks.get_mut(index as usize) {
            chunk.prev = NONE;
            chunk.next = head;
        }
        self.head = index;
    }

    fn unlink(&mut self, index: u32) {
        let Some(&Chunk { prev, next, .. }) = self.chunks.get(index as usize) else { return };
        match self.chunks.get_mut(prev as usize) {
            Some(chunk) => chunk.next = next,
            None => self.head = next,
        }
        if let Some(chunk) = self.chunks.get_mut(next as usize) {
            chunk.prev = prev;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::vec;
    use std::vec::Vec;

    fn chunks(frames: usize) -> Vec<Chunk> {
        vec![Chunk::EMPTY; frames.div_ceil(CHUNK)]
    }

    fn take(pool: &mut FramePool, want: usize) -> Vec<u32> {
        let mut got = Vec::new();
        pool.take_singles(want, |frame| got.push(frame));
        got
    }

    #[test]
    fn hands_out_every_frame_once_and_takes_all_back() {
        let mut chunks = chunks(1000);
        let mut pool = FramePool::new(&mut chunks);
        pool.add(3, 250);
        pool.add(300, 1000);
        assert_eq!(pool.free(), 947);
        let got = take(&mut pool, 2000);
        assert_eq!(got.len(), 947);
        assert_eq!(pool.free(), 0);
        let set: BTreeSet<u32> = got.iter().copied().collect();
        assert_eq!(set.len(), 947);
        assert!(set.iter().all(|n| (3..250).contains(n) || (300..1000).contains(n)));
        for frame in got {
            assert!(pool.give_single(frame));
        }
        assert_eq!(pool.free(), 947);
        assert!(pool.singles < KEEP + CHUNK);
    }

    #[test]
    fn refuses_a_frame_that_is_not_out() {
        let mut chunks = chunks(256);
        let mut pool = FramePool::new(&mut chunks);
        pool.add(1, 256);
        let got = take(&mut pool, 1);
        assert!(pool.give_single(got[0]));
        assert!(!pool.give_single(got[0]));
        assert!(!pool.give_single(5000));
    }

    #[test]
    fn blocks_merge_again_after_singles() {
        let mut chunks = chunks(1024);
        let mut pool = FramePool::new(&mut chunks);
        pool.add(512, 1024);
        let all = take(&mut pool, 512);
        assert_eq!(all.len(), 512);
        assert!(pool.take_block(1).is_none());
        for frame in all.into_iter().rev() {
            assert!(pool.give_single(frame));
        }
        let block = pool.take_block(7).unwrap();
        assert_eq!(block % 128, 0);
        pool.give_block(block, 7);
        assert_eq!(pool.free(), 512);
    }

    #[test]
    fn random_use_keeps_the_count() {
        let mut chunks = chunks(2048);
        let mut pool = FramePool::new(&mut chunks);
        pool.add(1, 2048);
        let (mut singles, mut blocks) = (Vec::new(), Vec::new());
        let mut seed = 12345u64;
        for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let dice = (seed >> 33) as usize;
            match dice % 4 {
                0 => singles.extend(take(&mut pool, dice / 4 % 100)),
                1 => {
                    blocks.extend(pool.take_block((dice / 4 % 5) as u32).map(|b| (b, dice / 4 % 5)))
                }
                2 if !blocks.is_empty() => {
                    let (block, order) = blocks.swap_remove(dice / 4 % blocks.len());
                    pool.give_block(block, order as u32);
                }
                _ => {
                    for _ in 0..(dice / 4 % 100).min(singles.len()) {
                        let frame = singles.swap_remove(dice / 400 % singles.len());
                        assert!(pool.give_single(frame));
                    }
                }
            }
            let out: usize =
                singles.len() + blocks.iter().map(|(_, order)| 1 << order).sum::<usize>();
            assert_eq!(pool.free() + out, 2047);
        }
        let mut all: Vec<u32> = singles.clone();
        all.extend(blocks.iter().flat_map(|&(b, order)| b..b + (1 << order)));
        let set: BTreeSet<u32> = all.iter().copied().collect();
        assert_eq!(set.len(), all.len());
    }
}
