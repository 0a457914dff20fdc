// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Bytes in and out of open files.

use crate::arg::{Fd, IovIn, IovOut, UserIn, UserOut};
use crate::cx::Context;
use abi::fcntl::OpenFlags;
use abi::fs::{POSIX_FADV_LAST, rwf};
use abi::signal::{SigInfo, Signal};
use abi::{Errno, Result, err, error};
use framework::mm::{Reader, Writer};
use vfs::{File, FileKind, SeekFrom};

/// Flags of `preadv2` and `pwritev2` that Linux knows.
const RWF_KNOWN: u32 =
    rwf::HIPRI | rwf::DSYNC | rwf::SYNC | rwf::NOWAIT | rwf::APPEND | rwf::NOAPPEND | rwf::ATOMIC;

/// read(2).
pub(crate) fn sys_read(cx: &mut Context, fd: Fd, buffer: UserOut) -> Result<usize> {
    let file = cx.file(fd)?;
    file.readable()?;
    let mut writer = buffer.writer(cx.vm())?;
    verify_area(file.offset(), buffer.len())?;
    file.read(&mut writer)
}

/// write(2).
pub(crate) fn sys_write(cx: &mut Context, fd: Fd, buffer: UserIn) -> Result<usize> {
    let file = cx.file(fd)?;
    file.writable()?;
    let mut reader = buffer.reader(cx.vm())?;
    verify_area(file.offset(), buffer.len())?;
    raise_sigpipe(cx, file.write(&mut reader))
}

/// pread64(2).
pub(crate) fn sys_pread64(cx: &mut Context, fd: Fd, buffer: UserOut, offset: i64) -> Result<usize> {
    let offset = to_offset(offset)?;
    let file = cx.file(fd)?;
    file.seekable()?;
    file.readable()?;
    let mut writer = buffer.writer(cx.vm())?;
    verify_area(offset, buffer.len())?;
    file.read_at(offset, &mut writer)
}

/// pwrite64(2).
pub(crate) fn sys_pwrite64(cx: &mut Context, fd: Fd, buffer: UserIn, offset: i64) -> Result<usize> {
    let offset = to_offset(offset)?;
    let file = cx.file(fd)?;
    file.seekable()?;
    file.writable()?;
    let mut reader = buffer.reader(cx.vm())?;
    verify_area(offset, buffer.len())?;
    raise_sigpipe(cx, file.write_at(offset, &mut reader))
}

/// readv(2).
pub(crate) fn sys_readv(cx: &mut Context, fd: Fd, buffers: IovOut) -> Result<usize> {
    read_vectored(cx, fd, buffers, None, 0)
}

/// writev(2).
pub(crate) fn sys_writev(cx: &mut Context, fd: Fd, buffers: IovIn) -> Result<usize> {
    write_vectored(cx, fd, buffers, None, 0)
}

/// preadv(2).
pub(crate) fn sys_preadv(cx: &mut Context, fd: Fd, buffers: IovOut, offset: i64) -> Result<usize> {
    read_vectored(cx, fd, buffers, Some(to_offset(offset)?), 0)
}

/// pwritev(2).
pub(crate) fn sys_pwritev(cx: &mut Context, fd: Fd, buffers: IovIn, offset: i64) -> Result<usize> {
    write_vectored(cx, fd, buffers, Some(to_offset(offset)?), 0)
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
    read_vectored(cx, fd, buffers, own_or(offset)?, flags)
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
    write_vectored(cx, fd, buffers, own_or(offset)?, flags)
}

fn own_or(offset: i64) -> Result<Option<u64>> {
    if offset == -1 { Ok(None) } else { to_offset(offset).map(Some) }
}

fn to_offset(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| error!(EINVAL, "negative offset"))
}

/// Refuses a range that ends beyond the largest offset, as Linux does before it looks at the
/// file's length.
#[inline]
pub(super) fn verify_area(offset: u64, len: usize) -> Result<()> {
    if offset.checked_add(len as u64).is_none_or(|end| end > i64::MAX as u64) {
        return err!(EINVAL, "beyond the largest offset");
    }
    Ok(())
}

/// Refuses flags that Linux does not know, that contradict each other, or that the file does
/// not take.
fn check_flags(flags: u32, known: u32, file: &File) -> Result<()> {
    if flags & !known != 0 {
        return err!(EOPNOTSUPP, "RWF flag");
    }
    if flags & rwf::APPEND != 0 && flags & rwf::NOAPPEND != 0 {
        return err!(EINVAL, "append and do not");
    }
    if flags & rwf::ATOMIC != 0 || flags & rwf::NOWAIT != 0 && !never_waits(file) {
        return err!(EOPNOTSUPP, "not in one piece, nor without waiting");
    }
    Ok(())
}

/// The number of a device of memory (null, zero, full, random, urandom).
fn memory_device(file: &File) -> Option<u32> {
    let rdev = file.inode().base().rdev();
    (file.kind() == FileKind::CharDevice && rdev.major == 1).then_some(rdev.minor)
}

/// Whether it is a device that can always be read and written, and tells so.
fn never_waits(file: &File) -> bool {
    matches!(memory_device(file), Some(3 | 5 | 8 | 9))
}

/// The flags that a file takes when it is read; a directory on Linux has no such operation, so that
/// only what asks for nothing passes.
fn flags_read(file: &File) -> u32 {
    if file.kind() == FileKind::Directory { rwf::HIPRI } else { RWF_KNOWN }
}

/// The same when it is written; /dev/full has only the plain call.
fn flags_written(file: &File) -> u32 {
    const FULL: u32 = 7;
    if memory_device(file) == Some(FULL) { rwf::HIPRI } else { RWF_KNOWN }
}

/// Nothing to move ends the call before flags and file are asked.
fn total(buffers: &[(usize, usize)]) -> usize {
    buffers.iter().map(|buffer| buffer.1).sum()
}

fn read_vectored(
    cx: &Context,
    fd: Fd,
    buffers: IovOut,
    offset: Option<u64>,
    flags: u32,
) -> Result<usize> {
    let file = cx.open_file(fd)?;
    if offset.is_some() {
        file.seekable()?;
    }
    file.readable()?;
    let buffers = buffers.load(cx.vm())?;
    let len = total(&buffers);
    if len == 0 {
        return Ok(0);
    }
    verify_area(offset.unwrap_or_else(|| file.offset()), len)?;
    check_flags(flags, flags_read(&file), &file)?;
    let mut writer = Writer::user_vec(cx.vm(), &buffers)?;
    match offset {
        Some(offset) => file.read_at(offset, &mut writer),
        None => file.read(&mut writer),
    }
}

fn write_vectored(
    cx: &Context,
    fd: Fd,
    buffers: IovIn,
    offset: Option<u64>,
    flags: u32,
) -> Result<usize> {
    let file = cx.open_file(fd)?;
    if offset.is_some() {
        file.seekable()?;
    }
    file.writable()?;
    let buffers = buffers.load(cx.vm())?;
    let len = total(&buffers);
    if len == 0 {
        return Ok(0);
    }
    verify_area(offset.unwrap_or_else(|| file.offset()), len)?;
    check_flags(flags, flags_written(&file), &file)?;
    if flags & rwf::NOAPPEND != 0 && file.flags().contains(OpenFlags::APPEND) {
        return err!(EOPNOTSUPP, "O_APPEND cannot be left out");
    }
    let mut reader = Reader::user_vec(cx.vm(), &buffers)?;
    let result = match offset {
        _ if flags & rwf::APPEND != 0 && file.seekable().is_ok() => {
            file.write_at_end(offset, &mut reader)
        }
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
    let file = cx.open_file(fd)?;
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
    let file = cx.open_file(fd)?;
    if file.kind() == FileKind::Fifo {
        return err!(ESPIPE);
    }
    if len < 0 || !(0..=POSIX_FADV_LAST).contains(&advice) {
        return err!(EINVAL, "advice");
    }
    Ok(())
}

/// readahead(2): files are in memory already.
pub(crate) fn sys_readahead(cx: &mut Context, fd: Fd, _offset: i64, len: usize) -> Result<()> {
    let file = cx.file(fd)?;
    file.readable()?;
    if file.kind() != FileKind::Regular || len > i64::MAX as usize {
        return err!(EINVAL);
    }
    Ok(())
}
