// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An open disk or partition.
//!
//! User memory is copied while no lock is held: it may fault, and the fault may want
//! the same disk.
//!
//! Locks: [`Disk::blocks`](crate::volume::Disk::blocks), shared for whole blocks,
//! exclusive while a part of one is changed.

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::{Result, err};
use class::Holder;
use class::block::Blocking;
use framework::mm::{Reader, Writer};
use vfs::{File, FileOps, IoctlContext, SeekFrom, seek_to};

use crate::buffer::buffer;
use crate::ioctl;
use crate::volume::Volume;

/// Reads in a row of which no byte reached the program, as another thread of it took
/// the page away each time.
const MOST_IN_VAIN: usize = 64;

pub(crate) struct BlockFile {
    pub(crate) volume: Volume,
}

impl BlockFile {
    pub(crate) fn new(volume: Volume) -> Self {
        Self { volume }
    }

    /// O_DIRECT takes whole blocks only.
    fn check_direct(&self, file: &File, at: u64, len: usize) -> Result<()> {
        let mask = self.volume.block_size() as u64 - 1;
        if file.flags().contains(OpenFlags::DIRECT) && (at | len as u64) & mask != 0 {
            return err!(EINVAL, "not whole blocks");
        }
        Ok(())
    }

    /// How many of `wanted` bytes from `at` on there are.
    fn present(&self, at: u64, wanted: usize) -> usize {
        let left = self.volume.len().saturating_sub(at);
        usize::try_from(left).unwrap_or(usize::MAX).min(wanted)
    }

    /// Reads some of the `len` bytes from `at` on: adds to `done` how many.
    fn load(&self, at: u64, len: usize, dst: &mut Writer<'_>, done: &mut usize) -> Result<()> {
        let block = self.volume.block_size() as u64;
        let mut skip = (at % block) as usize;
        let covered = (skip + len).next_multiple_of(block as usize);
        let start = self.volume.sector(at - skip as u64);
        let (mut left, mut is_short) = (len, false);
        let read = self.volume.device().read_with(start, covered, Holder::MayFault, |buffer| {
            let part = (buffer.len() - skip).min(left);
            let copied = buffer.copy_to(skip, part, dst)?;
            (skip, left) = (0, left - copied);
            *done += copied;
            is_short = copied < part;
            if is_short { err!(EFAULT, "a page was taken away") } else { Ok(()) }
        });
        // What is left of a buffer is not read twice: the caller asks the disk again.
        if is_short { Ok(()) } else { read.map(drop) }
    }

    /// Writes some of the `len` bytes from `at` on: how many.
    fn store(&self, at: u64, len: usize, src: &mut Reader<'_>) -> Result<usize> {
        let block = self.volume.block_size();
        let into = (at % block as u64) as usize;
        if into > 0 || len < block {
            return self.patch(at, into, len.min(block - into), src);
        }
        let device = self.volume.device();
        let filled = device.fill(src, len / block * block, Holder::MayFault)?;
        let count = filled.len();
        let _shared = self.volume.disk.blocks.read();
        device.write_filled(self.volume.sector(at), filled)?;
        Ok(count)
    }

    /// Changes `len` bytes of a block, those from `into` on; `at` is where they are.
    fn patch(&self, at: u64, into: usize, len: usize, src: &mut Reader<'_>) -> Result<usize> {
        let (mut new, mut old) = (buffer(len)?, buffer(self.volume.block_size())?);
        let count = src.read(&mut new)?;
        let (device, start) = (self.volume.device(), self.volume.sector(at - into as u64));
        let _exclusive = self.volume.disk.blocks.write();
        device.read(start, &mut old)?;
        old.iter_mut().skip(into).zip(new.iter().take(count)).for_each(|(old, new)| *old = *new);
        device.write(start, &old)?;
        Ok(count)
    }
}

impl FileOps for BlockFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        self.check_direct(file, offset, dst.remaining())?;
        let total = self.present(offset, dst.remaining());
        let (mut done, mut in_vain) = (0, 0);
        while done < total && in_vain < MOST_IN_VAIN {
            let before = done;
            let result = self.load(offset + done as u64, total - done, dst, &mut done);
            in_vain = if done > before { 0 } else { in_vain + 1 };
            match result {
                Ok(()) => {}
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if done == 0 && total > 0 { err!(EFAULT, "pages are taken away") } else { Ok(done) }
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        self.check_direct(file, offset, src.remaining())?;
        if self.volume.device().limits().is_read_only {
            return err!(EPERM, "the disk is read-only");
        }
        let total = self.present(offset, src.remaining());
        if total == 0 && src.remaining() > 0 {
            return err!(ENOSPC, "the end of the disk");
        }
        let mut done = 0;
        while done < total {
            match self.store(offset + done as u64, total - done, src) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if file.flags().intersects(OpenFlags::DSYNC) {
            self.volume.device().flush()?;
        }
        Ok((done, offset + done as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let len = self.volume.len();
        let is_beyond = match to {
            SeekFrom::Start(at) => u64::try_from(at).is_ok_and(|at| at > len),
            SeekFrom::End(by) => by > 0,
            SeekFrom::Current(_) | SeekFrom::Data(_) | SeekFrom::Hole(_) => false,
        };
        if is_beyond {
            return err!(EINVAL, "seek beyond the end of the disk");
        }
        seek_to(file, to, len)
    }

    fn ioctl(&self, _file: &File, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        ioctl::control(&self.volume, cmd, context)
    }

    fn fsync(&self, _file: &File) -> Result<()> {
        self.volume.device().flush()
    }

    fn fallocate(&self, _file: &File, mode: FallocateMode, at: u64, len: u64) -> Result<()> {
        let discards = FallocateMode::PUNCH_HOLE | FallocateMode::KEEP_SIZE;
        if !mode.contains(discards) {
            return err!(EOPNOTSUPP, "a disk can only be punched");
        }
        ioctl::discard(&self.volume, at, len)
    }
}
