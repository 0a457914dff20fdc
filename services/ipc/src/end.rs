// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The open file of a pipe: what read, write, poll and ioctl do with it.

use alloc::sync::Arc;

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use abi::capability::Caps;
use abi::fcntl::OpenFlags;
use abi::ioctl::file::FIONREAD;
use abi::poll::PollEvents;
use abi::{Result, err, error};
use cred::Cred;
use framework::mm::{PAGE_SIZE, Reader, Writer};
use framework::sync::Waiter;
use vfs::{File, FileOps, IoctlContext};

use crate::pipe::{Block, Mode, Pipe, Side};

/// See [`max_size`].
static MAX_SIZE: AtomicUsize = AtomicUsize::new(1 << 20);

/// `fs.pipe-max-size`: what an unprivileged process can grow a pipe to, in bytes.
pub(crate) fn max_size() -> usize {
    MAX_SIZE.load(Relaxed)
}

/// Sets `fs.pipe-max-size`, rounded up to a size that a pipe can have. As on Linux, only the
/// low half of the number counts.
///
/// # Errors
/// `EINVAL` for more than 2 GiB.
pub(crate) fn set_max_size(size: i128) -> Result<()> {
    let size = (size as u32 as usize).max(PAGE_SIZE).next_power_of_two();
    if size > MAX_SIZE_PRIVILEGED {
        return err!(EINVAL, "no pipe is that large");
    }
    MAX_SIZE.store(size, Relaxed);
    Ok(())
}

/// The most pages of a pipe: a longer table of them cannot be had on Linux.
const MAX_PAGES: usize = 1 << 16;

/// The largest size that can be asked for.
const MAX_SIZE_PRIVILEGED: usize = 1 << 31;

/// The operations of a pipe's ends; which end, the file's access mode says.
pub(crate) struct End {
    pub(crate) pipe: Arc<Pipe>,
    pub(crate) writers_at_open: u32,
}

fn block(file: &File) -> Block {
    if file.is_nonblocking() { Block::No } else { Block::Yes }
}

impl FileOps for End {
    fn read(&self, file: &File, dst: &mut Writer<'_>) -> Result<usize> {
        self.pipe.read(dst, block(file))
    }

    fn write(&self, file: &File, src: &mut Reader<'_>) -> Result<usize> {
        let flags = file.flags();
        let mode = if flags.contains(OpenFlags::DIRECT) { Mode::Packets } else { Mode::Bytes };
        self.pipe.write(src, block(file), mode)
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn poll(&self, file: &File, waiter: Option<&Arc<Waiter>>) -> PollEvents {
        let side = Side {
            reads: file.can_read(),
            writes: file.can_write(),
            writers_at_open: self.writers_at_open,
        };
        self.pipe.poll(side, waiter)
    }

    fn ioctl(&self, _file: &File, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
        if cmd != FIONREAD {
            return err!(ENOTTY, "no such control of pipes");
        }
        let len = self.pipe.len() as i32;
        let done = context.vm.write(context.arg, &len.to_le_bytes());
        done.map_err(|_| error!(EFAULT, "bad user address"))?;
        Ok(0)
    }

    fn release(&self, file: &File) {
        self.pipe.leave(file.can_read(), file.can_write());
    }
}

/// Whether the file is a pipe or FIFO.
pub fn is_pipe(file: &File) -> bool {
    file.ops_as::<End>().is_some()
}

/// How many bytes fit into the slots that are free; waits until one is.
///
/// # Errors
/// `EBADF` for anything but a pipe or FIFO, `EPIPE` if nobody reads it, `EAGAIN` if it is full
/// and the file does not wait, `EINTR`.
pub fn await_room(file: &File) -> Result<usize> {
    match file.ops_as::<End>() {
        Some(end) => end.pipe.await_room(block(file)),
        None => err!(EBADF, "not a pipe"),
    }
}

/// Puts `data`, which is a part of a file, into free slots of its own: at most `first` bytes
/// into the first one, a page into each other. How many, which is none if there are no slots.
///
/// # Errors
/// `EBADF` for anything but a pipe or FIFO, `ENOMEM`.
pub fn put_pages(file: &File, data: &[u8], first: usize) -> Result<usize> {
    match file.ops_as::<End>() {
        Some(end) => end.pipe.put_pages(data, first),
        None => err!(EBADF, "not a pipe"),
    }
}

/// fcntl(F_GETPIPE_SZ): the capacity in bytes.
///
/// # Errors
/// `EBADF` for anything but a pipe or FIFO.
pub fn pipe_size(file: &File) -> Result<usize> {
    match file.ops_as::<End>() {
        Some(end) => Ok(end.pipe.capacity()),
        None => err!(EBADF, "not a pipe"),
    }
}

/// fcntl(F_SETPIPE_SZ): sets the capacity to at least `size` bytes and returns it.
///
/// # Errors
/// `EBADF` for anything but a pipe or FIFO, `EINVAL` beyond 2 GiB, `EPERM` for growing
/// beyond 1 MiB, or the user's limit, without CAP_SYS_RESOURCE, `EBUSY` if what is in it would not fit, `ENOMEM`
/// without memory.
pub fn set_pipe_size(file: &File, size: usize, cred: &Cred) -> Result<usize> {
    let Some(end) = file.ops_as::<End>() else {
        return err!(EBADF, "not a pipe");
    };
    if size > MAX_SIZE_PRIVILEGED {
        return err!(EINVAL, "no pipe is that large");
    }
    let size = size.max(PAGE_SIZE).next_power_of_two();
    if size > max_size() && size > end.pipe.capacity() && !cred.capable(Caps::SYS_RESOURCE) {
        return err!(EPERM, "a pipe that large needs CAP_SYS_RESOURCE");
    }
    if size / PAGE_SIZE > MAX_PAGES {
        return err!(ENOMEM, "too many pages for a pipe");
    }
    end.pipe.resize(size / PAGE_SIZE, cred)?;
    Ok(size)
}
