// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The crate `virtio-drivers` on the device model of our own drivers.
//!
//! [`Window`] is its transport: the registers of [`virtio::model::Model`], by the offsets of the specification. [`Bounce`]
//! is its memory: what the model can reach, with each buffer copied there and back, as in a confidential VM. The tests
//! run the same requests through both drivers and compare what device and reader get.
//!
//! [`hal`] is the one file with unsafe code, as the crate's interface asks for it. Nothing of this goes into the kernel.

#![deny(unsafe_code)]

pub mod hal;
pub mod window;

pub use hal::Bounce;
pub use window::Window;
