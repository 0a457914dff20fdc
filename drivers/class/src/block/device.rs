// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`BlockDevice`]: what a driver of disks implements.

use alloc::sync::Arc;

use super::request::{Refused, Request};
use crate::Pool;

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

/// A disk. All methods but [`Blocking`](super::Blocking)'s can be called in any context.
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
