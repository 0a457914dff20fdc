// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A request as the device sees it: header, data, status.
//!
//! Trust: the status is the host's, read once for each request.
//! Spec: OASIS virtio 1.2, section 5.2.6.

use class::block::{BlockError, Limits, Operation, Sector};
use framework::host::SharedBuf;

use super::geometry::SLOTS;
use crate::queue::{Direction, Segment};
use crate::wire::any;

/// Bytes of a slot: header (16), status (1), from 32 on what a discard names (16).
pub(super) const HEADER: usize = 64;
const STATUS: usize = 16;
const NAMED: usize = 32;
/// All slots.
pub(super) const HEADERS: usize = SLOTS * HEADER;
/// Descriptors of a request.
pub(super) const MOST_SEGMENTS: usize = 3;
/// What the status is before the device wrote it.
const NO_STATUS: u8 = 0xff;

/// Kinds of requests.
const READ: u64 = 0;
const WRITE: u64 = 1;
const FLUSH: u64 = 4;
const DISCARD: u64 = 11;

/// Is it something that the disk takes?
pub(super) fn check(limits: &Limits, operation: &Operation) -> Result<(), BlockError> {
    let (start, sectors, is_write) = match operation {
        Operation::Read { start, buffer } | Operation::Write { start, buffer } => {
            let block = limits.block_size as usize;
            if !buffer.len().is_multiple_of(block) || buffer.is_empty() {
                return Err(BlockError::OutOfRange);
            }
            let is_write = matches!(operation, Operation::Write { .. });
            (start, (buffer.len() / Sector::SIZE) as u64, is_write)
        }
        Operation::Flush if limits.has_cache => return Ok(()),
        Operation::Discard { start, sectors } if *sectors <= limits.discard_sectors => {
            (start, u64::from(*sectors), true)
        }
        Operation::Flush | Operation::Discard { .. } => return Err(BlockError::Unsupported),
    };
    if is_write && limits.is_read_only {
        return Err(BlockError::ReadOnly);
    }
    let end = start.0.checked_add(sectors).filter(|end| *end <= limits.sectors);
    end.map(drop).ok_or(BlockError::OutOfRange)
}

/// Fills slot `number` in: the segments of the request, and how many they are.
pub(super) fn fill_in(
    headers: &SharedBuf,
    number: usize,
    operation: &Operation,
) -> ([Segment; MOST_SEGMENTS], usize) {
    let at = number * HEADER;
    let address = headers.device_addr() + at as u64;
    let to_device = |addr, len| Segment { addr, len, direction: Direction::ToDevice };
    let from_device = |addr, len| Segment { addr, len, direction: Direction::FromDevice };
    let (kind, sector, data) = match operation {
        Operation::Read { start, buffer } => {
            let addr = buffer.memory().map_or(0, SharedBuf::device_addr);
            (READ, start.0, Some(from_device(addr, buffer.len() as u32)))
        }
        Operation::Write { start, buffer } => {
            let addr = buffer.memory().map_or(0, SharedBuf::device_addr);
            (WRITE, start.0, Some(to_device(addr, buffer.len() as u32)))
        }
        Operation::Flush => (FLUSH, 0, None),
        Operation::Discard { start, sectors } => {
            let _ = headers.store_u64(at + NAMED, start.0);
            let _ = headers.store_u64(at + NAMED + 8, u64::from(*sectors));
            (DISCARD, 0, Some(to_device(address + NAMED as u64, 16)))
        }
    };
    // The slots lie in the buffer, at multiples of 64: these do not fail.
    let _ = headers.store_u64(at, kind);
    let _ = headers.store_u64(at + 8, sector);
    let _ = headers.store_u8(at + STATUS, NO_STATUS);
    let (head, status) = (to_device(address, 16), from_device(address + STATUS as u64, 1));
    match data {
        Some(data) => ([head, data, status], 3),
        None => ([head, status, status], 2),
    }
}

/// What is to be thought of an answer.
pub(super) enum Judgement {
    /// The request is done, or failed.
    Done(Result<(), BlockError>),
    /// It cannot be true.
    Lie(&'static str),
}

/// Judges the answer in slot `number`, with which the device says that it wrote
/// `written` bytes.
pub(super) fn judge(
    headers: &SharedBuf,
    number: usize,
    operation: &Operation,
    written: u32,
) -> Judgement {
    let len = match operation {
        Operation::Read { buffer, .. } => buffer.len(),
        Operation::Write { .. } | Operation::Flush | Operation::Discard { .. } => 0,
    };
    match any(headers.load_u8(number * HEADER + STATUS)) {
        0 if written as usize == len + 1 => Judgement::Done(Ok(())),
        0 => Judgement::Lie("a used length that is not the request's"),
        1 => Judgement::Done(Err(BlockError::Failed)),
        2 => Judgement::Done(Err(BlockError::Unsupported)),
        NO_STATUS => Judgement::Lie("a request done without a status"),
        _ => Judgement::Lie("a status that is none"),
    }
}
