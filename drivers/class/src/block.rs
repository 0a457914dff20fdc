// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Storage in sectors of 512 bytes.
//!
//! Trust: the content read is the host's; integrity is the job of the layers
//! above.

use abi::{Result, err};

/// A sector number; a sector is 512 bytes whatever the device's block size is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sector(pub u64);

impl Sector {
    /// Bytes in a sector.
    pub const SIZE: usize = 512;
}

/// A disk.
pub trait BlockDevice: Send + Sync {
    /// How many sectors the disk has.
    fn sectors(&self) -> u64;

    /// The smallest unit of reading and writing, in bytes: a power of two.
    fn block_size(&self) -> u32 {
        512
    }

    /// Whether writes are refused.
    fn is_read_only(&self) -> bool;

    /// Fills `buffer` (whole sectors) from `start`; sleeps until it is done.
    fn read(&self, start: Sector, buffer: &mut [u8]) -> Result<()>;

    /// Writes `data` (whole sectors) from `start`; sleeps until it is done.
    fn write(&self, start: Sector, data: &[u8]) -> Result<()>;

    /// Returns once all writes that completed before are on stable storage.
    fn flush(&self) -> Result<()>;

    /// Forgets the content of `sectors` sectors from `start` on.
    fn discard(&self, _start: Sector, _sectors: u64) -> Result<()> {
        err!(EOPNOTSUPP, "cannot discard")
    }
}
