// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Window`]: the model's registers as a transport of `virtio-drivers`.
//!
//! Spec: OASIS virtio 1.2, section 4.1.4.3.

use std::sync::Arc;

use framework::hosted::DeviceModel;
use virtio::model::{DEVICE, Model, NOTIFY};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{Error, PhysAddr, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The common configuration, written down anew from the specification.
mod at {
    pub(super) const DEVICE_FEATURE_SELECT: u64 = 0x00;
    pub(super) const DEVICE_FEATURE: u64 = 0x04;
    pub(super) const DRIVER_FEATURE_SELECT: u64 = 0x08;
    pub(super) const DRIVER_FEATURE: u64 = 0x0c;
    pub(super) const DEVICE_STATUS: u64 = 0x14;
    pub(super) const CONFIG_GENERATION: u64 = 0x15;
    pub(super) const QUEUE_SELECT: u64 = 0x16;
    pub(super) const QUEUE_SIZE: u64 = 0x18;
    pub(super) const QUEUE_ENABLE: u64 = 0x1c;
    pub(super) const QUEUE_NOTIFY_OFF: u64 = 0x1e;
    pub(super) const QUEUE_DESC: u64 = 0x20;
    pub(super) const QUEUE_DRIVER: u64 = 0x28;
    pub(super) const QUEUE_DEVICE: u64 = 0x30;
}

/// The model's distance between the announcements of two queues.
const NOTIFY_MULTIPLIER: u64 = 4;

/// A device model's registers.
pub struct Window {
    model: Arc<Model>,
    kind: DeviceType,
}

impl Window {
    /// The registers of `model`, which plays a device of this kind.
    pub fn new(model: Arc<Model>, kind: DeviceType) -> Self {
        Self { model, kind }
    }

    fn read(&self, offset: u64, size: usize) -> u64 {
        self.model.read(offset, size)
    }

    fn write(&self, offset: u64, size: usize, value: u64) {
        self.model.write(offset, size, value);
    }

    fn select(&self, queue: u16) {
        self.write(at::QUEUE_SELECT, 2, queue.into());
    }

    fn write_address(&self, offset: u64, address: PhysAddr) {
        self.write(offset, 4, address & 0xffff_ffff);
        self.write(offset + 4, 4, address >> 32);
    }
}

impl Transport for Window {
    fn device_type(&self) -> DeviceType {
        self.kind
    }

    fn read_device_features(&mut self) -> u64 {
        let half = |half| {
            self.write(at::DEVICE_FEATURE_SELECT, 4, half);
            self.read(at::DEVICE_FEATURE, 4) << (32 * half)
        };
        half(0) | half(1)
    }

    fn write_driver_features(&mut self, features: u64) {
        for half in 0..2 {
            self.write(at::DRIVER_FEATURE_SELECT, 4, half);
            self.write(at::DRIVER_FEATURE, 4, features >> (32 * half) & 0xffff_ffff);
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.select(queue);
        self.read(at::QUEUE_SIZE, 2) as u32
    }

    fn notify(&mut self, queue: u16) {
        self.select(queue);
        let offset = NOTIFY_MULTIPLIER * self.read(at::QUEUE_NOTIFY_OFF, 2);
        self.write(NOTIFY + offset, 2, queue.into());
    }

    fn get_status(&self) -> DeviceStatus {
        DeviceStatus::from_bits_retain(self.read(at::DEVICE_STATUS, 1) as u32)
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.write(at::DEVICE_STATUS, 1, status.bits().into());
    }

    fn set_guest_page_size(&mut self, _size: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.select(queue);
        self.write(at::QUEUE_SIZE, 2, size.into());
        self.write_address(at::QUEUE_DESC, descriptors);
        self.write_address(at::QUEUE_DRIVER, driver_area);
        self.write_address(at::QUEUE_DEVICE, device_area);
        self.write(at::QUEUE_ENABLE, 2, 1);
    }

    fn queue_unset(&mut self, queue: u16) {
        self.select(queue);
        self.write(at::QUEUE_ENABLE, 2, 0);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.select(queue);
        self.read(at::QUEUE_ENABLE, 2) == 1
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::QUEUE_INTERRUPT
    }

    fn read_config_generation(&self) -> u32 {
        self.read(at::CONFIG_GENERATION, 1) as u32
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> Result<T> {
        let bytes: Vec<u8> = (0..size_of::<T>())
            .map(|byte| self.read(DEVICE + (offset + byte) as u64, 1) as u8)
            .collect();
        T::read_from_bytes(&bytes).map_err(|_| Error::ConfigSpaceTooSmall)
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, _: usize, _: T) -> Result<()> {
        Err(Error::Unsupported)
    }
}
