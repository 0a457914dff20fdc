// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Layouts of virtio over PCI: pure, total functions.
//!
//! Trust: every value is the host's.
//! Spec: OASIS virtio 1.2, sections 2.7, 4.1.4 and 5.2.

use core::convert::Infallible;

use framework::host::Untrusted;

/// The vendor of all virtio devices, and the first id of modern ones.
pub(crate) const VENDOR: u16 = 0x1af4;
pub(crate) const MODERN: u16 = 0x1040;

/// The kind of PCI capability that says where virtio's registers are.
pub(crate) const CAPABILITY: u8 = 9;

/// Feature bits of every kind of device.
pub(crate) const VERSION_1: u64 = 1 << 32;
pub(crate) const ACCESS_PLATFORM: u64 = 1 << 33;

/// Bits of the device status.
pub(crate) const ACKNOWLEDGE: u8 = 1;
pub(crate) const DRIVER: u8 = 2;
pub(crate) const DRIVER_OK: u8 = 4;
pub(crate) const FEATURES_OK: u8 = 8;

/// No vector.
pub(crate) const NO_VECTOR: u16 = 0xffff;

/// Offsets of the common configuration.
pub(crate) mod common {
    pub(crate) const DEVICE_FEATURE_SELECT: u64 = 0x00;
    pub(crate) const DEVICE_FEATURE: u64 = 0x04;
    pub(crate) const DRIVER_FEATURE_SELECT: u64 = 0x08;
    pub(crate) const DRIVER_FEATURE: u64 = 0x0c;
    pub(crate) const CONFIG_VECTOR: u64 = 0x10;
    pub(crate) const QUEUES: u64 = 0x12;
    pub(crate) const STATUS: u64 = 0x14;
    pub(crate) const GENERATION: u64 = 0x15;
    pub(crate) const QUEUE_SELECT: u64 = 0x16;
    pub(crate) const QUEUE_SIZE: u64 = 0x18;
    pub(crate) const QUEUE_VECTOR: u64 = 0x1a;
    pub(crate) const QUEUE_ENABLE: u64 = 0x1c;
    pub(crate) const QUEUE_NOTIFY: u64 = 0x1e;
    pub(crate) const QUEUE_DESC: u64 = 0x20;
    pub(crate) const QUEUE_AVAIL: u64 = 0x28;
    pub(crate) const QUEUE_USED: u64 = 0x30;
    pub(crate) const LEN: u64 = 0x38;
}

/// A value of which every one has a meaning.
pub(crate) fn any<T: Copy>(claim: Untrusted<T>) -> T {
    let Ok(value) = claim.check(|value| Ok::<_, Infallible>(*value));
    value
}

/// Which registers a capability tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Status, features, queues.
    Common,
    /// Where the driver announces new buffers.
    Notify,
    /// What the kind of device has.
    Device,
}

/// Where some of the registers are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Which registers.
    pub kind: Kind,
    /// The BAR.
    pub bar: u8,
    /// Where they begin in it.
    pub offset: u32,
    /// How many bytes they are.
    pub len: u32,
}

impl Place {
    /// Reads a capability; `None` if it tells of registers that are not used.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(
        control: Untrusted<u16>,
        words: [Untrusted<u32>; 3],
    ) -> Result<Option<Self>, &'static str> {
        let [bar, offset, len] = words;
        control.zip(bar).zip(offset.zip(len)).check(|((control, bar), (offset, len))| {
            let [_, kind] = control.to_le_bytes();
            let (kind, least, align) = match kind {
                1 => (Kind::Common, common::LEN, 4),
                2 => (Kind::Notify, 2, 2),
                4 => (Kind::Device, 1, 4),
                _ => return Ok(None),
            };
            let [bar, ..] = bar.to_le_bytes();
            if bar > 5 {
                return Err("registers in no BAR");
            }
            if u64::from(*len) < least || offset % align != 0 {
                return Err("registers too short or not aligned");
            }
            Ok(Some(Self { kind, bar, offset: *offset, len: *len }))
        })
    }

    /// Does it end in a window of `size` bytes?
    pub fn fits(&self, size: u64) -> bool {
        u64::from(self.offset) + u64::from(self.len) <= size
    }
}

/// Where queue `offset` is announced, if that lies in the `len` bytes for it.
pub fn notify_place(offset: u16, multiplier: u32, len: u32) -> Option<u64> {
    let at = u64::from(offset) * u64::from(multiplier);
    (at + 2 <= u64::from(len) && at.is_multiple_of(2)).then_some(at)
}

/// A queue's size: a power of two, at most as large as `wanted` and as allowed.
///
/// # Errors
/// What is wrong with the device's answer: 0, no power of two, or beyond 32,768.
pub fn queue_size(most: Untrusted<u16>, wanted: u16) -> Result<u16, &'static str> {
    most.check(|most| match *most {
        0 => Err("a queue that does not exist"),
        most if !most.is_power_of_two() || most > 1 << 15 => {
            Err("a queue size that is no power of two")
        }
        most => Ok(most.min(wanted)),
    })
}

/// Checks an entry of the used ring: descriptor number (below `size`) and length.
///
/// # Errors
/// What is wrong: a number that is not below `size`.
pub fn used_entry(entry: Untrusted<u64>, size: u16) -> Result<(u16, u32), &'static str> {
    entry.check(|entry| {
        let (id, len) = (*entry as u32, (entry >> 32) as u32);
        match u16::try_from(id) {
            Ok(id) if id < size => Ok((id, len)),
            _ => Err("a used id out of range"),
        }
    })
}

/// How many entries the device has used since `seen`, if it can be.
///
/// # Errors
/// What is wrong: more than `outstanding`.
pub fn used_count(index: Untrusted<u16>, seen: u16, outstanding: u16) -> Result<u16, &'static str> {
    index.check(|index| match index.wrapping_sub(seen) {
        count if count <= outstanding => Ok(count),
        _ => Err("more used than submitted"),
    })
}
