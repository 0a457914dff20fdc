// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes between the receive interrupt and the line discipline.
//!
//! A fixed ring: the interrupt puts in, whoever holds the terminal's state takes
//! out. When it is full the device holds bytes back, so that nothing is lost to
//! a slow reader.
//!
//! Trust: the bytes are the host's.
//!
//! Locks: `ring` is a leaf (interrupts off); readers are woken outside of it.

use alloc::boxed::Box;

use abi::{Result, error};
use framework::sync::{IrqLock, WaitQueue};

/// Bytes the ring holds.
const SIZE: usize = 4096;

struct Ring {
    bytes: Box<[u8]>,
    start: usize,
    len: usize,
    /// The device was told that there is no room.
    is_held_back: bool,
}

/// The ring, and who waits for something to come in.
pub(crate) struct InputQueue {
    ring: IrqLock<Ring>,
    /// Woken by every interrupt that brought something.
    pub(crate) arrived: WaitQueue,
}

/// Whether the device holds bytes back and is to be told of the new room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Device {
    Flowing,
    HeldBack,
}

impl InputQueue {
    pub(crate) fn new() -> Result<Self> {
        let mut bytes = alloc::vec::Vec::new();
        bytes.try_reserve_exact(SIZE).map_err(|_| error!(ENOMEM))?;
        bytes.resize(SIZE, 0);
        let bytes = bytes.into_boxed_slice();
        let ring = IrqLock::new(Ring { bytes, start: 0, len: 0, is_held_back: false });
        Ok(Self { ring, arrived: WaitQueue::new() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.lock().len == 0
    }

    /// Copies the oldest bytes without taking them.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> usize {
        let ring = self.ring.lock();
        let mut count = 0;
        let (before, after) = ring.bytes.split_at_checked(ring.start).unwrap_or_default();
        let waiting = after.iter().chain(before).take(ring.len);
        for (place, byte) in buffer.iter_mut().zip(waiting) {
            *place = *byte;
            count += 1;
        }
        count
    }

    /// Takes `count` bytes out.
    pub(crate) fn consume(&self, count: usize) -> Device {
        let mut ring = self.ring.lock();
        let count = count.min(ring.len);
        ring.start = (ring.start + count) % SIZE;
        ring.len -= count;
        if count > 0 && core::mem::take(&mut ring.is_held_back) {
            Device::HeldBack
        } else {
            Device::Flowing
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&self) -> Device {
        self.consume(SIZE)
    }
}

impl class::Receiver for InputQueue {
    fn room(&self) -> usize {
        let mut ring = self.ring.lock();
        let room = SIZE - ring.len;
        ring.is_held_back |= room == 0;
        room
    }

    fn receive(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut ring = self.ring.lock();
        for byte in bytes.iter().take(SIZE - ring.len) {
            let end = (ring.start + ring.len) % SIZE;
            if let Some(place) = ring.bytes.get_mut(end) {
                *place = *byte;
                ring.len += 1;
            }
        }
        drop(ring);
        self.arrived.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use class::Receiver;

    #[test]
    fn first_in_first_out_around_the_end() {
        let queue = InputQueue::new().unwrap();
        let mut next = 0u8;
        let mut expected = 0u8;
        for round in 0..200 {
            let bytes = [(); 97].map(|()| {
                next = next.wrapping_add(1);
                next
            });
            queue.receive(&bytes);
            let mut buffer = [0; 200];
            let count = queue.peek(&mut buffer);
            for byte in &buffer[..count] {
                expected = expected.wrapping_add(1);
                assert_eq!(*byte, expected, "round {round}");
            }
            assert_eq!(queue.consume(count), Device::Flowing);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_full_ring_holds_the_device_back_once() {
        let queue = InputQueue::new().unwrap();
        queue.receive(&[1; SIZE]);
        assert_eq!(queue.room(), 0);
        queue.receive(&[2; 5]);
        assert_eq!(queue.consume(1), Device::HeldBack);
        assert_eq!(queue.room(), 1);
        assert_eq!(queue.clear(), Device::Flowing);
        assert_eq!(queue.room(), SIZE);
    }
}
