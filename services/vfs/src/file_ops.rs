// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What an open file does: the operations behind a descriptor.
//!
//! Implemented by file systems, devices, pipes and terminals; called by
//! [`File`] after it checked the access mode. A stream overrides `read` and
//! `write`; a file with offsets overrides `read_at` and `write_at`.

use alloc::sync::Arc;
use core::any::Any;

use abi::fs::FallocateMode;
use abi::poll::PollEvents;
use abi::{Result, err};
use cred::Cred;
use framework::mm::{Access, Frame, Reader, VmSpace, Writer};
use framework::sync::Waiter;

use crate::{DirSink, File, SeekFrom};

/// Source of the pages of a mapped file.
pub trait Pager: Any + Send + Sync {
    /// The page at `index` (offset / 4096) of the page cache itself, read in or
    /// made if need be. With [`Access::Write`] it counts as modified.
    ///
    /// # Errors
    /// `ENXIO` beyond the end of the file, `ENOSPC` without room on the file system, `EIO`
    /// if the medium fails: a SIGBUS for who touched the mapping. `ENOMEM` without memory.
    fn page(&self, index: u64, access: Access) -> Result<Frame>;

    /// The page at `index` if it is in memory already: what a fault may map beside
    /// the page it needs.
    fn cached(&self, _index: u64) -> Option<Frame> {
        None
    }
}

/// What mmap(2) of a file maps.
pub enum MapSource {
    /// Pages of the file.
    Pages(Arc<dyn Pager>),
    /// Fresh zero pages (/dev/zero).
    Anonymous,
}

/// What ioctl(2) brings besides its number.
pub struct IoctlContext<'a> {
    /// The argument as the program gave it, mostly an address.
    pub arg: usize,
    /// The memory of the calling program.
    pub vm: &'a VmSpace,
    /// Who calls.
    pub cred: &'a Cred,
}

/// The operations of one open file.
pub trait FileOps: Any + Send + Sync {
    /// Reads at the file's own offset. A file with offsets leaves this alone.
    ///
    /// # Errors
    /// Those of [`Self::read_at`]; `EAGAIN` where a stream has nothing yet and must not
    /// wait, `EINTR` if a signal came first.
    fn read(&self, file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        let offset = file.lock_offset();
        let count = self.read_at(file, offset.get(), dst)?;
        offset.set(offset.get() + count as u64);
        Ok(count)
    }

    /// Writes at the file's own offset, or at the end with O_APPEND.
    ///
    /// # Errors
    /// Those of [`Self::write_at`]; `EAGAIN` where a stream has no room and must not wait,
    /// `EINTR` if a signal came first, `EPIPE` if nobody reads.
    fn write(&self, file: &File, src: &mut Reader<'_>) -> Result<usize> {
        let offset = file.lock_offset();
        let (count, end) = self.write_at(file, offset.get(), src)?;
        offset.set(end);
        Ok(count)
    }

    /// Reads at `offset` (pread).
    ///
    /// # Errors
    /// `ESPIPE` where there are no offsets, `EISDIR` for a directory, `EFAULT` if `dst`
    /// cannot be written, `EIO` if the medium fails, `ENOMEM`.
    fn read_at(&self, _file: &File, _offset: u64, _dst: &mut Writer<'_>) -> Result<usize> {
        err!(ESPIPE, "not seekable")
    }

    /// Writes at `offset`, or at the end if the file says O_APPEND; returns the
    /// count and the offset behind the last byte.
    ///
    /// # Errors
    /// `ESPIPE` where there are no offsets, `EFBIG` beyond the file's limit, `ENOSPC`
    /// without room, `EFAULT` if `src` cannot be read, `EIO` if the medium fails, `ENOMEM`.
    fn write_at(&self, _file: &File, _offset: u64, _src: &mut Reader<'_>) -> Result<(usize, u64)> {
        err!(ESPIPE, "not seekable")
    }

    /// Writes at the end whatever the file's flags say; a file without an end, at `offset`.
    ///
    /// # Errors
    /// Those of [`Self::write_at`].
    fn write_at_end(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        self.write_at(file, offset, src)
    }

    /// Moves the offset (lseek).
    ///
    /// # Errors
    /// `ESPIPE` where there are no offsets, `EINVAL` before the start, `ENXIO` where there
    /// is no such data or hole, `EOVERFLOW` beyond the largest offset.
    fn seek(&self, _file: &File, _to: SeekFrom) -> Result<u64> {
        err!(ESPIPE, "not seekable")
    }

    /// Whether pread, pwrite and lseek make sense; the same for as long as a file is open.
    fn is_seekable(&self) -> bool {
        true
    }

    /// Reports directory entries, `.` and `..` included, from the file's offset on.
    ///
    /// # Errors
    /// `ENOTDIR` if it is none, `ENOENT` if it was removed; what the file system finds.
    fn readdir(&self, _file: &File, _sink: &mut DirSink<'_>) -> Result<()> {
        err!(ENOTDIR, "not a directory")
    }

    /// Device control.
    ///
    /// # Errors
    /// `ENOTTY` for an unknown number; what the device says of its own.
    fn ioctl(&self, _file: &File, _cmd: u32, _context: &IoctlContext<'_>) -> Result<usize> {
        err!(ENOTTY, "no such control")
    }

    /// The present readiness. With a waiter: first enlists it in every queue
    /// that announces a change.
    fn poll(&self, _file: &File, _waiter: Option<&Arc<Waiter>>) -> PollEvents {
        PollEvents::ALWAYS
    }

    /// What a mapping of this file maps.
    ///
    /// # Errors
    /// `ENODEV` if it cannot be mapped.
    fn mmap(&self, _file: &File) -> Result<MapSource> {
        err!(ENODEV, "cannot be mapped")
    }

    /// Writes the file's data to its medium.
    ///
    /// # Errors
    /// `EINVAL` where there is nothing to write to, `EIO` if the medium fails.
    fn fsync(&self, _file: &File) -> Result<()> {
        err!(EINVAL, "cannot be synced")
    }

    /// Manipulates the space of a file.
    ///
    /// # Errors
    /// `ENODEV` where there is no space to manage, `EOPNOTSUPP` for a mode it lacks,
    /// `ENOSPC` without room, `ENOMEM`.
    fn fallocate(&self, _file: &File, _mode: FallocateMode, _at: u64, _len: u64) -> Result<()> {
        err!(ENODEV, "no space to allocate")
    }

    /// A descriptor is being closed, maybe not the last one.
    ///
    /// # Errors
    /// What a late write finds; the descriptor is closed all the same.
    fn flush(&self, _file: &File) -> Result<()> {
        Ok(())
    }

    /// The last reference went; called once.
    fn release(&self, _file: &File) {}

    /// The flags of fcntl(F_SETFL) changed.
    ///
    /// # Errors
    /// `EINVAL` for a combination that the file cannot serve.
    fn flags_changed(&self, _file: &File) -> Result<()> {
        Ok(())
    }
}

impl dyn FileOps {
    /// The concrete operations, if they are of type `T`.
    pub fn downcast<T: FileOps>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}
