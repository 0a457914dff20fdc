// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the loader hands over: memory map, command line, initramfs.
//!
//! Trust: all of it is written by the host (and only later measured). It is
//! copied to private memory once, then checked; what does not fit stops the
//! machine with a reason.
//!
//! Spec: Xen's PVH boot protocol (start info version 1).

mod map;

pub use map::{MAX_REGIONS, MapError, MemoryMap, Region};

use crate::sync::Once;
use alloc::vec::Vec;

static COMMAND_LINE: Once<&'static str> = Once::new();

/// The kernel command line; empty before boot has read it.
pub fn command_line() -> &'static str {
    COMMAND_LINE.get().copied().unwrap_or("")
}

/// The initramfs that the loader gave, owned by who took it.
pub struct Initramfs {
    bytes: Vec<u8>,
}

impl core::ops::Deref for Initramfs {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
