// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slabs: frames cut into objects of one size, for the kernel's heap.
//!
//! A slab is one typed frame. Its free objects form a list inside it (each holds
//! the index of the next), whose head and the number of used objects are in the
//! frame's record. Slabs with a free object are linked by frame number.
//!
//! Locks: the list of a size class is never locked around the frame pool.

use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;

use super::PAGE_SIZE;
use super::frames::{self, Class};
use super::meta::{self, Kind, Meta};
use super::phys::Pfn;
use super::usage;

/// Object sizes. Each is a multiple of 16; powers of two are aligned to their
/// size, others to their largest power-of-two divisor.
pub(super) const SIZES: [usize; 14] =
    [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1344, 2048];

/// Ends a list of objects.
const NIL: u32 = u32::MAX;

/// The size class for an allocation, if it is small enough for one.
#[inline]
pub(super) fn class_of(size: usize, align: usize) -> Option<usize> {
    // Powers of two are aligned to their size; other sizes only serve 16.
    let size = if align > 16 { size.max(align).next_power_of_two() } else { size };
    Some(match size {
        0..=16 => 0,
        17..=32 => 1,
        33..=48 => 2,
        49..=64 => 3,
        65..=96 => 4,
        97..=128 => 5,
        129..=192 => 6,
        193..=256 => 7,
        257..=384 => 8,
        385..=512 => 9,
        513..=768 => 10,
        769..=1024 => 11,
        1025..=1344 => 12,
        1345..=2048 => 13,
        _ => return None,
    })
}

/// A frame typed as a slab, in no list and without objects: whoever has this owns it.
pub(super) struct Slab(Pfn);

impl Slab {
    /// A frame for a new slab.
    pub(super) fn take() -> Option<Self> {
        let frame = if frames::is_inside() {
            frames::take_stashed(Kind::Slab)
        } else {
            frames::take(Class::Heap, Kind::Slab)
        };
        frame.inspect(|_| usage::HEAP.add(1)).map(Self)
    }

    /// Gives the frame back, if that can be done now.
    pub(super) fn give(self) -> Result<(), Self> {
        if frames::is_inside() {
            frames::give_stashed(self.0, Kind::Slab).map_err(Self)?;
        } else {
            frames::give(self.0, Kind::Slab);
        }
        usage::HEAP.sub(1);
        Ok(())
    }
}

/// The slabs of one size that have a free object.
///
/// # Invariants
/// Every frame in the list is a slab of this size; of every slab, the list of
/// free objects holds exactly those that are not handed out.
pub(super) struct Slabs {
    size: usize,
    head: Option<Pfn>,
}

impl Slabs {
    /// No slabs of objects of `size` bytes yet.
    pub(super) const fn new(size: usize) -> Self {
        Self { size, head: None }
    }

    /// Cuts a slab into free objects.
    pub(super) fn add(&mut self, Slab(frame): Slab) {
        let meta = meta::of(frame);
        let count = (PAGE_SIZE / self.size) as u32;
        for index in 0..count {
            let next = if index + 1 < count { index + 1 } else { NIL };
            // SAFETY: object `index` lies in the frame, which is ours.
            unsafe { self.link(frame, index).write(next) };
        }
        meta.count.store(0, Relaxed);
        meta.used.store(0, Relaxed);
        self.push(frame, meta);
    }

    /// Takes a free object.
    pub(super) fn take(&mut self) -> Option<NonNull<u8>> {
        let frame = self.head?;
        let meta = meta::of(frame);
        let index = meta.count.load(Relaxed);
        // SAFETY: slabs in the list have a free object, and `count` is the
        // index of the first (type invariant).
        let next = unsafe { self.link(frame, index).read() };
        meta.count.store(next, Relaxed);
        meta.used.store(meta.used.load(Relaxed) + 1, Relaxed);
        if next == NIL {
            self.remove(meta);
        }
        NonNull::new(frame.ptr().wrapping_add(index as usize * self.size))
    }

    /// Takes an object back. Returns its slab, removed, if nothing in it is used any
    /// more and it is not the only one.
    ///
    /// # Safety
    /// `object` came from [`Slabs::take`] of the same size, and is not used.
    pub(super) unsafe fn give(&mut self, object: NonNull<u8>) -> Option<Slab> {
        let offset = object.as_ptr().addr() % PAGE_SIZE;
        let frame = frame_of(object)?;
        let meta = meta::of(frame);
        let index = (offset / self.size) as u32;
        let next = meta.count.load(Relaxed);
        // SAFETY: the object lies in the slab and is free from now on.
        unsafe { self.link(frame, index).write(next) };
        meta.count.store(index, Relaxed);
        let used = meta.used.load(Relaxed) - 1;
        meta.used.store(used, Relaxed);
        if next == NIL {
            self.push(frame, meta);
        }
        let is_only = self.head == Some(frame) && meta.next.load(Relaxed) == 0;
        if used == 0 && !is_only {
            self.remove(meta);
            return Some(Slab(frame));
        }
        None
    }

    /// Where object `index` of a slab keeps its link.
    fn link(&self, frame: Pfn, index: u32) -> *mut u32 {
        frame.ptr().wrapping_add(index as usize * self.size).cast()
    }

    fn push(&mut self, frame: Pfn, meta: &Meta) {
        meta.prev.store(0, Relaxed);
        meta.next.store(self.head.map_or(0, Pfn::get), Relaxed);
        if let Some(old) = self.head {
            meta::of(old).prev.store(frame.get(), Relaxed);
        }
        self.head = Some(frame);
    }

    fn remove(&mut self, meta: &Meta) {
        let prev = Pfn::new(meta.prev.load(Relaxed));
        let next = Pfn::new(meta.next.load(Relaxed));
        match prev {
            Some(prev) => meta::of(prev).next.store(next.map_or(0, Pfn::get), Relaxed),
            None => self.head = next,
        }
        if let Some(next) = next {
            meta::of(next).prev.store(prev.map_or(0, Pfn::get), Relaxed);
        }
    }
}

/// The frame in which the kernel sees `ptr`.
pub(super) fn frame_of(ptr: NonNull<u8>) -> Option<Pfn> {
    let base = super::phys::ptr(0).addr();
    Pfn::from_addr((ptr.as_ptr().addr() - base) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    #[test]
    fn classes_fit_and_align() {
        for size in (1..=2048).step_by(if cfg!(miri) { 31 } else { 1 }) {
            for align in [1, 8, 16, 32, 64, 128, 512, 1024, 2048] {
                let class = class_of(size, align).unwrap();
                let object = SIZES[class];
                assert!(object >= size && object.is_multiple_of(align), "{size} {align}");
            }
        }
        assert_eq!(class_of(2049, 1), None);
        assert_eq!(class_of(1, 4096), None);
        assert!(SIZES.iter().all(|size| size % 16 == 0));
    }

    fn take(slabs: &mut Slabs) -> NonNull<u8> {
        if let Some(object) = slabs.take() {
            return object;
        }
        slabs.add(Slab::take().unwrap());
        slabs.take().unwrap()
    }

    fn give(slabs: &mut Slabs, object: NonNull<u8>) {
        // SAFETY: the tests give back what they took, once.
        if let Some(slab) = unsafe { slabs.give(object) } {
            assert!(slab.give().is_ok());
        }
    }

    #[test]
    fn objects_do_not_overlap_and_come_back() {
        for size in [16, 48, 1344, 2048] {
            let mut slabs = Slabs::new(size);
            let mut objects: Vec<_> = (0..300 * 16 / size + 5).map(|_| take(&mut slabs)).collect();
            for (i, object) in objects.iter().enumerate() {
                // SAFETY: the object is ours and has `size` bytes.
                unsafe { object.write_bytes(i as u8, size) };
            }
            for (i, object) in objects.iter().enumerate() {
                let last = object.as_ptr().wrapping_add(size - 1);
                // SAFETY: the last byte of an object that was filled above.
                assert_eq!(unsafe { last.read() }, i as u8);
            }
            let places: BTreeSet<_> = objects.iter().map(|object| object.as_ptr()).collect();
            assert_eq!(places.len(), objects.len());
            let last = objects.pop().unwrap();
            for object in objects {
                give(&mut slabs, object);
            }
            give(&mut slabs, last);
            let frame = slabs.head.unwrap();
            assert_eq!(meta::of(frame).next.load(Relaxed), 0, "one empty slab is kept");
            assert_eq!(meta::of(frame).used.load(Relaxed), 0);
            slabs.remove(meta::of(frame));
            frames::give(frame, Kind::Slab);
        }
    }

    #[test]
    fn random_use() {
        let mut slabs = Slabs::new(192);
        let mut live = Vec::new();
        let mut seed = 7u64;
        for _ in 0..if cfg!(miri) { 300 } else { 20_000 } {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let dice = (seed >> 33) as usize;
            if dice % 5 < 3 && live.len() < 400 || live.is_empty() {
                let object = take(&mut slabs);
                // SAFETY: the object is ours and has 192 bytes.
                unsafe { object.cast::<u64>().write(dice as u64) };
                live.push((object, dice as u64));
            } else {
                let (object, value) = live.swap_remove(dice / 5 % live.len());
                // SAFETY: the object is ours and was written above.
                assert_eq!(unsafe { object.cast::<u64>().read() }, value);
                give(&mut slabs, object);
            }
        }
        for (object, _) in live {
            give(&mut slabs, object);
        }
    }
}
