// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`SharedBuf`]: memory that the host reads and writes too.
//!
//! All of it is one range, taken out of RAM and made shared once at boot, and cut
//! into pieces here. No slice or reference to it exists: bytes are copied in and
//! out, words are read and written whole. It is never made private again.
//!
//! Trust: the host may change every byte at any time. Read a byte once, then
//! check the copy.
//!
//! Locks: `free` is a leaf (interrupts off).

use buddy_system_allocator::FrameAllocator;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::Untrusted;
use crate::mm::{Frame, NoMemory, Untyped};
use crate::sync::{IrqLock, Once};

/// Pieces are multiples of this, so that no two owners share a cache line.
const UNIT: usize = 512;
/// log2 of the most units that there can be, plus one: 64 MiB.
const ORDERS: usize = 18;

/// # Invariants
/// `base` is valid for ever for the bytes of all units that `free` was given, is
/// aligned to a unit, and nobody else uses them but the host.
struct Arena {
    base: AtomicPtr<u8>,
    device: u64,
    free: IrqLock<Free>,
}

/// The units that nobody has, and how many those are.
struct Free {
    pieces: FrameAllocator<ORDERS>,
    units: usize,
}

static ARENA: Once<Arena> = Once::new();

/// The range lies beyond the buffer's end, or a word is not aligned in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfRange;

/// A piece of the shared memory; dropping it gives it back.
///
/// # Invariants
/// `base` is a place in the arena that is valid for `len` bytes and belongs to
/// this value, `units` units from number `first` on.
pub struct SharedBuf {
    base: AtomicPtr<u8>,
    len: usize,
    first: usize,
    units: usize,
}

impl SharedBuf {
    /// A buffer of zeros. It is aligned to its size, up to the next power of two
    /// that is at least 512.
    ///
    /// # Errors
    /// [`NoMemory`] when no piece of that size is free.
    pub fn new(len: usize) -> Result<Self, NoMemory> {
        let arena = arena().ok_or(NoMemory)?;
        #[cfg(not(target_os = "none"))]
        crate::hosted::device::may_allocate()?;
        let units = len.max(1).div_ceil(UNIT);
        if units > 1 << (ORDERS - 1) {
            return Err(NoMemory);
        }
        let units = units.next_power_of_two();
        let mut free = arena.free.lock();
        let first = free.pieces.alloc(units).ok_or(NoMemory)?;
        free.units -= units;
        drop(free);
        let base = arena.base.load(Ordering::Relaxed).wrapping_add(first * UNIT);
        let buffer = Self { base: AtomicPtr::new(base), len, first, units };
        if let Some(all) = buffer.range(0, len) {
            all.zero();
        }
        Ok(buffer)
    }

    /// How many bytes of shared memory are free, in pieces of whatever size.
    pub fn free_bytes() -> usize {
        arena().map_or(0, |arena| arena.free.lock().units * UNIT)
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a buffer is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// What a device calls the first byte.
    pub fn device_addr(&self) -> u64 {
        arena().map_or(0, |arena| arena.device + (self.first * UNIT) as u64)
    }

    /// Copies bytes from `offset` on out of the buffer.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing was copied.
    pub fn read_into(&self, offset: usize, out: &mut [u8]) -> Result<(), OutOfRange> {
        self.untyped(offset, out.len()).ok_or(OutOfRange)?.load(out);
        Ok(())
    }

    /// Copies `data` into the buffer from `offset` on.
    ///
    /// # Errors
    /// [`OutOfRange`]; then nothing was copied.
    pub fn write(&self, offset: usize, data: &[u8]) -> Result<(), OutOfRange> {
        self.untyped(offset, data.len()).ok_or(OutOfRange)?.store(data);
        Ok(())
    }

    /// Copies `len` bytes from `offset` on into a frame, there from `at` on.
    ///
    /// # Errors
    /// [`OutOfRange`] of the buffer or of the frame; then nothing was copied.
    pub fn load_frame(
        &self,
        offset: usize,
        frame: &Frame,
        at: usize,
        len: usize,
    ) -> Result<(), OutOfRange> {
        let from = self.untyped(offset, len).ok_or(OutOfRange)?;
        if frame.untyped(at, len).copy_from(&from) == len { Ok(()) } else { Err(OutOfRange) }
    }

    /// Copies `len` bytes of a frame from `at` on into the buffer, there from `offset` on.
    ///
    /// # Errors
    /// [`OutOfRange`] of the buffer or of the frame; part may have been copied then.
    pub fn store_frame(
        &self,
        offset: usize,
        frame: &Frame,
        at: usize,
        len: usize,
    ) -> Result<(), OutOfRange> {
        let to = self.untyped(offset, len).ok_or(OutOfRange)?;
        if to.copy_from(&frame.untyped(at, len)) == len { Ok(()) } else { Err(OutOfRange) }
    }

    /// A range of the buffer that is about to be read or written.
    pub(crate) fn untyped(&self, offset: usize, len: usize) -> Option<Untyped<'_>> {
        let range = self.range(offset, len)?;
        #[cfg(not(target_os = "none"))]
        crate::hosted::device::touched(self.device_addr() + offset as u64, len);
        Some(range)
    }

    fn range(&self, offset: usize, len: usize) -> Option<Untyped<'_>> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len)?;
        let at = self.base.load(Ordering::Relaxed).wrapping_add(end - len);
        // SAFETY: 1. the range lies in the buffer, which is valid as long as `self` (its
        // invariant). 2. Nobody makes references to the arena.
        Some(unsafe { Untyped::new(at, len) })
    }

    /// The place of a word.
    #[inline]
    fn word(&self, offset: usize, size: usize) -> Option<*mut u8> {
        let place = self.untyped(offset, size)?.ptr();
        place.addr().is_multiple_of(size).then_some(place)
    }
}

macro_rules! words {
    ($($word:ty, $atomic:ty, $load:ident, $store:ident;)*) => {
        impl SharedBuf {$(
            /// Reads a word in one access, before all later ones; all ones where
            /// there is no such word.
            #[inline]
            pub fn $load(&self, offset: usize) -> Untrusted<$word> {
                let Some(at) = self.word(offset, size_of::<$word>()) else {
                    return Untrusted::new(<$word>::MAX);
                };
                // SAFETY: `word` checked the range and the alignment.
                let word = unsafe { <$atomic>::from_ptr(at.cast()) };
                Untrusted::new(word.load(Ordering::Acquire))
            }

            /// Writes a word in one access, after all earlier ones.
            ///
            /// # Errors
            /// [`OutOfRange`] where there is no such word.
            #[inline]
            pub fn $store(&self, offset: usize, value: $word) -> Result<(), OutOfRange> {
                let at = self.word(offset, size_of::<$word>());
                // SAFETY: `word` checked the range and the alignment.
                let word = unsafe { <$atomic>::from_ptr(at.ok_or(OutOfRange)?.cast()) };
                word.store(value, Ordering::Release);
                Ok(())
            }
        )*}
    };
}

words! {
    u8, AtomicU8, load_u8, store_u8;
    u16, AtomicU16, load_u16, store_u16;
    u32, AtomicU32, load_u32, store_u32;
    u64, AtomicU64, load_u64, store_u64;
}

impl Drop for SharedBuf {
    fn drop(&mut self) {
        if let Some(arena) = arena() {
            let mut free = arena.free.lock();
            free.pieces.dealloc(self.first, self.units);
            free.units += self.units;
        }
    }
}

fn arena() -> Option<&'static Arena> {
    #[cfg(not(target_os = "none"))]
    crate::hosted::device::start_once(|base, device, len| {
        // SAFETY: leaked for the arena alone; a page more than its length.
        unsafe { start(base, device, len) }
    });
    ARENA.get()
}

/// Makes the arena of `len` bytes at `base`, which a device sees at `device`.
///
/// # Safety
/// The bytes are valid for ever, `base` is aligned to [`UNIT`], and nobody else
/// uses them but the host.
pub(super) unsafe fn start(base: *mut u8, device: u64, len: usize) {
    let units = (len / UNIT).min(1 << (ORDERS - 1));
    let mut pieces = FrameAllocator::new();
    pieces.insert(0..units);
    let free = IrqLock::new(Free { pieces, units });
    let _ = ARENA.set(Arena { base: AtomicPtr::new(base), device, free });
}

pub(crate) use machine::{init, region};

mod machine {
    use crate::mm::{MemoryMap, NoMemory, PhysRange};

    const STEP: u64 = 2 << 20;
    const MOST: u64 = 64 << 20;

    /// Which part of the RAM that nobody uses becomes the arena: a sixteenth, at
    /// most 64 MiB, at the end of the largest region.
    pub(crate) fn region(usable: &MemoryMap) -> Option<PhysRange> {
        let size = |region: &&PhysRange| region.end - region.start;
        let total: u64 = usable.regions().iter().map(|region| size(&region)).sum();
        let largest = usable.regions().iter().max_by_key(size)?;
        let end = largest.end / STEP * STEP;
        let start = end.checked_sub((total / 16 / STEP * STEP).clamp(STEP, MOST))?;
        (start >= largest.start).then_some(PhysRange { start, end })
    }

    /// Shares the arena with the host by `share` and maps it by `map`.
    ///
    /// # Safety
    /// Once, with what [`region`] gave and `mm` kept out of all its maps; what `map`
    /// gives is mapped for ever.
    pub(crate) unsafe fn init(
        region: PhysRange,
        share: fn(PhysRange) -> Result<(), &'static str>,
        map: fn(u64, usize) -> Result<*mut u8, NoMemory>,
    ) {
        if let Err(why) = share(region) {
            crate::fatal(why);
        }
        let len = (region.end - region.start) as usize;
        match map(region.start, len) {
            // SAFETY: mapped for ever in whole pages; RAM that nobody else uses (caller).
            Ok(base) => unsafe { super::start(base, region.start, len) },
            Err(_) => crate::fatal("no memory to map the shared arena"),
        }
    }
}
