// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Request`]: what a disk is asked for, and who is told.

use alloc::sync::Arc;

use abi::{Errno, Error};

use crate::Buffer;

/// A sector number; a sector is 512 bytes whatever the device's block size is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sector(pub u64);

impl Sector {
    /// Bytes in a sector.
    pub const SIZE: usize = 512;
}

/// What a disk shall do.
pub enum Operation {
    /// Fills as much of the buffer as counts from the sectors from `start` on.
    Read {
        /// The first sector.
        start: Sector,
        /// Whole blocks.
        buffer: Buffer,
    },
    /// Writes as much of the buffer as counts to the sectors from `start` on.
    Write {
        /// The first sector.
        start: Sector,
        /// Whole blocks.
        buffer: Buffer,
    },
    /// Puts what was written before on stable storage.
    Flush,
    /// Forgets the content of sectors.
    Discard {
        /// The first sector.
        start: Sector,
        /// How many.
        sectors: u32,
    },
}

/// What a disk is asked for.
pub struct Request {
    /// What it shall do.
    pub operation: Operation,
    /// Who is told that it is done.
    pub done: Arc<dyn Completion>,
    /// Which of the requests of `done` it is.
    pub token: usize,
}

/// Who is told that requests are done.
pub trait Completion: Send + Sync {
    /// One request is done, or given up. Called with no lock held, in the interrupt or
    /// in the task that looked: it neither sleeps nor allocates. It may copy to pages
    /// here, and leave copying to user memory to a task by keeping the buffer.
    fn complete(&self, finished: Finished);
}

/// A request that is done.
pub struct Finished {
    /// The request's token.
    pub token: usize,
    /// What became of it.
    pub result: Result<(), BlockError>,
    /// Its buffer, if the device gave it back. A device that was shut off may still
    /// write to it: then it is never used again.
    pub buffer: Option<Buffer>,
}

/// Why a request was not queued.
pub enum Refused {
    /// There is no room now: the request, to be tried again.
    Full(Request),
    /// There never will be.
    Invalid(BlockError),
}

/// Why a disk did not do what it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockError {
    /// It says that it failed.
    Failed,
    /// It cannot do that.
    Unsupported,
    /// It is read-only.
    ReadOnly,
    /// No whole blocks, more than one request may have, or beyond its end.
    OutOfRange,
    /// It was shut off, because it lied or did not answer.
    ShutOff,
}

impl From<BlockError> for Error {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Failed => Self::new(Errno::EIO, "the disk failed"),
            BlockError::Unsupported => Self::new(Errno::EOPNOTSUPP, "the disk cannot do that"),
            BlockError::ReadOnly => Self::new(Errno::EROFS, "the disk is read-only"),
            BlockError::OutOfRange => Self::new(Errno::EIO, "beyond the end of the disk"),
            BlockError::ShutOff => Self::new(Errno::EIO, "the disk was shut off"),
        }
    }
}
