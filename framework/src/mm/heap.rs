// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kernel's heap: what `alloc` and `Box` use on the machine.
//!
//! Small objects come from slabs through a magazine per CPU and size; larger
//! ones are blocks of frames. An allocation that fails returns null and changes
//! nothing: `try_reserve` reports it, other callers stop the kernel, which
//! [`super::admit`] and the reserve keep from happening.
//!
//! The frame pool keeps its own records on this heap. While a CPU is inside the
//! pool, new slabs come from the [`stash`](super::frames::take_stashed).
//!
//! Locks: magazine (this CPU only), then size class; the pool outside of both.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use super::frames::{self, Class};
use super::local::{CpuCell, Initial};
use super::meta::Kind;
use super::slab::{self, SIZES, Slab, Slabs};
use super::{PAGE_SIZE, phys, usage};
use crate::sync::IrqLock;

/// Objects that a magazine holds.
const ROUNDS: usize = 32;
/// Objects that are moved at once between magazine and slabs.
const BATCH: usize = 16;

/// Free objects of one size on one CPU.
struct Magazine {
    len: usize,
    objects: [Option<NonNull<u8>>; ROUNDS],
}

// SAFETY: the objects are free memory that belongs to the magazine.
unsafe impl Send for Magazine {}

impl Initial for Magazine {
    const INITIAL: Self = Self { len: 0, objects: [None; ROUNDS] };
}

impl Magazine {
    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let at = self.len.checked_sub(1)?;
        self.len = at;
        self.objects.get_mut(at)?.take()
    }

    /// Gives the object back if there is no room.
    #[inline]
    fn push(&mut self, object: NonNull<u8>) -> Result<(), NonNull<u8>> {
        match self.objects.get_mut(self.len) {
            Some(slot) => {
                *slot = Some(object);
                self.len += 1;
                Ok(())
            }
            None => Err(object),
        }
    }
}

struct SizeClass {
    magazines: &'static CpuCell<Magazine>,
    slabs: IrqLock<Slabs>,
}

/// Apart from the slabs, so that they are zeros in the image.
static MAGAZINES: [CpuCell<Magazine>; SIZES.len()] = [const { CpuCell::new() }; SIZES.len()];

static CLASSES: [SizeClass; SIZES.len()] = {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = &MAGAZINES;
    [
        SizeClass::new(a, 16),
        SizeClass::new(b, 32),
        SizeClass::new(c, 48),
        SizeClass::new(d, 64),
        SizeClass::new(e, 96),
        SizeClass::new(f, 128),
        SizeClass::new(g, 192),
        SizeClass::new(h, 256),
        SizeClass::new(i, 384),
        SizeClass::new(j, 512),
        SizeClass::new(k, 768),
        SizeClass::new(l, 1024),
        SizeClass::new(m, 1344),
        SizeClass::new(n, 2048),
    ]
};

/// The heap.
pub(super) struct Heap;

#[cfg_attr(target_os = "none", global_allocator)]
static HEAP: Heap = Heap;

// SAFETY: 1. Objects of a size class are disjoint, at least as large and aligned
// as the layout (`class_of`, tested for all), and handed out once until they are
// freed (`Slabs`). Blocks are whole frames, aligned to their size. 2. No method
// panics for lack of memory. 3. `realloc` keeps the content.
unsafe impl GlobalAlloc for Heap {
    /// # Safety
    /// As the trait says.
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match slab::class_of(layout.size(), layout.align()).and_then(|class| CLASSES.get(class)) {
            Some(class) => class.take(),
            None => take_large(layout),
        }
    }

    /// # Safety
    /// As the trait says.
    #[inline]
    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        let Some(object) = NonNull::new(object) else { return };
        match slab::class_of(layout.size(), layout.align()).and_then(|class| CLASSES.get(class)) {
            // SAFETY: `layout` is the one of the allocation, so the object came
            // from this class; the caller does not use it any more.
            Some(class) => unsafe { class.give(object) },
            None => give_large(object, layout),
        }
    }

    /// # Safety
    /// As the trait says.
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let class = |size| slab::class_of(size, layout.align());
        let order = |size| block_order(size, layout.align());
        let fits = match (class(layout.size()), class(new_size)) {
            (Some(old), Some(new)) => old == new,
            (None, None) => order(layout.size()) == order(new_size),
            _ => false,
        };
        if fits {
            return old;
        }
        let Ok(new_layout) = Layout::from_size_align(new_size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: the caller vouches that the new size is not zero.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            let len = layout.size().min(new_size);
            // SAFETY: both are valid for `len` bytes, and are different objects.
            unsafe { ptr::copy_nonoverlapping(old, new, len) };
            // SAFETY: `old` is the caller's allocation of `layout`.
            unsafe { self.dealloc(old, layout) };
        }
        new
    }
}

impl SizeClass {
    const fn new(magazines: &'static CpuCell<Magazine>, size: usize) -> Self {
        Self { magazines, slabs: IrqLock::new(Slabs::new(size)) }
    }

    #[inline]
    fn take(&self) -> *mut u8 {
        match self.magazines.with(Magazine::pop) {
            Some(object) => object.as_ptr(),
            None => self.refill(),
        }
    }

    /// Takes a batch of objects from the slabs; returns one of them.
    #[cold]
    fn refill(&self) -> *mut u8 {
        let mut batch = [None; BATCH];
        let mut got = self.fill(&mut batch);
        while got == 0 {
            let Some(slab) = Slab::take() else { return ptr::null_mut() };
            self.slabs.lock().add(slab);
            got = self.fill(&mut batch);
        }
        let mut objects = batch.into_iter().flatten();
        let first = objects.next();
        for object in objects {
            if let Err(object) = self.magazines.with(|magazine| magazine.push(object)) {
                // SAFETY: the object was taken from these slabs above.
                unsafe { self.give_to_slab(object) };
            }
        }
        first.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    /// Fills `batch` from the slabs as far as they go.
    fn fill(&self, batch: &mut [Option<NonNull<u8>>]) -> usize {
        let mut slabs = self.slabs.lock();
        let mut got = 0;
        for slot in batch {
            *slot = slabs.take();
            if slot.is_none() {
                break;
            }
            got += 1;
        }
        got
    }

    /// # Safety
    /// `object` came from this class and is not used any more.
    #[inline]
    unsafe fn give(&self, object: NonNull<u8>) {
        while self.magazines.with(|magazine| magazine.push(object)).is_err() {
            self.drain();
        }
    }

    /// Gives half of the magazine back to the slabs.
    #[cold]
    fn drain(&self) {
        for _ in 0..BATCH {
            let Some(object) = self.magazines.with(Magazine::pop) else { break };
            // SAFETY: objects in the magazine came from this class and are free.
            unsafe { self.give_to_slab(object) };
        }
    }

    /// # Safety
    /// `object` came from this class and is not used any more.
    unsafe fn give_to_slab(&self, object: NonNull<u8>) {
        // SAFETY: the caller's duties are the same.
        let empty = unsafe { self.slabs.lock().give(object) };
        if let Some(Err(slab)) = empty.map(Slab::give) {
            self.slabs.lock().add(slab);
        }
    }
}

/// The order of the block for a large allocation.
fn block_order(size: usize, align: usize) -> u32 {
    size.max(align).div_ceil(PAGE_SIZE).next_power_of_two().trailing_zeros()
}

fn take_large(layout: Layout) -> *mut u8 {
    // Beyond half the address space there is no memory, and no overflow below.
    let order = block_order(layout.size(), layout.align());
    let frame = match order {
        0 => frames::take(Class::Heap, Kind::Large),
        1 => frames::take_block(Class::Heap, Kind::Large, 1),
        _ => frames::take_block(Class::Kernel, Kind::Large, order),
    };
    let Some(frame) = frame else { return ptr::null_mut() };
    usage::HEAP.add(1 << order);
    frame.ptr()
}

fn give_large(object: NonNull<u8>, layout: Layout) {
    debug_assert!(object.as_ptr() >= phys::ptr(0), "not a block");
    let Some(frame) = slab::frame_of(object) else { return };
    let order = block_order(layout.size(), layout.align());
    usage::HEAP.sub(1 << order);
    match order {
        0 => frames::give(frame, Kind::Large),
        order => frames::give_block(frame, Kind::Large, order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn heap_keeps_contents_apart() {
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut seed = 3u64;
        for round in 0..if cfg!(miri) { 150 } else { 10_000 } {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let dice = (seed >> 33) as usize;
            if dice.is_multiple_of(2) && live.len() < 100 || live.is_empty() {
                let size = (1 << (dice / 2 % 14)) | (dice / 64 % 64);
                let layout = Layout::from_size_align(size, 1 << (dice / 8192 % 7)).unwrap();
                // SAFETY: the size is not zero.
                let object = unsafe { Heap.alloc(layout) };
                assert!(!object.is_null() && object.addr().is_multiple_of(layout.align()));
                // SAFETY: the object was just allocated with this size.
                unsafe { object.write_bytes(round as u8, size) };
                live.push((object, layout, round as u8));
            } else {
                let (mut object, mut layout, byte) = live.swap_remove(dice / 2 % live.len());
                if dice % 16 == 1 {
                    let size = layout.size() * 2;
                    // SAFETY: the object is live with this layout.
                    object = unsafe { Heap.realloc(object, layout, size) };
                    let last = object.wrapping_add(layout.size() - 1);
                    // SAFETY: `realloc` kept the first bytes, all written before.
                    assert_eq!(unsafe { last.read() }, byte);
                    layout = Layout::from_size_align(size, layout.align()).unwrap();
                }
                // SAFETY: the first byte was written after the allocation.
                assert_eq!(unsafe { object.read() }, byte);
                // SAFETY: the object is live with this layout.
                unsafe { Heap.dealloc(object, layout) };
            }
        }
        for (object, layout, _) in live {
            // SAFETY: the object is live with this layout.
            unsafe { Heap.dealloc(object, layout) };
        }
    }

    #[test]
    fn orders() {
        assert_eq!(block_order(2049, 1), 0);
        assert_eq!(block_order(4097, 1), 1);
        assert_eq!(block_order(1, 16384), 2);
        assert_eq!(block_order(12289, 8), 2);
    }

    #[test]
    fn too_much_is_null() {
        let layout = Layout::from_size_align(1 << 45, 8).unwrap();
        // SAFETY: the size is not zero.
        assert!(unsafe { Heap.alloc(layout) }.is_null());
        let layout = Layout::from_size_align(isize::MAX as usize - 4095, 4096).unwrap();
        // SAFETY: the size is not zero.
        assert!(unsafe { Heap.alloc(layout) }.is_null());
    }
}
