// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Storage in sectors of 512 bytes.
//!
//! A [`BlockDevice`] takes [`Request`]s, several at once, and tells each one's
//! [`Completion`] when it is done. Back-pressure is in two places: the device's
//! [`Pool`] has no buffer left, or [`BlockDevice::submit`] gives the request back.
//! [`Blocking`] is for a task that waits.
//!
//! Trust: the content read is the host's; integrity is the job of the layers
//! above.

mod batch;
mod blocking;
mod request;

use alloc::sync::Arc;

pub use self::blocking::{Blocking, Filled};
pub use self::request::{BlockError, Completion, Finished, Operation, Refused, Request};
use crate::Pool;

/// A sector number; a sector is 512 bytes whatever the device's block size is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sector(pub u64);

impl Sector {
    /// Bytes in a sector.
    pub const SIZE: usize = 512;
}

/// What a disk is, and what it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How many sectors it has.
    pub sectors: u64,
    /// The smallest unit of reading and writing, in bytes: a power of two, at least 512.
    pub block_size: u32,
    /// Whether writes and discards are refused.
    pub is_read_only: bool,
    /// The most bytes that one request reads or writes: a multiple of the block size.
    /// They lie in one buffer; what is scattered is gathered by the copy into it.
    pub request_bytes: usize,
    /// How many requests can be under way at once.
    pub depth: usize,
    /// Whether what was written may be in a cache that only a flush empties.
    pub has_cache: bool,
    /// The most sectors that one request discards; 0: it cannot discard.
    pub discard_sectors: u32,
    /// How often, in nanoseconds, a task that waits calls [`BlockDevice::look`].
    pub look_ns: u64,
}

/// A disk. All methods but [`Blocking`]'s can be called in any context.
pub trait BlockDevice: Send + Sync {
    /// What the disk is and takes; it never changes.
    fn limits(&self) -> &Limits;

    /// The buffers for data that is read and written.
    fn pool(&self) -> &Arc<Pool>;

    /// Queues a request. It may wait for the next [`BlockDevice::kick`]; its completion
    /// is told what became of it, once. Requests are done in any order.
    ///
    /// # Errors
    /// [`Refused::Full`] gives the request back when too many are under way:
    /// [`Pool::changed`] is woken when there is room. [`Refused::Invalid`] otherwise.
    fn submit(&self, request: Request) -> Result<(), Refused>;

    /// Tells the device of the requests that were queued since the last time.
    fn kick(&self);

    /// Looks for what is done: the interrupt that says so may be lost. A device that
    /// needs too long is shut off here.
    fn look(&self);
}
