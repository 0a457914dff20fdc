// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes in and out of open files.

use crate::arg::{Fd, IovIn, IovOut, UserIn, UserOut};
use crate::cx::Context;
use abi::fs::{POSIX_FADV_LAST, rwf};
use abi::signal::{SigInfo, Signal};
use abi::{Errno, Result, err, error};
use framework::mm::{Reader, Writer};
use vfs::{FileKind, SeekFrom};

/// Flags of `preadv2` and `pwritev2` that change nothing here.
const RWF_HARMLESS: u32 = rwf::HIPRI | rwf::DSYNC | rwf::SYNC;

/// read(2).
pub(crate) fn sys_read(cx: &mut Context, fd: Fd, buffer: UserOut) -> Result<usize> {
    let file = cx.file(fd)?;
    file.read(&mut buffer.writer(cx.vm())?)
}

/// write(2).
pub(crate) fn sys_write(cx: &mut Context, fd: Fd, buffer: UserIn) -> Result<usize> {
    let file = cx.file(fd)?;
    let result = file.write(&mut buffer.reader(cx.vm())?);
    raise_sigpipe(cx, result)
}

/// pread64(2).
pub(crate) fn sys_pread64(cx: &mut Context, fd: Fd, buffer: UserOut, offset: i64) -> Result<usize> {
    let offset = to_offset(offset)?;
    cx.file(fd)?.read_at(offset, &mut buffer.writer(cx.vm())?)
}

/// pwrite64(2).
pub(crate) fn sys_pwrite64(cx: &mut Context, fd: Fd, buffer: UserIn, offset: i64) -> Result<usize> {
    let offset = to_offset(offset)?;
    let result = cx.file(fd)?.write_at(offset, &mut buffer.reader(cx.vm())?);
    raise_sigpipe(cx, result)
}

/// readv(2).
pub(crate) fn sys_readv(cx: &mut Context, fd: Fd, buffers: IovOut) -> Result<usize> {
    read_vectored(cx, fd, buffers, None)
}

/// writev(2).
pub(crate) fn sys_writev(cx: &mut Context, fd: Fd, buffers: IovIn) -> Result<usize> {
    write_vectored(cx, fd, buffers, None)
}

/// preadv(2).
pub(crate) fn sys_preadv(cx: &mut Context, fd: Fd, buffers: IovOut, offset: i64) -> Result<usize> {
    read_vectored(cx, fd, buffers, Some(to_offset(offset)?))
}

/// pwritev(2).
pub(crate) fn sys_pwritev(cx: &mut Context, fd: Fd, buffers: IovIn, offset: i64) -> Result<usize> {
    write_vectored(cx, fd, buffers, Some(to_offset(offset)?))
}

/// preadv2(2): the offset -1 means the file's own.
pub(crate) fn sys_preadv2(
    cx: &mut Context,
    fd: Fd,
    buffers: IovOut,
    offset: i64,
    _high: u64,
    flags: u32,
) -> Result<usize> {
    let offset = checked_offset(offset, flags)?;
    read_vectored(cx, fd, buffers, offset)
}

/// pwritev2(2): the offset -1 means the file's own.
pub(crate) fn sys_pwritev2(
    cx: &mut Context,
    fd: Fd,
    buffers: IovIn,
    offset: i64,
    _high: u64,
    flags: u32,
) -> Result<usize> {
    let offset = checked_offset(offset, flags)?;
    write_vectored(cx, fd, buffers, offset)
}

fn checked_offset(offset: i64, flags: u32) -> Result<Option<u64>> {
    if flags & !RWF_HARMLESS != 0 {
        return err!(EOPNOTSUPP, "RWF flag");
    }
    if offset == -1 { Ok(None) } else { to_offset(offset).map(Some) }
}

fn to_offset(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| error!(EINVAL, "negative offset"))
}

fn read_vectored(cx: &Context, fd: Fd, buffers: IovOut, offset: Option<u64>) -> Result<usize> {
    let file = cx.file(fd)?;
    if !file.can_read() {
        return err!(EBADF, "not open for reading");
    }
    let buffers = buffers.load(cx.vm())?;
    let mut writer = Writer::user_vec(cx.vm(), &buffers)?;
    match offset {
        Some(offset) => file.read_at(offset, &mut writer),
        None => file.read(&mut writer),
    }
}

fn write_vectored(cx: &Context, fd: Fd, buffers: IovIn, offset: Option<u64>) -> Result<usize> {
    let file = cx.file(fd)?;
    if !file.can_write() {
        return err!(EBADF, "not open for writing");
    }
    let buffers = buffers.load(cx.vm())?;
    let mut reader = Reader::user_vec(cx.vm(), &buffers)?;
    let result = match offset {
        Some(offset) => file.write_at(offset, &mut reader),
        None => file.write(&mut reader),
    };
    raise_sigpipe(cx, result)
}

/// A write that nobody can read any more raises SIGPIPE beside its error.
#[inline]
pub(super) fn raise_sigpipe(cx: &Context, result: Result<usize>) -> Result<usize> {
    if let Err(error) = result
        && error.errno() == Errno::EPIPE
    {
        let info = SigInfo::user(Signal::PIPE, cx.thread.pid().as_raw(), cx.cred().uid);
        let _ = task::signal::send_to_thread(&cx.thread, info);
    }
    result
}

/// lseek(2).
pub(crate) fn sys_lseek(cx: &mut Context, fd: Fd, offset: i64, whence: u32) -> Result<usize> {
    let file = cx.file(fd)?;
    let to = SeekFrom::from_raw(whence, offset).ok_or(error!(EINVAL, "whence"))?;
    Ok(file.seek(to)? as usize)
}

/// fadvise64(2): checked, then ignored, as the page cache is all there is.
pub(crate) fn sys_fadvise64(
    cx: &mut Context,
    fd: Fd,
    _offset: i64,
    len: i64,
    advice: i32,
) -> Result<()> {
    let file = cx.file(fd)?;
    file.not_path()?;
    if file.kind() == FileKind::Fifo {
        return err!(ESPIPE);
    }
    if len < 0 || !(0..=POSIX_FADV_LAST).contains(&advice) {
        return err!(EINVAL, "advice");
    }
    Ok(())
}

/// readahead(2): files are in memory already.
pub(crate) fn sys_readahead(cx: &mut Context, fd: Fd, _offset: i64, _len: usize) -> Result<()> {
    let file = cx.file(fd)?;
    if !file.can_read() {
        return err!(EBADF);
    }
    if file.kind() != FileKind::Regular {
        return err!(EINVAL);
    }
    Ok(())
}
