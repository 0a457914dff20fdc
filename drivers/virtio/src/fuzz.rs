// SPDX-License-Identifier: Apache-2.0 OR MIT
//! For the fuzzer: any bytes as what a device does.
//!
//! A function takes whatever bytes there are, must not panic, checks what the
//! driver promises, and returns a number that tells outcomes apart.

use alloc::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

use class::Sector;
use class::block::Blocking;
use framework::host::{DeviceError, Mmio, Untrusted};
use framework::hosted::{DeviceModel, device_write};

use crate::blk::{Disk, FEATURES};
use crate::queue::{Direction, Segment, SplitQueue};
use crate::transport::{Registers, Transport};
use crate::wire::{Kind, Place, common, notify_place, queue_size, used_count, used_entry};

/// Capabilities and ring entries.
pub fn wire(data: &[u8]) -> u64 {
    let mut outcome = 0;
    for chunk in data.chunks_exact(16) {
        let mut words = chunk.chunks_exact(4).filter_map(|word| word.try_into().ok());
        let mut next = || words.next().map_or(0, u32::from_le_bytes);
        let (a, b, c, d) = (next(), next(), next(), next());
        let words = [b, c, d].map(Untrusted::new);
        if let Ok(Some(place)) = Place::parse(Untrusted::new(a as u16), words) {
            assert!(place.bar <= 5, "the BAR exists");
            assert!(!place.fits(u64::from(place.offset)), "a place has a length");
            outcome |= 1;
        }
        if let Some(at) = notify_place(a as u16, b, c) {
            assert!(at + 2 <= c.into(), "inside the window");
            outcome |= 2;
        }
        if let Ok(size) = queue_size(Untrusted::new(a as u16), 64) {
            assert!(size.is_power_of_two() && size <= 64, "bounded");
            outcome |= 4;
            let entry = u64::from(b) | u64::from(c) << 32;
            if let Ok((id, _)) = used_entry(Untrusted::new(entry), size) {
                assert!(id < size, "bounded");
            }
        }
        if let Ok(count) = used_count(Untrusted::new(a as u16), b as u16, c as u16) {
            assert!(count <= c as u16, "bounded");
            outcome |= 8;
        }
    }
    outcome
}

/// A queue whose device writes what the bytes say into the used ring.
pub fn ring(data: &[u8]) -> u64 {
    let Ok(mut queue) = SplitQueue::new(8) else { return 0 };
    let [_, _, used] = queue.addresses();
    let (mut submitted, mut index, mut outcome) = ([0u32; 8], 0u16, 1);
    for step in data.chunks(4) {
        let (Some(&what), Some(&a), Some(&b)) = (step.first(), step.get(1), step.get(2)) else {
            break;
        };
        let c = step.get(3).copied().unwrap_or(0);
        match what % 4 {
            0 => {
                let count = usize::from(a % 3) + 1;
                let direction =
                    if b & 1 == 0 { Direction::ToDevice } else { Direction::FromDevice };
                let segment = Segment { addr: 0, len: c.into(), direction };
                let segments = [segment; 3];
                if let Some(head) = queue.submit(segments.get(..count).unwrap_or_default()) {
                    let writable = if b & 1 == 0 { 0 } else { count as u32 * u32::from(c) };
                    let slot = submitted.get_mut(usize::from(head));
                    let slot = slot.filter(|slot| **slot == 0);
                    *slot.unwrap_or(&mut 0) = writable + 1;
                    outcome |= 2;
                }
            }
            1 => {
                let at = used + 4 + 8 * u64::from(a % 8);
                let entry = u64::from(b) | u64::from(c) << 32 | u64::from(a & 0xf0) << 12;
                device_write(at, &entry.to_le_bytes());
            }
            2 => {
                index = index.wrapping_add(u16::from(a));
                device_write(used + 2, &index.to_le_bytes());
            }
            _ => match queue.pop() {
                Ok(Some(done)) => {
                    let slot = submitted.get_mut(usize::from(done.head));
                    let writable = slot.map_or(0, core::mem::take);
                    assert!(writable > 0, "a request comes back once");
                    assert!(done.written < writable, "with no more than it had room for");
                    outcome |= 4;
                }
                Ok(None) => outcome |= 8,
                Err(lie) => return outcome | (lie.len() as u64) << 8,
            },
        }
    }
    outcome
}

/// Registers that answer with the bytes, one after the other, then with zeros.
struct Script(Mutex<(Vec<u8>, usize)>);

impl Script {
    fn next(&self, size: usize) -> u64 {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, at) = &mut *script;
        let word = bytes.iter().skip(*at).take(size);
        let word = word.rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        *at += size;
        word
    }
}

impl DeviceModel for Script {
    fn read(&self, offset: u64, size: usize) -> u64 {
        match offset {
            // Else hardly any input would get beyond the first steps.
            common::DEVICE_FEATURE => u64::from(u32::MAX),
            common::STATUS if self.next(1) % 8 != 7 => 8 & self.next(1) << 3,
            _ => self.next(size),
        }
    }

    fn write(&self, _: u64, _: usize, _: u64) {}
}

/// A disk whose registers answer with the bytes.
pub fn disk(data: &[u8]) -> u64 {
    let script = Arc::new(Script(Mutex::new((data.to_vec(), 0))));
    let window = Arc::new(Mmio::model(0x1000, script));
    let registers = |kind, offset, len| {
        Registers::new(window.clone(), Place { kind, bar: 0, offset, len }).ok()
    };
    let (common, notify) =
        (registers(Kind::Common, 0, 0x38), registers(Kind::Notify, 0x100, 0x100));
    let device = registers(Kind::Device, 0x200, 0x40);
    let (Some(common), Some(notify)) = (common, notify) else { return 0 };
    let transport = Transport::new("virtio-blk", common, notify, 4, device);
    let device = Disk::new(transport, FEATURES, Some(0), 0);
    match device {
        Ok(disk) => {
            let mut sector = [0xaa; Sector::SIZE];
            let result = disk.read(Sector(0), &mut sector);
            assert!(result.is_err() && sector == [0xaa; Sector::SIZE], "no data without an answer");
            1
        }
        Err(DeviceError::Fault(fault)) => (fault.lie.len() as u64) << 8,
        Err(error) => unreachable!("{error}"),
    }
}
