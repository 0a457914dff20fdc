// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`SplitQueue`]: a split virtqueue with all its state in private memory.
//!
//! The rings live in shared memory, and the driver only writes descriptors and the
//! available ring there. Of the used ring it reads the index and each entry, once.
//!
//! Spec: OASIS virtio 1.2, section 2.7.

use alloc::vec::Vec;

use framework::host::SharedBuf;
use framework::mm::NoMemory;

use crate::wire::{used_count, used_entry};

const DESCRIPTOR: usize = 16;
const NEXT: u64 = 1;
const WRITE: u64 = 2;
const NO_INTERRUPT: u16 = 1;

/// Who writes a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The driver; the device reads it.
    ToDevice,
    /// The device.
    FromDevice,
}

/// A piece of shared memory that is part of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// What the device calls its first byte.
    pub addr: u64,
    /// Its length.
    pub len: u32,
    /// Who writes it.
    pub direction: Direction,
}

/// A request that the device gave back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Used {
    /// The number that [`SplitQueue::submit`] returned.
    pub head: u16,
    /// Bytes that the device says it wrote: not more than it might.
    pub written: u32,
}

/// What is known of a request that the device has.
#[derive(Clone, Copy)]
struct Request {
    /// How many descriptors it has, and how many bytes the device may write.
    descriptors: u16,
    writable: u32,
}

/// A split virtqueue.
pub struct SplitQueue {
    size: u16,
    rings: SharedBuf,
    avail: usize,
    used: usize,
    /// For each descriptor the next one, of its request or of the free ones; the
    /// device sees only a copy.
    next: Vec<u16>,
    first_free: u16,
    free: u16,
    /// What the device has, by the first descriptor.
    requests: Vec<Option<Request>>,
    outstanding: u16,
    avail_index: u16,
    used_index: u16,
    /// Entries from `used_index` on that the device has announced.
    announced: u16,
}

impl SplitQueue {
    /// A queue of `size` descriptors, a power of two.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none, shared or private.
    pub fn new(size: u16) -> Result<Self, NoMemory> {
        let count = usize::from(size);
        let avail = count * DESCRIPTOR;
        // Entries of the used ring come behind four bytes: each is a word aligned to 8.
        let used = (avail + 6 + 2 * count).next_multiple_of(8) + 4;
        let rings = SharedBuf::new(used + 4 + 8 * count + 2)?;
        let mut next = Vec::new();
        let mut requests = Vec::new();
        next.try_reserve_exact(count).map_err(|_| NoMemory)?;
        requests.try_reserve_exact(count).map_err(|_| NoMemory)?;
        next.extend(1..=size);
        requests.resize(count, None);
        let (outstanding, avail_index, used_index, announced) = (0, 0, 0, 0);
        Ok(Self {
            size,
            rings,
            avail,
            used,
            next,
            first_free: 0,
            free: size,
            requests,
            outstanding,
            avail_index,
            used_index,
            announced,
        })
    }

    /// How many descriptors it has.
    pub fn size(&self) -> u16 {
        self.size
    }

    /// Where the device finds descriptors, available ring and used ring.
    pub fn addresses(&self) -> [u64; 3] {
        let base = self.rings.device_addr();
        [base, base + self.avail as u64, base + self.used as u64]
    }

    /// Asks the device for no interrupts; it may send some nevertheless.
    pub fn want_no_interrupts(&self) {
        let _ = self.rings.store_u16(self.avail, NO_INTERRUPT);
    }

    /// How many requests the device has.
    pub fn outstanding(&self) -> u16 {
        self.outstanding
    }

    /// Gives a request to the device: its number, or `None` when the queue is full.
    /// The device is to be notified then.
    pub fn submit(&mut self, segments: &[Segment]) -> Option<u16> {
        let count = u16::try_from(segments.len()).ok().filter(|count| *count > 0)?;
        let left = self.free.checked_sub(count)?;
        let head = self.first_free;
        let (mut at, mut writable) = (head, 0u32);
        for (n, segment) in (1..=count).zip(segments) {
            let next = *self.next.get(usize::from(at))?;
            let mut flags = if n < count { NEXT | u64::from(next) << 16 } else { 0 };
            if segment.direction == Direction::FromDevice {
                flags |= WRITE;
                writable = writable.checked_add(segment.len)?;
            }
            let place = usize::from(at) * DESCRIPTOR;
            self.rings.store_u64(place, segment.addr).ok()?;
            self.rings.store_u64(place + 8, u64::from(segment.len) | flags << 32).ok()?;
            at = next;
        }
        *self.requests.get_mut(usize::from(head))? = Some(Request { descriptors: count, writable });
        (self.first_free, self.free) = (at, left);
        let place = usize::from(self.avail_index % self.size) * 2;
        self.avail_index = self.avail_index.wrapping_add(1);
        self.outstanding += 1;
        self.rings.store_u16(self.avail + 4 + place, head).ok()?;
        self.rings.store_u16(self.avail + 2, self.avail_index).ok()?;
        Some(head)
    }

    /// Puts the descriptors of a request before the free ones.
    fn give_back(&mut self, head: u16, request: Request) {
        let mut last = usize::from(head);
        for _ in 1..request.descriptors {
            last = self.next.get(last).copied().map_or(last, usize::from);
        }
        if let Some(next) = self.next.get_mut(last) {
            *next = self.first_free;
        }
        self.first_free = head;
        self.free += request.descriptors;
    }

    /// Takes a request that the device has finished.
    ///
    /// # Errors
    /// What the device lied about; the queue must not be used any more.
    pub fn pop(&mut self) -> Result<Option<Used>, &'static str> {
        if self.announced == 0 {
            let index = self.rings.load_u16(self.used + 2);
            self.announced = used_count(index, self.used_index, self.outstanding)?;
            if self.announced == 0 {
                return Ok(None);
            }
        }
        let place = usize::from(self.used_index % self.size) * 8;
        let entry = self.rings.load_u64(self.used + 4 + place);
        let (head, written) = used_entry(entry, self.size)?;
        let slot = self.requests.get_mut(usize::from(head));
        let request = slot.and_then(Option::take).ok_or("a used id that was not submitted")?;
        if written > request.writable {
            return Err("a used length beyond the buffer");
        }
        self.give_back(head, request);
        self.announced -= 1;
        self.outstanding -= 1;
        self.used_index = self.used_index.wrapping_add(1);
        Ok(Some(Used { head, written }))
    }
}
