// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Transport`]: a device's registers, from reset to running, and its end.
//!
//! Spec: OASIS virtio 1.2, sections 3.1 and 4.1.4.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use framework::host::{DeviceError, HostFault, Mmio, Untrusted};
use framework::irq::IrqHandler;
use framework::mm::NoMemory;
use framework::time;
use pci::{Capability, Function};

use crate::queue::SplitQueue;
use crate::wire::{
    self, ACCESS_PLATFORM, ACKNOWLEDGE, CAPABILITY, DRIVER, DRIVER_OK, FEATURES_OK, Kind,
    NO_VECTOR, Place, VERSION_1, any, common,
};

/// How long a reset may take, in nanoseconds.
const RESET_NS: u64 = 1_000_000_000;
/// Reads of a configuration that changes under way.
const CONFIG_READS: usize = 8;
/// The most queues that a driver here uses.
const MOST_QUEUES: usize = 4;

/// Some of a device's registers.
#[derive(Clone)]
pub struct Registers {
    window: Arc<Mmio>,
    place: Place,
}

impl Registers {
    /// The registers at `place` of `window`.
    ///
    /// # Errors
    /// When they end beyond the window.
    pub fn new(window: Arc<Mmio>, place: Place) -> Result<Self, &'static str> {
        if place.fits(window.len()) {
            Ok(Self { window, place })
        } else {
            Err("registers beyond the end of their BAR")
        }
    }

    /// The register at `offset` in the window, if it belongs to these.
    fn at(&self, offset: u64, size: u64) -> u64 {
        let fits = offset.checked_add(size).is_some_and(|end| end <= self.place.len.into());
        // Nothing is at the window's end, and nothing happens there.
        if fits { u64::from(self.place.offset) + offset } else { u64::MAX }
    }

    fn read_u16(&self, offset: u64) -> Untrusted<u16> {
        self.window.read_u16(self.at(offset, 2))
    }

    fn write_u16(&self, offset: u64, value: u16) {
        self.window.write_u16(self.at(offset, 2), value);
    }

    fn read_u32(&self, offset: u64) -> Untrusted<u32> {
        self.window.read_u32(self.at(offset, 4))
    }

    fn write_u32(&self, offset: u64, value: u32) {
        self.window.write_u32(self.at(offset, 4), value);
    }
}

/// A virtio device behind its registers.
pub struct Transport {
    name: &'static str,
    common: Registers,
    notify: Registers,
    multiplier: u32,
    device: Option<Registers>,
    /// Where each queue is announced, in the notify registers.
    queues: [AtomicU64; MOST_QUEUES],
    is_fenced: AtomicBool,
}

impl Transport {
    /// Finds the registers of a PCI function.
    ///
    /// # Errors
    /// What is wrong with them; see also [`Function::window`].
    pub fn attach(
        name: &'static str,
        function: &Function,
        capabilities: &[Capability],
    ) -> Result<Self, DeviceError> {
        let lie = |lie| HostFault::new(name, lie);
        let (mut common, mut notify, mut device, mut multiplier) = (None, None, None, 0);
        for capability in capabilities.iter().filter(|capability| capability.id == CAPABILITY) {
            let words = [1, 2, 3].map(|word| function.capability_word(capability, word));
            let control = Untrusted::new(capability.control);
            let Some(place) = Place::parse(control, words).map_err(lie)? else { continue };
            let slot = match place.kind {
                Kind::Common => &mut common,
                Kind::Notify => &mut notify,
                Kind::Device => &mut device,
            };
            // The first one of a kind counts.
            if slot.is_none() {
                *slot = Some(Registers::new(function.window(place.bar)?, place).map_err(lie)?);
                if place.kind == Kind::Notify {
                    multiplier = any(function.capability_word(capability, 4));
                }
            }
        }
        let common = common.ok_or(lie("no common configuration"))?;
        let notify = notify.ok_or(lie("no notification registers"))?;
        Ok(Self::new(name, common, notify, multiplier, device))
    }

    /// A device with these registers.
    pub fn new(
        name: &'static str,
        common: Registers,
        notify: Registers,
        multiplier: u32,
        device: Option<Registers>,
    ) -> Self {
        let queues = [const { AtomicU64::new(u64::MAX) }; MOST_QUEUES];
        let is_fenced = AtomicBool::new(false);
        Self { name, common, notify, multiplier, device, queues, is_fenced }
    }

    /// Resets the device and agrees on features: those of `wanted` that it offers.
    ///
    /// # Errors
    /// A device that does not get as far, or lacks what must be.
    pub fn negotiate(&self, wanted: u64) -> Result<u64, HostFault> {
        let status =
            |status| self.common.window.write_u8(self.common.at(common::STATUS, 1), status);
        self.reset()?;
        status(ACKNOWLEDGE);
        status(ACKNOWLEDGE | DRIVER);
        let mut offered = 0;
        for half in 0..2 {
            self.common.write_u32(common::DEVICE_FEATURE_SELECT, half);
            offered |= u64::from(any(self.common.read_u32(common::DEVICE_FEATURE))) << (32 * half);
        }
        let needed =
            if framework::cvm::is_confidential() { VERSION_1 | ACCESS_PLATFORM } else { VERSION_1 };
        if offered & needed != needed {
            return Err(self.lie("no VERSION_1, or no ACCESS_PLATFORM in a confidential VM"));
        }
        let features = offered & (wanted | VERSION_1 | ACCESS_PLATFORM);
        for half in 0..2 {
            self.common.write_u32(common::DRIVER_FEATURE_SELECT, half);
            self.common.write_u32(common::DRIVER_FEATURE, (features >> (32 * half)) as u32);
        }
        status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
        if self.status() & FEATURES_OK == 0 {
            return Err(self.lie("features refused that it offered"));
        }
        Ok(features)
    }

    /// Sets up queue `index` with at most `wanted` descriptors. `vector` is the MSI-X
    /// entry for its interrupts.
    ///
    /// # Errors
    /// A queue that is none, or no memory for it.
    pub fn queue(
        &self,
        index: u16,
        wanted: u16,
        vector: Option<u16>,
    ) -> Result<SplitQueue, DeviceError> {
        let lie = |lie| self.lie(lie);
        self.common.write_u16(common::QUEUE_SELECT, index);
        let most = self.common.read_u16(common::QUEUE_SIZE);
        let size = wire::queue_size(most, wanted).map_err(lie)?;
        let queue = SplitQueue::new(size).map_err(|NoMemory| self.no_memory())?;
        self.common.write_u16(common::QUEUE_SIZE, size);
        let vector = vector.unwrap_or(NO_VECTOR);
        self.common.write_u16(common::QUEUE_VECTOR, vector);
        self.common.read_u16(common::QUEUE_VECTOR).check(|found| {
            if *found == vector { Ok(()) } else { Err(lie("an interrupt vector refused")) }
        })?;
        let offset = any(self.common.read_u16(common::QUEUE_NOTIFY));
        let place = wire::notify_place(offset, self.multiplier, self.notify.place.len);
        let place = place.ok_or(lie("a queue announced outside of the registers for it"))?;
        let rings = [common::QUEUE_DESC, common::QUEUE_AVAIL, common::QUEUE_USED];
        for (register, address) in rings.into_iter().zip(queue.addresses()) {
            self.common.write_u32(register, address as u32);
            self.common.write_u32(register + 4, (address >> 32) as u32);
        }
        self.common.write_u16(common::QUEUE_ENABLE, 1);
        if let Some(slot) = self.queues.get(usize::from(index)) {
            slot.store(place, Ordering::Relaxed);
        }
        Ok(queue)
    }

    /// Gives a queue's handlers MSI-X vectors, and none to configuration changes: the
    /// configuration is read once.
    ///
    /// # Errors
    /// See [`Function::enable_msix`].
    pub fn enable_interrupts(
        &self,
        function: &Function,
        capabilities: &[Capability],
        handlers: &[Arc<dyn IrqHandler>],
    ) -> Result<(), DeviceError> {
        function.enable_msix(capabilities, handlers)?;
        self.common.write_u16(common::CONFIG_VECTOR, NO_VECTOR);
        Ok(())
    }

    /// Lets the device run.
    pub fn start(&self) {
        let on = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
        self.common.window.write_u8(self.common.at(common::STATUS, 1), on);
    }

    /// How many queues the device has.
    pub fn queues(&self) -> u16 {
        any(self.common.read_u16(common::QUEUES))
    }

    /// Tells the device that queue `index` has new requests.
    pub fn notify(&self, index: u16) {
        if let (Some(place), false) = (self.queues.get(usize::from(index)), self.is_fenced()) {
            self.notify.write_u16(place.load(Ordering::Relaxed), index);
        }
    }

    /// Reads words of the device's configuration that belong together.
    ///
    /// # Errors
    /// No such configuration, or one that never keeps still.
    pub fn config<const N: usize>(
        &self,
        offsets: [u64; N],
    ) -> Result<[Untrusted<u32>; N], HostFault> {
        let device = self.device.as_ref().ok_or(self.lie("no device configuration"))?;
        let generation = || any(self.common.window.read_u8(self.common.at(common::GENERATION, 1)));
        let mut before = generation();
        for _ in 0..CONFIG_READS {
            let words = offsets.map(|offset| device.read_u32(offset));
            let after = generation();
            if before == after {
                return Ok(words);
            }
            before = after;
        }
        Err(self.lie("a configuration that never keeps still"))
    }

    /// Shuts the device off for good: it lied.
    pub fn fence(&self, lie: &'static str) {
        if !self.is_fenced.swap(true, Ordering::AcqRel) {
            self.common.window.write_u8(self.common.at(common::STATUS, 1), 0);
            log::error!("{}; the device is shut off", self.lie(lie));
        }
    }

    /// Whether the device was shut off.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced.load(Ordering::Acquire)
    }

    /// The fault for a lie of this device.
    pub fn lie(&self, lie: &'static str) -> HostFault {
        HostFault::new(self.name, lie)
    }

    /// The error for a lack of memory, which is no lie of this device.
    pub fn no_memory(&self) -> DeviceError {
        DeviceError::NoMemory(self.name)
    }

    fn status(&self) -> u8 {
        any(self.common.window.read_u8(self.common.at(common::STATUS, 1)))
    }

    fn reset(&self) -> Result<(), HostFault> {
        self.common.window.write_u8(self.common.at(common::STATUS, 1), 0);
        let until = time::monotonic_ns() + RESET_NS;
        while self.status() != 0 {
            if time::monotonic_ns() > until {
                return Err(self.lie("a reset that does not end"));
            }
            core::hint::spin_loop();
        }
        Ok(())
    }
}
