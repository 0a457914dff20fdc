// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the kernel remembers of each frame: its kind and its references.
//!
//! 16 bytes per frame, in an array indexed by frame number. *Untyped* frames
//! (user memory, page cache) are counted and may be mapped into user space;
//! *typed* ones (page tables, slabs, stacks) belong to one owner in this crate
//! and never are.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, Ordering};

use super::phys::{self, Pfn};
use super::refs;
use crate::sync::Latch;

/// What a frame is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Not RAM, or RAM that was never given to the allocator.
    Reserved = 0,
    /// In the hands of the frame allocator.
    Free = 1,
    /// Counted memory without kernel data in it: [`super::Frame`].
    Untyped = 2,
    /// A page table.
    Table = 3,
    /// A slab of small kernel objects.
    Slab = 4,
    /// The first frame of a large kernel allocation.
    Large = 5,
    /// A kernel stack.
    Stack = 6,
}

/// The record of one frame.
///
/// # Invariants
/// Of an `Untyped` frame, `count` is the number of [`super::Frame`]s and
/// page-table entries that refer to it, or saturated.
#[derive(Debug)]
pub(crate) struct Meta {
    /// Untyped: references. Slab: index of the first free object. Table: groups
    /// of entries that may be in use.
    pub(super) count: AtomicU32,
    kind: AtomicU8,
    /// Leaf table: held by who has its entries; for good when it is in no tree any more.
    pub(super) latch: Latch,
    /// Slab: objects in use.
    pub(super) used: AtomicU16,
    /// Slab: neighbours in the list of slabs with a free object.
    pub(super) prev: AtomicU32,
    pub(super) next: AtomicU32,
}

const _: () = assert!(size_of::<Meta>() == 16);

impl Meta {
    /// The record of a frame that is not RAM: all zeros.
    #[cfg_attr(target_os = "none", expect(dead_code, reason = "zeroed memory on the machine"))]
    pub(crate) const fn reserved() -> Self {
        Self {
            count: AtomicU32::new(0),
            kind: AtomicU8::new(Kind::Reserved as u8),
            latch: Latch::new(),
            used: AtomicU16::new(0),
            prev: AtomicU32::new(0),
            next: AtomicU32::new(0),
        }
    }

    /// Is the frame of this kind?
    #[inline]
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind.load(Ordering::Relaxed) == kind as u8
    }

    /// Changes the kind; `from` must be what it is now.
    #[inline]
    pub(super) fn retype(&self, from: Kind, to: Kind) {
        if !self.is(from) {
            corrupt();
        }
        self.kind.store(to as u8, Ordering::Relaxed);
    }

    /// A free frame becomes untyped, with one reference.
    #[inline]
    pub(super) fn claim_untyped(&self) {
        self.retype(Kind::Free, Kind::Untyped);
        self.count.store(1, Ordering::Relaxed);
    }

    /// One more reference, made from an existing one.
    #[inline]
    pub(super) fn acquire(&self) {
        refs::acquire(&self.count);
    }

    /// One reference less. True: that was the last, the frame is the caller's.
    #[inline]
    pub(super) fn release(&self) -> bool {
        let is_last = refs::release(&self.count);
        if is_last {
            self.retype(Kind::Untyped, Kind::Free);
        }
        is_last
    }

    /// References now. When it is 1 and the caller holds that one, it stays 1.
    #[inline]
    pub(super) fn refs(&self) -> usize {
        refs::count(&self.count) as usize
    }
}

static METAS: AtomicPtr<Meta> = AtomicPtr::new(core::ptr::null_mut());

/// Gives the array of records, one per frame of the window.
pub(super) fn set_array(metas: &'static [Meta]) {
    METAS.store(metas.as_ptr().cast_mut(), Ordering::Release);
}

/// The record of a frame.
#[inline]
pub(crate) fn of(pfn: Pfn) -> &'static Meta {
    let index = pfn.get() as usize;
    if index >= phys::frames() {
        corrupt();
    }
    let array = METAS.load(Ordering::Acquire);
    // SAFETY: `init` calls `set_array` with a `&'static` array of at least
    // `phys::frames()` records before it publishes that number, so a passed
    // bound check means that the record exists, for ever and shared.
    unsafe { &*array.wrapping_add(index) }
}

/// A frame is not what its owner believes: memory integrity is lost.
#[cold]
#[inline(never)]
fn corrupt() -> ! {
    crate::fatal("frame metadata is corrupt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_release_frees() {
        let meta = Meta::reserved();
        meta.retype(Kind::Reserved, Kind::Free);
        meta.claim_untyped();
        meta.acquire();
        assert_eq!(meta.refs(), 2);
        assert!(!meta.release());
        assert!(meta.release());
        assert!(meta.is(Kind::Free));
    }

    #[test]
    fn too_many_references_pin_the_frame() {
        let meta = Meta::reserved();
        meta.retype(Kind::Reserved, Kind::Free);
        meta.claim_untyped();
        meta.count.store(refs::SATURATED, Ordering::Relaxed);
        meta.acquire();
        assert!(!meta.release() && !meta.release());
        assert!(meta.is(Kind::Untyped));
    }
}
