// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Simulated physical memory: an arena from `std`.

extern crate std;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::sync::Once;
use std::vec;

use crate::mm::{CHUNK, Chunk, Meta, NoMemory, PAGE_SIZE};

/// Simulated RAM. Untouched pages cost nothing natively, but much under Miri.
const FRAMES: usize = (if cfg!(miri) { 4 << 20 } else { 512 << 20 }) / PAGE_SIZE;

/// Threads of `std` have their own stacks: there are none to give back.
pub fn give_back_stacks() {}

/// Makes the arena at the first use of memory, and calls `start` with it and room for
/// the allocator's records.
pub(crate) fn start_once(start: fn(*mut u8, &'static [Meta], &'static mut [Chunk])) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(layout) = Layout::from_size_align(FRAMES * PAGE_SIZE, PAGE_SIZE) else {
            unreachable!("the size of the arena is a constant")
        };
        // SAFETY: the layout has a size above zero.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        let metas = vec::Vec::leak((0..FRAMES).map(|_| Meta::reserved()).collect());
        let chunks = vec::Vec::leak(vec![Chunk::EMPTY; FRAMES.div_ceil(CHUNK)]);
        start(base, metas, chunks);
    });
}

/// No registers can be mapped: a window is a model, or nothing.
pub(crate) fn map_device(_: u64, _: usize) -> Result<*mut u8, NoMemory> {
    Err(NoMemory)
}

pub(crate) use map_device as map_private;
