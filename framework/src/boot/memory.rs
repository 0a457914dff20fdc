// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`BootMemory`]: physical memory as the boot code sees it.

/// Physical memory as the boot code sees it.
pub(crate) trait BootMemory {
    /// Copies from physical address `at`; false if that is out of reach.
    fn read(&self, at: u64, out: &mut [u8]) -> bool;
}

pub(super) fn u32_at<M: BootMemory>(memory: &M, at: u64) -> Option<u32> {
    let mut bytes = [0; 4];
    memory.read(at, &mut bytes).then(|| u32::from_le_bytes(bytes))
}

pub(super) fn u64_at<M: BootMemory>(memory: &M, at: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read(at, &mut bytes).then(|| u64::from_le_bytes(bytes))
}
