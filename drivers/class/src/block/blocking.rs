// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Blocking`]: reads and writes for a task that waits.
//!
//! A call makes up to four requests for adjoining sectors, which the device works on
//! at once, and tells the device of them once.

use abi::{Result, err};
use framework::mm::{Reader, UserFault, Writer};

use super::batch::{BATCH, Batch, wait_for};
use super::{BlockDevice, BlockError, Operation, Refused, Request, Sector};
use crate::{Buffer, Holder};

/// Data for adjoining sectors that [`Blocking::write_filled`] will write.
pub struct Filled {
    buffers: [Option<Buffer>; BATCH],
    len: usize,
}

impl Filled {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// What a task does with a disk, waiting for it. Every disk has these.
pub trait Blocking: BlockDevice {
    /// Takes a buffer, waiting for one.
    ///
    /// # Errors
    /// [`BlockError::ShutOff`].
    fn buffer(&self, holder: Holder) -> Result<Buffer, BlockError> {
        let pool = self.pool();
        let take = || match pool.is_closed() {
            true => Some(Err(BlockError::ShutOff)),
            false => pool.take(holder).map(Ok),
        };
        take().unwrap_or_else(|| wait_for(self, pool.changed(), take))
    }

    /// Queues a request, waiting for room.
    ///
    /// # Errors
    /// The request is none that the disk takes, or it was shut off.
    fn queue(&self, request: Request) -> Result<(), BlockError> {
        let mut request = match self.submit(request) {
            Ok(()) => return Ok(()),
            Err(Refused::Invalid(error)) => return Err(error),
            Err(Refused::Full(request)) => Some(request),
        };
        self.kick();
        wait_for(self, self.pool().changed(), || match self.submit(request.take()?) {
            Ok(()) => Some(Ok(())),
            Err(Refused::Invalid(error)) => Some(Err(error)),
            Err(Refused::Full(back)) => {
                request = Some(back);
                None
            }
        })
    }

    /// Reads up to `len` bytes (whole blocks) from `start` on and hands each buffer
    /// with some of them to `take`, in order, until it refuses one. Returns how many
    /// bytes `take` got, which may be fewer than asked for.
    ///
    /// # Errors
    /// The disk's error, or that of `take`, if it came before any data was taken.
    fn read_with(
        &self,
        start: Sector,
        len: usize,
        holder: Holder,
        mut take: impl FnMut(&Buffer) -> Result<()>,
    ) -> Result<usize> {
        let (done, mut at) = (Batch::new(), 0);
        let (mut queued, mut result) = (0, Ok(()));
        for (token, buffer) in buffers(self, len, holder)?.into_iter().flatten().enumerate() {
            let start = Sector(start.0 + (at / Sector::SIZE) as u64);
            at += buffer.len();
            let operation = Operation::Read { start, buffer };
            let request = Request { operation, done: done.clone(), token };
            if let Err(error) = self.queue(request) {
                result = Err(error.into());
                break;
            }
            queued += 1;
        }
        self.kick();
        let mut taken = 0;
        for token in 0..queued {
            let finished = done.wait(self, token);
            if result.is_ok() {
                result = match (finished.result, finished.buffer) {
                    (Ok(()), Some(buffer)) => take(&buffer).map(|()| taken += buffer.len()),
                    (Ok(()), None) => Err(BlockError::ShutOff.into()),
                    (Err(error), _) => Err(error.into()),
                };
            }
        }
        if taken > 0 { Ok(taken) } else { result.map(|()| 0) }
    }

    /// Fills buffers with up to `len` bytes of `src`, whole blocks of them.
    ///
    /// From user memory it may sleep in a fault: take no lock that the fault may need.
    ///
    /// # Errors
    /// EFAULT when not one block could be copied; the disk was shut off.
    fn fill(&self, src: &mut Reader<'_>, len: usize, holder: Holder) -> Result<Filled> {
        let (block, size) = (self.limits().block_size as usize, self.limits().request_bytes);
        let (mut buffers, mut filled) = ([const { None }; BATCH], 0);
        for place in &mut buffers {
            let wanted = size.min(len - filled);
            let taken = match filled {
                0 => Some(self.buffer(holder)?),
                _ if wanted > 0 => self.pool().take(holder),
                _ => None,
            };
            let Some(mut buffer) = taken else { break };
            let copied = buffer.fill(src, wanted).unwrap_or(0);
            buffer.set_len(copied / block * block);
            filled += buffer.len();
            if !buffer.is_empty() {
                *place = Some(buffer);
            }
            if copied < wanted {
                break;
            }
        }
        if filled > 0 || len == 0 {
            Ok(Filled { buffers, len: filled })
        } else {
            Err(UserFault.into())
        }
    }

    /// Writes data from `start` on.
    ///
    /// # Errors
    /// The disk's; then any part of it may have been written.
    fn write_filled(&self, start: Sector, filled: Filled) -> Result<()> {
        let (done, mut at) = (Batch::new(), 0);
        let (mut queued, mut result) = (0, Ok(()));
        for (token, buffer) in filled.buffers.into_iter().flatten().enumerate() {
            let start = Sector(start.0 + (at / Sector::SIZE) as u64);
            at += buffer.len();
            let operation = Operation::Write { start, buffer };
            let request = Request { operation, done: done.clone(), token };
            result = self.queue(request);
            if result.is_err() {
                break;
            }
            queued += 1;
        }
        self.kick();
        for token in 0..queued {
            result = result.and(done.wait(self, token).result);
        }
        Ok(result?)
    }

    /// Fills `out` (whole blocks) from `start` on.
    ///
    /// # Errors
    /// The disk's; then part of `out` may have been filled.
    fn read(&self, start: Sector, out: &mut [u8]) -> Result<()> {
        let (len, mut writer, mut at) = (out.len(), Writer::kernel(out), 0);
        while at < len {
            let start = Sector(start.0.saturating_add((at / Sector::SIZE) as u64));
            at += self.read_with(start, len - at, Holder::NeverFaults, |buffer| {
                buffer.copy_to(0, buffer.len(), &mut writer)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes `data` (whole blocks) from `start` on.
    ///
    /// # Errors
    /// The disk's; then any part may have been written.
    fn write(&self, start: Sector, data: &[u8]) -> Result<()> {
        let mut reader = Reader::kernel(data);
        let block = self.limits().block_size as usize;
        if !data.len().is_multiple_of(block) {
            return Err(BlockError::OutOfRange.into());
        }
        while reader.remaining() > 0 {
            let at = data.len() - reader.remaining();
            let start = Sector(start.0.saturating_add((at / Sector::SIZE) as u64));
            let filled = self.fill(&mut reader, data.len() - at, Holder::NeverFaults)?;
            self.write_filled(start, filled)?;
        }
        Ok(())
    }

    /// Returns once all writes that completed before are on stable storage.
    ///
    /// # Errors
    /// The disk's.
    fn flush(&self) -> Result<()> {
        if !self.limits().has_cache {
            return if self.pool().is_closed() { Err(BlockError::ShutOff.into()) } else { Ok(()) };
        }
        run(self, Operation::Flush)
    }

    /// Forgets the content of `sectors` sectors from `start` on.
    ///
    /// # Errors
    /// EOPNOTSUPP where it cannot; the disk's.
    fn discard(&self, start: Sector, sectors: u64) -> Result<()> {
        let most = u64::from(self.limits().discard_sectors);
        if most == 0 {
            return err!(EOPNOTSUPP, "the disk cannot discard");
        }
        let mut done = 0;
        while done < sectors {
            let count = most.min(sectors - done);
            let start = Sector(start.0.saturating_add(done));
            run(self, Operation::Discard { start, sectors: count as u32 })?;
            done += count;
        }
        Ok(())
    }
}

impl<D: BlockDevice + ?Sized> Blocking for D {}

/// Does one thing and waits for it.
fn run<D: BlockDevice + ?Sized>(device: &D, operation: Operation) -> Result<()> {
    let done = Batch::new();
    device.queue(Request { operation, done: done.clone(), token: 0 })?;
    device.kick();
    Ok(done.wait(device, 0).result?)
}

/// Takes buffers for up to `len` bytes: waits for the first, and takes more as there
/// are some.
///
/// # Errors
/// [`BlockError::ShutOff`].
fn buffers<D: BlockDevice + ?Sized>(
    device: &D,
    len: usize,
    holder: Holder,
) -> Result<[Option<Buffer>; BATCH], BlockError> {
    let mut buffers = [const { None }; BATCH];
    let size = device.limits().request_bytes;
    for (at, place) in (0..).step_by(size).zip(&mut buffers).take_while(|(at, _)| *at < len) {
        let mut buffer = match at {
            0 => device.buffer(holder)?,
            _ => match device.pool().take(holder) {
                Some(buffer) => buffer,
                None => break,
            },
        };
        buffer.set_len((len - at).min(size));
        *place = Some(buffer);
    }
    Ok(buffers)
}
