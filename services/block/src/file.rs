// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An open disk or partition.

use alloc::vec::Vec;

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use vfs::{File, FileOps, IoctlContext, SeekFrom, seek_to};

use crate::device::Volume;
use crate::ioctl;

/// Bytes that are moved at once.
const CHUNK: usize = 256 * 1024;

pub(crate) struct BlockFile {
    pub(crate) volume: Volume,
}

/// Zeros to be overwritten.
fn buffer(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| error!(ENOMEM, "no buffer"))?;
    bytes.resize(len, 0);
    Ok(bytes)
}

impl BlockFile {
    pub(crate) fn new(volume: Volume, _flags: OpenFlags) -> Self {
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

    /// The blocks that `len` bytes from `at` on touch: first byte, length.
    fn cover(&self, at: u64, len: usize) -> (u64, usize) {
        let size = self.volume.block_size() as u64;
        let first = at / size * size;
        let end = (at + len as u64).next_multiple_of(size);
        (first, (end - first) as usize)
    }

    /// Writes `data`, of which the ends may be parts of blocks.
    fn store(&self, at: u64, data: &[u8]) -> Result<()> {
        let (first, len) = self.cover(at, data.len());
        if len == data.len() {
            let _shared = self.volume.disk.blocks.read();
            return self.volume.write(at, data);
        }
        let _exclusive = self.volume.disk.blocks.write();
        let mut blocks = buffer(len)?;
        self.volume.read(first, &mut blocks)?;
        let from = (at - first) as usize;
        let part = blocks.get_mut(from..from + data.len()).ok_or(error!(EIO))?;
        part.copy_from_slice(data);
        self.volume.write(first, &blocks)
    }
}

impl FileOps for BlockFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        self.check_direct(file, offset, dst.remaining())?;
        let left = self.volume.len().saturating_sub(offset);
        let total = usize::try_from(left).unwrap_or(usize::MAX).min(dst.remaining());
        let mut bytes = buffer(self.cover(offset % 4096, total.min(CHUNK)).1)?;
        let mut done = 0;
        while done < total {
            let at = offset + done as u64;
            let count = CHUNK.min(total - done);
            let (first, len) = self.cover(at, count);
            let from = (at - first) as usize;
            bytes.resize(len, 0);
            let result = self.volume.read(first, &mut bytes).and_then(|()| {
                let part = bytes.get(from..from + count).ok_or(error!(EIO))?;
                Ok(dst.write(part)?)
            });
            match result {
                Ok(copied) => {
                    done += copied;
                    if copied < count {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        self.check_direct(file, offset, src.remaining())?;
        if self.volume.disk.device.is_read_only() {
            return err!(EPERM, "the disk is read-only");
        }
        let left = self.volume.len().saturating_sub(offset);
        let total = usize::try_from(left).unwrap_or(usize::MAX).min(src.remaining());
        if total == 0 && src.remaining() > 0 {
            return err!(ENOSPC, "the end of the disk");
        }
        let mut bytes = buffer(total.min(CHUNK))?;
        let mut done = 0;
        while done < total {
            let count = CHUNK.min(total - done);
            bytes.truncate(count);
            let result = src.read_exact(&mut bytes).map_err(abi::Error::from);
            match result.and_then(|()| self.store(offset + done as u64, &bytes)) {
                Ok(()) => done += count,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if file.flags().intersects(OpenFlags::DSYNC) {
            self.volume.disk.device.flush()?;
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
        self.volume.disk.device.flush()
    }

    fn fallocate(&self, _file: &File, mode: FallocateMode, at: u64, len: u64) -> Result<()> {
        let discards = FallocateMode::PUNCH_HOLE | FallocateMode::KEEP_SIZE;
        if !mode.contains(discards) {
            return err!(EOPNOTSUPP, "a disk can only be punched");
        }
        ioctl::discard(&self.volume, at, len)
    }
}
