// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Reader`] and [`Writer`]: bytes from or to user memory or a kernel slice.
//!
//! What `read` and `write` system calls hand to files, so that a file need not
//! know whose memory it fills.
//!
//! More than 400 lines, as both directions have the same cases (user memory, slice,
//! frame, shared memory), and one place must answer for their unsafe copies.

use super::access::{Copy, check_range};
use super::pod::{Pod, with_buffer};
use super::space::VmSpace;
use super::{Frame, PAGE_SIZE, Untyped, UserFault};
use crate::host::SharedBuf;

/// Ranges of user memory: the program's claim, checked to be user addresses.
///
/// # Invariants
/// Every range passed [`check_range`]; `total` is the sum of the lengths.
struct UserRanges<'a> {
    space: &'a VmSpace,
    addr: usize,
    len: usize,
    rest: &'a [(usize, usize)],
    total: usize,
}

impl<'a> UserRanges<'a> {
    fn new(
        space: &'a VmSpace,
        first: (usize, usize),
        rest: &'a [(usize, usize)],
    ) -> Result<Self, UserFault> {
        let mut total = 0usize;
        for &(addr, len) in core::iter::once(&first).chain(rest) {
            check_range(addr, len)?;
            total = total.checked_add(len).ok_or(UserFault)?;
        }
        Ok(Self { space, addr: first.0, len: first.1, rest, total })
    }

    /// Copies up to `len` bytes and moves on by what was copied.
    ///
    /// # Safety
    /// `kernel` is valid for `len` bytes as `copy` says.
    unsafe fn transfer(
        &mut self,
        copy: Copy,
        kernel: *mut u8,
        len: usize,
    ) -> Result<usize, UserFault> {
        let len = len.min(self.total);
        let mut done = 0;
        while done < len {
            self.next_range();
            let part = self.len.min(len - done);
            let kernel = kernel.wrapping_add(done);
            // SAFETY: `done + part <= len`, which the caller vouches for.
            let (copied, result) = unsafe { self.space.transfer(copy, self.addr, kernel, part) };
            self.advance(copied);
            done += copied;
            if result.is_err() {
                return if done == 0 { Err(UserFault) } else { Ok(done) };
            }
        }
        Ok(done)
    }

    /// Makes the current range one that is not empty, if there is any.
    fn next_range(&mut self) {
        while self.len == 0 {
            let Some((&(addr, len), rest)) = self.rest.split_first() else { return };
            (self.addr, self.len, self.rest) = (addr, len, rest);
        }
    }

    fn advance(&mut self, count: usize) {
        self.addr += count;
        self.len -= count;
        self.total -= count;
    }

    fn skip(&mut self, count: usize) {
        let mut left = count.min(self.total);
        while left > 0 {
            self.next_range();
            let part = self.len.min(left);
            self.advance(part);
            left -= part;
        }
    }
}

enum Source<'a> {
    Kernel(&'a [u8]),
    User(UserRanges<'a>),
}

/// A source of bytes: user memory or a kernel slice.
pub struct Reader<'a>(Source<'a>);

impl<'a> Reader<'a> {
    /// Reads a kernel slice.
    pub fn kernel(data: &'a [u8]) -> Self {
        Self(Source::Kernel(data))
    }

    /// Reads user memory.
    ///
    /// # Errors
    /// [`UserFault`] when these are no user addresses.
    pub fn user(space: &'a VmSpace, addr: usize, len: usize) -> Result<Self, UserFault> {
        Self::user_vec_from(space, (addr, len), &[])
    }

    /// Reads ranges `(address, length)` of user memory one after the other.
    ///
    /// # Errors
    /// [`UserFault`] when these are no user addresses, or too long together.
    pub fn user_vec(space: &'a VmSpace, ranges: &'a [(usize, usize)]) -> Result<Self, UserFault> {
        Self::user_vec_from(space, (0, 0), ranges)
    }

    fn user_vec_from(
        space: &'a VmSpace,
        first: (usize, usize),
        rest: &'a [(usize, usize)],
    ) -> Result<Self, UserFault> {
        UserRanges::new(space, first, rest).map(|ranges| Self(Source::User(ranges)))
    }

    /// Bytes left.
    pub fn remaining(&self) -> usize {
        match &self.0 {
            Source::Kernel(data) => data.len(),
            Source::User(ranges) => ranges.total,
        }
    }

    /// Copies into `out`; fewer bytes at the end, or before memory that is not
    /// readable.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied because of a fault.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, UserFault> {
        match &mut self.0 {
            Source::Kernel(data) => {
                let (now, later) = data.split_at(out.len().min(data.len()));
                if let Some(out) = out.get_mut(..now.len()) {
                    out.copy_from_slice(now);
                }
                *data = later;
                Ok(now.len())
            }
            Source::User(ranges) => {
                // SAFETY: `out` is exclusively ours.
                unsafe { ranges.transfer(Copy::Load, out.as_mut_ptr(), out.len()) }
            }
        }
    }

    /// Fills `out`.
    ///
    /// # Errors
    /// [`UserFault`] when there are not as many bytes or one is not readable.
    pub fn read_exact(&mut self, out: &mut [u8]) -> Result<(), UserFault> {
        if self.read(out)? == out.len() { Ok(()) } else { Err(UserFault) }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// As for [`Reader::read_exact`].
    pub fn read_val<T: Pod>(&mut self) -> Result<T, UserFault> {
        with_buffer::<T, _>(|buffer| {
            self.read_exact(buffer)?;
            Ok(T::from_bytes(buffer))
        })
    }

    /// Copies up to `len` bytes into a frame from `offset` on; what does not fit
    /// in the frame stays.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied because of a fault.
    pub fn read_frame(
        &mut self,
        frame: &Frame,
        offset: usize,
        len: usize,
    ) -> Result<usize, UserFault> {
        self.read_untyped(&frame.untyped(offset, len))
    }

    /// Copies up to `len` bytes into shared memory from `offset` on.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied because of a fault, or because there
    /// is no such range of the buffer.
    pub fn read_shared(
        &mut self,
        buffer: &SharedBuf,
        offset: usize,
        len: usize,
    ) -> Result<usize, UserFault> {
        let len = len.min(self.remaining());
        self.read_untyped(&buffer.untyped(offset, len).ok_or(UserFault)?)
    }

    fn read_untyped(&mut self, to: &Untyped<'_>) -> Result<usize, UserFault> {
        match &mut self.0 {
            Source::Kernel(data) => {
                let count = to.store(data);
                *data = data.get(count..).unwrap_or_default();
                Ok(count)
            }
            Source::User(ranges) => {
                // SAFETY: `to` is valid for its length, and untyped.
                unsafe { ranges.transfer(Copy::LoadFrame, to.ptr(), to.len()) }
            }
        }
    }

    /// Leaves out up to `count` bytes.
    pub fn skip(&mut self, count: usize) {
        match &mut self.0 {
            Source::Kernel(data) => *data = data.get(count..).unwrap_or_default(),
            Source::User(ranges) => ranges.skip(count),
        }
    }
}

enum Sink<'a> {
    Kernel(&'a mut [u8]),
    User(UserRanges<'a>),
}

/// A sink of bytes: user memory or a kernel slice.
pub struct Writer<'a>(Sink<'a>);

impl<'a> Writer<'a> {
    /// Writes a kernel slice.
    pub fn kernel(data: &'a mut [u8]) -> Self {
        Self(Sink::Kernel(data))
    }

    /// Writes user memory.
    ///
    /// # Errors
    /// [`UserFault`] when these are no user addresses.
    pub fn user(space: &'a VmSpace, addr: usize, len: usize) -> Result<Self, UserFault> {
        UserRanges::new(space, (addr, len), &[]).map(|ranges| Self(Sink::User(ranges)))
    }

    /// Writes ranges `(address, length)` of user memory one after the other.
    ///
    /// # Errors
    /// [`UserFault`] when these are no user addresses, or too long together.
    pub fn user_vec(space: &'a VmSpace, ranges: &'a [(usize, usize)]) -> Result<Self, UserFault> {
        UserRanges::new(space, (0, 0), ranges).map(|ranges| Self(Sink::User(ranges)))
    }

    /// Bytes that still fit.
    pub fn remaining(&self) -> usize {
        match &self.0 {
            Sink::Kernel(data) => data.len(),
            Sink::User(ranges) => ranges.total,
        }
    }

    /// Copies from `data`; fewer bytes at the end, or before memory that is not
    /// writable.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied because of a fault.
    pub fn write(&mut self, data: &[u8]) -> Result<usize, UserFault> {
        match &mut self.0 {
            Sink::Kernel(room) => {
                let now = take_front(room, data.len());
                if let Some(data) = data.get(..now.len()) {
                    now.copy_from_slice(data);
                }
                Ok(now.len())
            }
            Sink::User(ranges) => {
                let from = data.as_ptr().cast_mut();
                // SAFETY: `data` is only read, by `Copy::Store`.
                unsafe { ranges.transfer(Copy::Store, from, data.len()) }
            }
        }
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    /// [`UserFault`] when it does not fit or part is not writable.
    pub fn write_all(&mut self, data: &[u8]) -> Result<(), UserFault> {
        if self.write(data)? == data.len() { Ok(()) } else { Err(UserFault) }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// As for [`Writer::write_all`].
    pub fn write_val<T: Pod>(&mut self, value: T) -> Result<(), UserFault> {
        with_buffer::<T, _>(|buffer| {
            value.to_bytes(buffer);
            self.write_all(buffer)
        })
    }

    /// Copies up to `len` bytes out of a frame from `offset` on.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be copied because of a fault.
    pub fn write_frame(
        &mut self,
        frame: &Frame,
        offset: usize,
        len: usize,
    ) -> Result<usize, UserFault> {
        self.write_untyped(Copy::StoreFrame, &frame.untyped(offset, len))
    }

    /// Copies up to `len` bytes out of shared memory from `offset` on, each read once.
    ///
    /// Fewer are copied before memory that is not writable, and where a page is taken
    /// away just then. What is behind may have been read already: it is not to be read
    /// again, but to be asked for again.
    ///
    /// # Errors
    /// [`UserFault`] when the first byte cannot be written, or there is no such range of
    /// the buffer.
    pub fn write_shared(
        &mut self,
        buffer: &SharedBuf,
        offset: usize,
        len: usize,
    ) -> Result<usize, UserFault> {
        let len = len.min(self.remaining());
        offset.checked_add(len).filter(|end| *end <= buffer.len()).ok_or(UserFault)?;
        let mut done = 0;
        while done < len {
            let part = self.make_writable(len - done);
            if part == 0 {
                return if done > 0 { Ok(done) } else { Err(UserFault) };
            }
            let from = buffer.untyped(offset + done, part).ok_or(UserFault)?;
            let copied = self.write_untyped(Copy::StoreShared, &from).unwrap_or(0);
            done += copied;
            if copied < part {
                break;
            }
        }
        Ok(done)
    }

    /// Makes the pages writable that the next bytes go to, up to `len` of them, by
    /// zeros in each: how many bytes from here on lie in one range of such pages.
    fn make_writable(&mut self, len: usize) -> usize {
        let Sink::User(ranges) = &mut self.0 else { return len };
        ranges.next_range();
        let len = len.min(ranges.len);
        let mut ready = 0;
        while ready < len {
            let at = ranges.addr + ready;
            let part = (PAGE_SIZE - at % PAGE_SIZE).min(len - ready);
            let is_writable = match part {
                0..8 => ranges.space.write(at, &[0]).is_ok(),
                _ => ranges.space.write(at, &[0; 8]).is_ok(),
            };
            if !is_writable {
                break;
            }
            ready += part;
        }
        ready
    }

    pub(super) fn write_untyped(
        &mut self,
        copy: Copy,
        from: &Untyped<'_>,
    ) -> Result<usize, UserFault> {
        match &mut self.0 {
            Sink::Kernel(room) => {
                let now = take_front(room, from.len());
                Ok(from.load(now))
            }
            Sink::User(ranges) => {
                // SAFETY: `from` is valid for its length, and untyped.
                unsafe { ranges.transfer(copy, from.ptr(), from.len()) }
            }
        }
    }

    /// Writes up to `count` zeros.
    ///
    /// # Errors
    /// [`UserFault`] when nothing could be written because of a fault.
    pub fn zeros(&mut self, count: usize) -> Result<usize, UserFault> {
        match &mut self.0 {
            Sink::Kernel(room) => {
                let now = take_front(room, count);
                now.fill(0);
                Ok(now.len())
            }
            Sink::User(ranges) => {
                let nothing = core::ptr::null_mut();
                // SAFETY: `Copy::Zero` does not use the pointer.
                unsafe { ranges.transfer(Copy::Zero, nothing, count) }
            }
        }
    }

    /// Leaves up to `count` bytes as they are.
    pub fn skip(&mut self, count: usize) {
        match &mut self.0 {
            Sink::Kernel(room) => {
                take_front(room, count);
            }
            Sink::User(ranges) => ranges.skip(count),
        }
    }
}

/// Cuts up to `count` bytes off the front of a slice.
fn take_front<'a>(slice: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let all = core::mem::take(slice);
    let (now, later) = all.split_at_mut(count.min(all.len()));
    *slice = later;
    now
}
