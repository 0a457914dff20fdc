// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A model of a virtio device for tests on the build machine: honest, or with a
//! [`Lie`].
//!
//! It plays common configuration, notification and the device's own configuration in
//! one window, and serves its queues when it is notified.

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::boxed::Box;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use framework::host::Mmio;
use framework::hosted::{DeviceModel, device_read, device_write};

use crate::transport::{Registers, Transport};
use crate::wire::{Kind, Place, common};

/// Where queues are announced in the window; the common configuration is at its start.
pub const NOTIFY: u64 = 0x1000;
/// Where the device's own configuration is.
pub const DEVICE: u64 = 0x2000;
const WINDOW: u64 = 0x3000;

/// How the device lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It does not.
    None,
    /// Offers no VERSION_1.
    NoVersion,
    /// Takes FEATURES_OK back.
    FeaturesRefused,
    /// Never ends a reset.
    ResetLoops,
    /// The configuration changes with every read.
    ConfigRestless,
    /// Queues of this size.
    QueueSize(u16),
    /// Does not keep an interrupt vector.
    VectorRefused,
    /// Queues are announced far away.
    NotifyFar,
    /// Uses a descriptor number of its own choice.
    UsedId(u32),
    /// Uses each request twice.
    UsedTwice,
    /// Adds to the used length.
    UsedLen(i64),
    /// Adds to the used index.
    UsedIndex(u16),
    /// Never uses anything.
    NeverUsed,
    /// Ends requests with this status (of a disk).
    Status(u8),
    /// Does not write a status.
    NoStatus,
}

#[derive(Clone, Copy, Default)]
struct Queue {
    size: u16,
    vector: u16,
    is_on: bool,
    rings: [u64; 3],
    seen: u16,
    used: u16,
}

struct State {
    lie: Lie,
    status: u8,
    feature_half: u32,
    driver_half: u32,
    driver_features: u64,
    queue: usize,
    queues: [Queue; 2],
    generation: u8,
}

/// Who serves the requests of a queue: gets what the driver wrote and room for the
/// answer; returns how much of it was written.
pub type Serve = Box<dyn FnMut(u16, &[u8], &mut [u8]) -> usize + Send>;

/// The device.
pub struct Model {
    features: u64,
    config: Vec<u8>,
    state: Mutex<State>,
    serve: Mutex<Serve>,
    /// Held while requests are served: notifications come from several CPUs at once.
    at_work: Mutex<()>,
    interrupt: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Model {
    /// A device that offers `features`, with a configuration.
    pub fn new(features: u64, config: &[u8], lie: Lie, serve: Serve) -> Arc<Self> {
        let state = State {
            lie,
            status: 0,
            feature_half: 0,
            driver_half: 0,
            driver_features: 0,
            queue: 0,
            queues: [Queue::default(); 2],
            generation: 0,
        };
        Arc::new(Self {
            features,
            config: config.to_vec(),
            state: Mutex::new(state),
            serve: Mutex::new(serve),
            at_work: Mutex::new(()),
            interrupt: OnceLock::new(),
        })
    }

    /// Calls `interrupt` when requests were served.
    pub fn on_interrupt(&self, interrupt: impl Fn() + Send + Sync + 'static) {
        let _ = self.interrupt.set(Box::new(interrupt));
    }

    /// Lies from now on.
    pub fn lie(&self, lie: Lie) {
        lock(&self.state).lie = lie;
    }

    /// The features that the driver took.
    pub fn driver_features(&self) -> u64 {
        lock(&self.state).driver_features
    }

    /// Whether the driver has reset the device, or not begun yet.
    pub fn is_reset(&self) -> bool {
        lock(&self.state).status == 0
    }

    /// The driver's side of it.
    pub fn transport(self: &Arc<Self>, name: &'static str) -> Transport {
        let window = Arc::new(Mmio::model(WINDOW, self.clone()));
        let registers = |kind, offset, len| {
            Registers::new(window.clone(), Place { kind, bar: 0, offset, len }).ok()
        };
        let common = registers(Kind::Common, 0, common::LEN as u32);
        let notify = registers(Kind::Notify, NOTIFY as u32, 16);
        let device = registers(Kind::Device, DEVICE as u32, self.config.len() as u32);
        match (common, notify) {
            (Some(common), Some(notify)) => Transport::new(name, common, notify, 4, device),
            _ => unreachable!("the registers lie in the window"),
        }
    }

    /// Serves what the driver has made available in a queue.
    pub fn notified(&self, index: u16) {
        let at_work = lock(&self.at_work);
        let (mut queue, lie) = {
            let state = lock(&self.state);
            let Some(queue) = state.queues.get(usize::from(index)) else { return };
            (*queue, state.lie)
        };
        if !queue.is_on || queue.size == 0 || lie == Lie::NeverUsed {
            return;
        }
        let [_, avail, used] = queue.rings;
        while queue.seen != word(avail + 2) {
            let head = word(avail + 4 + 2 * u64::from(queue.seen % queue.size));
            queue.seen = queue.seen.wrapping_add(1);
            let written = self.serve_one(index, &queue, head, lie);
            let id = if let Lie::UsedId(id) = lie { id } else { head.into() };
            let delta = if let Lie::UsedLen(delta) = lie { delta } else { 0 };
            let len = (written as i64 + delta) as u32;
            for _ in 0..if lie == Lie::UsedTwice { 2 } else { 1 } {
                let entry = used + 4 + 8 * u64::from(queue.used % queue.size);
                let bytes = u64::from(id) | u64::from(len) << 32;
                device_write(entry, &bytes.to_le_bytes());
                queue.used = queue.used.wrapping_add(1);
            }
            let extra = if let Lie::UsedIndex(extra) = lie { extra } else { 0 };
            device_write(used + 2, &queue.used.wrapping_add(extra).to_le_bytes());
        }
        if let Some(slot) = lock(&self.state).queues.get_mut(usize::from(index)) {
            (slot.seen, slot.used) = (queue.seen, queue.used);
        }
        drop(at_work);
        if let Some(interrupt) = self.interrupt.get() {
            interrupt();
        }
    }

    /// Serves the request at `head`; returns how much the device wrote.
    fn serve_one(&self, index: u16, queue: &Queue, head: u16, lie: Lie) -> usize {
        let (mut from_driver, mut room, mut places) = (Vec::new(), 0, Vec::new());
        let mut next = Some(head);
        for _ in 0..queue.size {
            let Some(number) = next else { break };
            let at = queue.rings.first().map_or(0, |descs| descs + 16 * u64::from(number));
            let mut bytes = [0; 16];
            device_read(at, &mut bytes);
            let bits = u128::from_le_bytes(bytes);
            let (addr, len, flags) = (bits as u64, (bits >> 64) as u32, (bits >> 96) as u16);
            if flags & 2 != 0 {
                places.push((addr, len as usize));
                room += len as usize;
            } else {
                let mut data = std::vec![0; len as usize];
                device_read(addr, &mut data);
                from_driver.extend(data);
            }
            next = (flags & 1 != 0).then_some((bits >> 112) as u16);
        }
        let mut answer = std::vec![0; room];
        let written = (*lock(&self.serve))(index, &from_driver, &mut answer);
        if let (Lie::Status(status), Some(last)) = (lie, answer.last_mut()) {
            *last = status;
        }
        let kept = if lie == Lie::NoStatus { written.saturating_sub(1) } else { written };
        let mut rest = answer.get(..kept).unwrap_or_default();
        for (addr, len) in places {
            let (now, later) = rest.split_at(len.min(rest.len()));
            device_write(addr, now);
            rest = later;
        }
        written
    }
}

fn word(addr: u64) -> u16 {
    let mut bytes = [0; 2];
    device_read(addr, &mut bytes);
    u16::from_le_bytes(bytes)
}

impl DeviceModel for Model {
    fn read(&self, offset: u64, size: usize) -> u64 {
        if let Some(at) = offset.checked_sub(DEVICE) {
            let bytes = self.config.iter().skip(at as usize).take(size);
            return bytes.rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        let mut state = lock(&self.state);
        let lie = state.lie;
        let queue = state.queues.get(state.queue).copied();
        match offset {
            common::DEVICE_FEATURE => {
                let hidden = if lie == Lie::NoVersion { 1 << 32 } else { 0 };
                (self.features & !hidden) >> (32 * (state.feature_half & 1)) & 0xffff_ffff
            }
            common::QUEUES => state.queues.len() as u64,
            common::STATUS if lie == Lie::ResetLoops => 0x40,
            common::STATUS => state.status.into(),
            common::GENERATION => {
                state.generation =
                    state.generation.wrapping_add((lie == Lie::ConfigRestless).into());
                state.generation.into()
            }
            common::QUEUE_SIZE => match lie {
                Lie::QueueSize(size) => size.into(),
                _ => 256,
            },
            common::QUEUE_VECTOR if lie == Lie::VectorRefused => 0xffff,
            common::QUEUE_VECTOR => queue.map_or(0xffff, |queue| queue.vector.into()),
            common::QUEUE_NOTIFY if lie == Lie::NotifyFar => 4,
            common::QUEUE_NOTIFY => state.queue as u64,
            _ => 0,
        }
    }

    fn write(&self, offset: u64, _size: usize, value: u64) {
        if (NOTIFY..DEVICE).contains(&offset) {
            return self.notified(value as u16);
        }
        let mut state = lock(&self.state);
        let lie = state.lie;
        let selected = state.queue;
        match offset {
            common::DEVICE_FEATURE_SELECT => state.feature_half = value as u32,
            common::DRIVER_FEATURE_SELECT => state.driver_half = value as u32,
            common::DRIVER_FEATURE if state.driver_half == 0 => state.driver_features = value,
            common::DRIVER_FEATURE => state.driver_features |= value << 32,
            common::STATUS if lie == Lie::FeaturesRefused => state.status = value as u8 & !8,
            common::STATUS => {
                state.status = value as u8;
                if value == 0 {
                    state.queues = [Queue::default(); 2];
                }
            }
            common::QUEUE_SELECT => state.queue = value as usize,
            _ => {}
        }
        let Some(queue) = state.queues.get_mut(selected) else { return };
        let ring = |from: u64, ring: &mut u64| match offset.checked_sub(from) {
            Some(0) => *ring = *ring & !0xffff_ffff | value,
            Some(4) => *ring = *ring & 0xffff_ffff | value << 32,
            _ => {}
        };
        let registers = [common::QUEUE_DESC, common::QUEUE_AVAIL, common::QUEUE_USED];
        registers.into_iter().zip(&mut queue.rings).for_each(|(from, place)| ring(from, place));
        match offset {
            common::QUEUE_SIZE => queue.size = value as u16,
            common::QUEUE_VECTOR => queue.vector = value as u16,
            common::QUEUE_ENABLE => queue.is_on = value == 1,
            _ => {}
        }
    }
}

/// Serves a queue as a disk with this content.
pub fn disk(content: Arc<Mutex<Vec<u8>>>) -> Serve {
    Box::new(move |_, request, answer| {
        let mut content = lock(&content);
        let number = |at: usize| {
            let bytes = request.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(u64::MAX, u64::from_le_bytes)
        };
        let (kind, start) = (number(0) as u32, number(8).saturating_mul(512) as usize);
        let Some((status, room)) = answer.split_last_mut() else { return 0 };
        let len = if kind == 0 { room.len() } else { request.len().saturating_sub(16) };
        let range = start..start.saturating_add(len);
        *status = match (kind, content.get_mut(range)) {
            (0, Some(part)) => {
                room.copy_from_slice(part);
                0
            }
            (1, Some(part)) => {
                part.copy_from_slice(request.get(16..).unwrap_or_default());
                0
            }
            (0 | 1, None) => 1,
            (4, _) => 0,
            (11, _) => {
                let (at, count) = (number(16).saturating_mul(512) as usize, number(24) as u32);
                let part = content.get_mut(at..at.saturating_add(count as usize * 512));
                part.map_or(1, |part| {
                    part.fill(0);
                    0
                })
            }
            _ => 2,
        };
        if *status == 0 && kind == 0 { len + 1 } else { room.len() + 1 }
    })
}

/// The configuration of a disk of `sectors` sectors.
pub fn disk_config(sectors: u64) -> Vec<u8> {
    let mut config = std::vec![0u8; 60];
    let mut put = |at: usize, bytes: &[u8]| {
        config.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
    };
    put(0, &sectors.to_le_bytes());
    put(20, &512u32.to_le_bytes());
    put(36, &8u32.to_le_bytes());
    put(40, &1u32.to_le_bytes());
    config
}
