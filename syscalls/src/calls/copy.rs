// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Copies from file to file inside the kernel: sendfile, copy_file_range.

use crate::arg::{Fd, UserPtr};
use crate::calls::rw::{raise_sigpipe, verify_area};
use crate::cx::Context;
use abi::fcntl::OpenFlags;
use abi::fs::MAX_RW_COUNT;
use abi::{Result, err, error};
use alloc::vec::Vec;
use framework::mm::{PAGE_SIZE, Reader, Writer};
use framework::task::Task;
use vfs::{File, FileKind};

/// What goes through kernel memory at once.
const CHUNK: usize = 64 * 1024;

/// sendfile(2).
pub(crate) fn sys_sendfile(
    cx: &mut Context,
    out_fd: Fd,
    in_fd: Fd,
    offset: Option<UserPtr<i64>>,
    count: usize,
) -> Result<usize> {
    let start = match offset {
        Some(pointer) => Some(pointer.read(cx.vm())?),
        None => None,
    };
    let mut place = start;
    let result = send_from(cx, out_fd, in_fd, &mut place, count);
    // The offset is told again even if nothing was sent.
    if let (Some(pointer), Some(place)) = (offset, place) {
        pointer.write(cx.vm(), &place)?;
    }
    result
}

/// sendfile(2), from an offset that moves on or the file's own.
fn send_from(
    cx: &Context,
    out_fd: Fd,
    in_fd: Fd,
    place: &mut Option<i64>,
    count: usize,
) -> Result<usize> {
    let input = cx.file(in_fd)?;
    input.readable()?;
    if place.is_some() {
        input.seekable()?;
    }
    let start = place.map(checked).transpose()?;
    verify_area(start.unwrap_or_else(|| input.offset()), count)?;
    let output = cx.file(out_fd)?;
    output.writable()?;
    let mut position = Position::new(&input, start);
    let done = raise_sigpipe(cx, send(&input, position.offset(), &output, count))?;
    // Devices have no place that moves.
    position.advance(if input.kind() == FileKind::CharDevice { 0 } else { done });
    *place = place.map(|_| position.offset() as i64);
    Ok(done)
}

/// What sendfile(2) moves. A pipe gets what it has room for, once it has any.
fn send(input: &File, from: u64, output: &File, count: usize) -> Result<usize> {
    let is_pipe = ipc::is_pipe(output);
    let room = if is_pipe { ipc::await_room(output)? } else { usize::MAX };
    if !is_pipe {
        verify_area(output.offset(), count)?;
        if output.flags().contains(OpenFlags::APPEND) {
            return err!(EINVAL, "the target appends");
        }
        input.seekable().map_err(|_| error!(EINVAL, "the source has no positions"))?;
    }
    if count == 0 {
        return Ok(0);
    }
    if !can_be_sent(input) {
        return err!(EINVAL, "not from this kind of file");
    }
    if !is_pipe && !takes_pages(output) {
        // Known only once there is something to be written.
        let is_over = input.read_at(from, &mut Writer::kernel(&mut [0]))? == 0;
        return if is_over { Ok(0) } else { err!(EINVAL, "not to this kind of file") };
    }
    if is_pipe {
        return fill_pipe(input, from, output, count.min(room));
    }
    copy(input, from, Target::Stream(output), count)
}

/// Moves pages of a file into the free slots of a pipe, cut as they lie in the file; a device
/// has no pages, and is read into new ones.
fn fill_pipe(input: &File, from: u64, pipe: &File, count: usize) -> Result<usize> {
    let is_stored = input.kind() != FileKind::CharDevice;
    let mut buffer = new_buffer(count)?;
    let mut done = 0;
    while done < count {
        let at = from.checked_add(done as u64).ok_or(error!(EOVERFLOW))?;
        let in_page = if is_stored { (at % PAGE_SIZE as u64) as usize } else { 0 };
        // Each piece ends where a page does.
        let room = (buffer.len() - in_page).min(count - done);
        let chunk = buffer.get_mut(..room).unwrap_or_default();
        let moved = input.read_at(at, &mut Writer::kernel(chunk)).and_then(|read| {
            let data = chunk.get(..read).unwrap_or_default();
            Ok((read, ipc::put_pages(pipe, data, PAGE_SIZE - in_page)?))
        });
        match moved {
            // Another writer was faster.
            Ok((1.., 0)) if done == 0 => {
                if Task::current().interrupt_pending() {
                    return err!(EINTR);
                }
                ipc::await_room(pipe)?;
                continue;
            }
            Ok((read, put)) => {
                done += put;
                if put < read || read < room {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if Task::current().interrupt_pending() {
            break;
        }
    }
    Ok(done)
}

/// The memory devices: null, zero, full.
const NULL: u32 = 3;
const FULL: u32 = 7;

fn memory_device(file: &File) -> Option<u32> {
    let rdev = file.inode().base().rdev();
    (file.kind() == FileKind::CharDevice && rdev.major == 1).then_some(rdev.minor)
}

/// Whether Linux reads pages of the file for another: all that is stored, and most devices.
fn can_be_sent(file: &File) -> bool {
    match file.kind() {
        FileKind::Regular | FileKind::BlockDevice => true,
        FileKind::CharDevice => memory_device(file) != Some(NULL),
        _ => false,
    }
}

/// Whether Linux gives the file pages of another.
fn takes_pages(file: &File) -> bool {
    file.kind() != FileKind::Directory && memory_device(file) != Some(FULL)
}

/// copy_file_range(2).
pub(crate) fn sys_copy_file_range(
    cx: &mut Context,
    in_fd: Fd,
    in_offset: Option<UserPtr<i64>>,
    out_fd: Fd,
    out_offset: Option<UserPtr<i64>>,
    count: usize,
    flags: u32,
) -> Result<usize> {
    let input = cx.open_file(in_fd)?;
    let output = cx.open_file(out_fd)?;
    let read = |pointer: Option<UserPtr<i64>>| match pointer {
        Some(pointer) => pointer.read(cx.vm()).map(Some),
        None => Ok(None),
    };
    let (in_start, out_start) = (read(in_offset)?, read(out_offset)?);
    if flags != 0 {
        return err!(EINVAL, "flags");
    }
    if [input.kind(), output.kind()].contains(&FileKind::Directory) {
        return err!(EISDIR);
    }
    if input.kind() != FileKind::Regular || output.kind() != FileKind::Regular {
        return err!(EINVAL, "not regular files");
    }
    if !input.can_read() || !output.can_write() || output.flags().contains(OpenFlags::APPEND) {
        return err!(EBADF, "access mode");
    }
    if !alloc::sync::Arc::ptr_eq(input.inode().base().sb(), output.inode().base().sb()) {
        return err!(EXDEV, "files of two file systems");
    }
    let in_start = in_start.map(|start| checked_end(start, count)).transpose()?;
    let out_start = out_start.map(|start| checked_end(start, count)).transpose()?;
    let mut from = Position::new(&input, in_start);
    let mut to = Position::new(&output, out_start);
    // Linux cuts the copy at the end of the input before it compares the ranges.
    let left = input.metadata().size.saturating_sub(from.offset());
    let count = count.min(MAX_RW_COUNT).min(usize::try_from(left).unwrap_or(usize::MAX));
    if alloc::sync::Arc::ptr_eq(input.inode(), output.inode())
        && from.offset().abs_diff(to.offset()) < count as u64
    {
        return err!(EINVAL, "the ranges overlap");
    }
    let done = copy(&input, from.offset(), Target::At(&output, to.offset()), count)?;
    from.advance(done);
    to.advance(done);
    if let Some(pointer) = in_offset {
        pointer.write(cx.vm(), &(from.offset() as i64))?;
    }
    if let Some(pointer) = out_offset {
        pointer.write(cx.vm(), &(to.offset() as i64))?;
    }
    Ok(done)
}

/// An offset from which `count` bytes end within all numbers there are.
fn checked_end(offset: i64, count: usize) -> Result<u64> {
    if (offset as u64).checked_add(count as u64).is_none() {
        return err!(EOVERFLOW, "the range wraps");
    }
    checked(offset)
}

fn checked(offset: i64) -> Result<u64> {
    u64::try_from(offset).map_err(|_| error!(EINVAL, "negative offset"))
}

/// Where a copy stands: an offset of the caller's, or the file's own.
struct Position<'a> {
    file: &'a File,
    offset: u64,
    is_own: bool,
}

impl<'a> Position<'a> {
    fn new(file: &'a File, start: Option<u64>) -> Self {
        let offset = start.unwrap_or_else(|| file.offset());
        Self { file, offset, is_own: start.is_none() }
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn advance(&mut self, done: usize) {
        self.offset = self.offset.saturating_add(done as u64);
        if self.is_own {
            self.file.lock_offset().set(self.offset);
        }
    }
}

/// Where a copy goes.
enum Target<'a> {
    Stream(&'a File),
    At(&'a File, u64),
}

/// Copies up to `count` bytes; an error counts only if nothing was copied.
fn copy(input: &File, from: u64, target: Target<'_>, count: usize) -> Result<usize> {
    let count = count.min(MAX_RW_COUNT);
    let mut buffer = new_buffer(count)?;
    let mut done = 0;
    while done < count {
        match copy_chunk(input, from, &target, done, &mut buffer, count - done) {
            Ok(0) => break,
            Ok(copied) => done += copied,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if Task::current().interrupt_pending() {
            break;
        }
    }
    Ok(done)
}

/// Room for what goes at once of `count` bytes, in whole pages.
fn new_buffer(count: usize) -> Result<Vec<u8>> {
    let size = count.clamp(1, CHUNK).next_multiple_of(PAGE_SIZE);
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(size).map_err(|_| error!(ENOMEM))?;
    buffer.resize(size, 0_u8);
    Ok(buffer)
}

fn copy_chunk(
    input: &File,
    from: u64,
    target: &Target<'_>,
    done: usize,
    buffer: &mut [u8],
    limit: usize,
) -> Result<usize> {
    let room = buffer.len().min(limit);
    let chunk = buffer.get_mut(..room).unwrap_or_default();
    let at = |start: u64| start.checked_add(done as u64).ok_or(error!(EOVERFLOW));
    let count = input.read_at(at(from)?, &mut Writer::kernel(chunk))?;
    let data = chunk.get(..count).unwrap_or_default();
    match target {
        _ if count == 0 => Ok(0),
        Target::Stream(output) => output.write(&mut Reader::kernel(data)),
        Target::At(output, start) => output.write_at(at(*start)?, &mut Reader::kernel(data)),
    }
}
