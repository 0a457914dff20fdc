// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pointers as arguments: claims on user memory, read only by the handler.
//!
//! Trust: the program chose every address, length and count here, and its
//! other threads can change the bytes between two reads; each is read once.

use super::{FromArg, Regs};
use crate::line::Line;
use abi::fs::{IOV_MAX, Iovec, MAX_RW_COUNT};
use abi::limits::PATH_MAX;
use abi::{Errno, Error, Result, err, error};
use alloc::vec::Vec;
use core::fmt::Write;
use core::marker::PhantomData;
use framework::mm::{CStrError, Pod, Reader, VmSpace, Writer};

/// A pointer to one `T` in user memory, possibly null.
pub struct UserPtr<T> {
    addr: usize,
    pointee: PhantomData<T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// The pointer with this address.
    pub const fn new(addr: usize) -> Self {
        Self { addr, pointee: PhantomData }
    }

    /// The address as the program gave it.
    pub const fn addr(self) -> usize {
        self.addr
    }
}

impl<T: Pod> UserPtr<T> {
    /// Copies the value in.
    ///
    /// # Errors
    /// `EFAULT` if it cannot be read.
    #[inline]
    pub fn read(self, vm: &VmSpace) -> Result<T> {
        Ok(vm.read_val(self.addr)?)
    }

    /// Copies the value out.
    ///
    /// # Errors
    /// `EFAULT` if it cannot be written.
    #[inline]
    pub fn write(self, vm: &VmSpace, value: &T) -> Result<()> {
        Ok(vm.write_val(self.addr, *value)?)
    }

    /// The pointer to element `index` of an array that starts here.
    ///
    /// # Errors
    /// `EFAULT` if the element would lie beyond all addresses.
    pub fn at(self, index: usize) -> Result<Self> {
        index
            .checked_mul(size_of::<T>())
            .and_then(|offset| self.addr.checked_add(offset))
            .map(Self::new)
            .ok_or(error!(EFAULT))
    }
}

impl<T> FromArg for UserPtr<T> {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self::new(regs.take() as usize))
    }

    fn show(&self, line: &mut Line<'_>) {
        line.pointer(self.addr);
    }
}

/// `None` is the null pointer.
impl<T> FromArg for Option<UserPtr<T>> {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        let addr = regs.take() as usize;
        Ok((addr != 0).then_some(UserPtr::new(addr)))
    }

    fn show(&self, line: &mut Line<'_>) {
        line.pointer(self.map_or(0, UserPtr::addr));
    }
}

/// A pointer to a path: a C string of less than [`PATH_MAX`] bytes.
#[derive(Clone, Copy, Debug)]
pub struct UserPath(pub usize);

impl UserPath {
    /// Copies the path in; it may be empty, which most calls refuse later.
    ///
    /// # Errors
    /// `EFAULT` if it cannot be read, `ENAMETOOLONG` at [`PATH_MAX`] bytes, `ENOMEM`.
    pub fn read(self, vm: &VmSpace) -> Result<Vec<u8>> {
        read_string(vm, self.0, PATH_MAX, Errno::ENAMETOOLONG)
    }

    /// Copies a string in that must be shorter than `max`, NUL included.
    ///
    /// # Errors
    /// `EFAULT` if it cannot be read, `too_long` at `max` bytes, `ENOMEM`.
    pub fn read_max(self, vm: &VmSpace, max: usize, too_long: Errno) -> Result<Vec<u8>> {
        read_string(vm, self.0, max, too_long)
    }
}

fn read_string(vm: &VmSpace, addr: usize, max: usize, too_long: Errno) -> Result<Vec<u8>> {
    vm.read_cstr(addr, max).map_err(|error| match error {
        CStrError::TooLong => Error::from(too_long),
        CStrError::Fault => error!(EFAULT),
        CStrError::NoMemory => error!(ENOMEM),
    })
}

impl FromArg for UserPath {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self(regs.take() as usize))
    }

    fn show(&self, line: &mut Line<'_>) {
        line.string(self.0);
    }
}

/// `None` is the null pointer.
impl FromArg for Option<UserPath> {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        let addr = regs.take() as usize;
        Ok((addr != 0).then_some(UserPath(addr)))
    }

    fn show(&self, line: &mut Line<'_>) {
        line.string(self.map_or(0, |path| path.0));
    }
}

/// An address and a length: bytes that the kernel will read. Takes two registers.
#[derive(Clone, Copy, Debug)]
pub struct UserIn {
    addr: usize,
    len: usize,
}

impl UserIn {
    /// The start address.
    pub const fn addr(self) -> usize {
        self.addr
    }

    /// The length as the program gave it.
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there is nothing to read.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes as a source of at most [`MAX_RW_COUNT`] bytes.
    ///
    /// # Errors
    /// `EFAULT` for a range that wraps or reaches the upper half of the addresses.
    #[inline]
    pub fn reader(self, vm: &VmSpace) -> Result<Reader<'_>> {
        Ok(Reader::user(vm, self.addr, transfer_len(self.addr, self.len)?)?)
    }
}

impl FromArg for UserIn {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self { addr: regs.take() as usize, len: regs.take() as usize })
    }

    fn show(&self, line: &mut Line<'_>) {
        line.bytes(self.addr, self.len);
        let _ = write!(line, ", {}", self.len);
    }
}

/// An address and a length: room that the kernel will fill. Takes two registers.
#[derive(Clone, Copy, Debug)]
pub struct UserOut {
    addr: usize,
    len: usize,
}

impl UserOut {
    /// The start address.
    pub const fn addr(self) -> usize {
        self.addr
    }

    /// The length as the program gave it.
    pub const fn len(self) -> usize {
        self.len
    }

    /// Whether there is no room at all.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The room as a sink of at most [`MAX_RW_COUNT`] bytes.
    ///
    /// # Errors
    /// `EFAULT` for a range that wraps or reaches the upper half of the addresses.
    #[inline]
    pub fn writer(self, vm: &VmSpace) -> Result<Writer<'_>> {
        Ok(Writer::user(vm, self.addr, transfer_len(self.addr, self.len)?)?)
    }
}

impl FromArg for UserOut {
    const SHOWN_AFTER: bool = true;

    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self { addr: regs.take() as usize, len: regs.take() as usize })
    }

    fn show(&self, line: &mut Line<'_>) {
        match line.result() {
            Some(result) if result >= 0 => line.bytes(self.addr, self.len.min(result as usize)),
            _ => line.pointer(self.addr),
        }
        let _ = write!(line, ", {}", self.len);
    }
}

/// What of a range a transfer may touch: as on Linux only a range that reaches
/// the upper half is refused at once, and the length is capped.
#[inline]
fn transfer_len(addr: usize, len: usize) -> Result<usize> {
    if addr.checked_add(len).is_none_or(|end| end > isize::MAX as usize) {
        return err!(EFAULT);
    }
    Ok(len.min(MAX_RW_COUNT).min(framework::mm::USER_MAX.saturating_sub(addr)))
}

/// An array of `struct iovec` whose buffers the kernel reads. Takes two registers.
#[derive(Clone, Copy, Debug)]
pub struct IovIn(Iov);

/// An array of `struct iovec` whose buffers the kernel fills. Takes two registers.
#[derive(Clone, Copy, Debug)]
pub struct IovOut(Iov);

#[derive(Clone, Copy, Debug)]
struct Iov {
    addr: usize,
    count: usize,
}

impl IovIn {
    /// The buffers, checked and capped.
    ///
    /// # Errors
    /// `EINVAL` for more than 1024 buffers or a length that is negative, `EFAULT` if the
    /// array or a buffer lies outside of user addresses, `ENOMEM`.
    pub fn load(self, vm: &VmSpace) -> Result<Vec<(usize, usize)>> {
        self.0.load(vm)
    }
}

impl IovOut {
    /// The buffers, checked and capped.
    ///
    /// # Errors
    /// Those of [`IovIn::load`].
    pub fn load(self, vm: &VmSpace) -> Result<Vec<(usize, usize)>> {
        self.0.load(vm)
    }
}

impl Iov {
    fn load(self, vm: &VmSpace) -> Result<Vec<(usize, usize)>> {
        if self.count > IOV_MAX {
            return err!(EINVAL, "too many buffers");
        }
        let mut raw = Vec::new();
        let size = self.count * size_of::<Iovec>();
        raw.try_reserve_exact(size).map_err(|_| error!(ENOMEM))?;
        raw.resize(size, 0_u8);
        vm.read(self.addr, &mut raw)?;
        let mut buffers = Vec::new();
        buffers.try_reserve_exact(self.count).map_err(|_| error!(ENOMEM))?;
        for entry in raw.as_chunks::<{ size_of::<Iovec>() }>().0 {
            let Iovec { base, len } = Iovec::from_bytes(entry);
            buffers.push((base as usize, len as usize));
        }
        check_iov(&mut buffers)?;
        Ok(buffers)
    }
}

/// Refuses negative lengths and kernel addresses, and cuts the total to [`MAX_RW_COUNT`].
fn check_iov(buffers: &mut [(usize, usize)]) -> Result<()> {
    if buffers.iter().any(|&(_, len)| len > isize::MAX as usize) {
        return err!(EINVAL, "negative length");
    }
    let mut room = MAX_RW_COUNT;
    for (addr, len) in buffers {
        *len = transfer_len(*addr, *len)?.min(room);
        room -= *len;
    }
    Ok(())
}

impl FromArg for IovIn {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Iov::from_regs(regs).map(Self)
    }

    fn show(&self, line: &mut Line<'_>) {
        self.0.show(line);
    }
}

impl FromArg for IovOut {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Iov::from_regs(regs).map(Self)
    }

    fn show(&self, line: &mut Line<'_>) {
        self.0.show(line);
    }
}

impl Iov {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self { addr: regs.take() as usize, count: regs.take() as usize })
    }

    fn show(&self, line: &mut Line<'_>) {
        line.pointer(self.addr);
        let _ = write!(line, ", {}", self.count);
    }
}

/// A null-terminated array of C strings, `argv` or `envp`; `execve` copies it.
#[derive(Clone, Copy, Debug)]
pub struct UserStrings(pub usize);

impl FromArg for UserStrings {
    #[inline(always)]
    fn from_regs(regs: &mut Regs) -> Result<Self> {
        Ok(Self(regs.take() as usize))
    }

    fn show(&self, line: &mut Line<'_>) {
        line.strings(self.0);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    #[test]
    fn iov_total_is_cut() {
        let mut buffers = vec![(0x1000, 0x4000_0000), (0x1000, 0x4000_0000), (0x1000, 5)];
        check_iov(&mut buffers).unwrap();
        assert_eq!(buffers.iter().map(|buffer| buffer.1).sum::<usize>(), MAX_RW_COUNT);
        assert_eq!(buffers[2].1, 0);
    }

    #[test]
    fn iov_refuses_negative_lengths_before_bad_addresses() {
        let mut buffers = vec![(usize::MAX, 1), (0x1000, usize::MAX)];
        assert_eq!(check_iov(&mut buffers).unwrap_err().errno(), Errno::EINVAL);
        let mut buffers = vec![(usize::MAX - 3, 8)];
        assert_eq!(check_iov(&mut buffers).unwrap_err().errno(), Errno::EFAULT);
        let mut buffers = vec![(isize::MAX as usize, 1)];
        assert_eq!(check_iov(&mut buffers).unwrap_err().errno(), Errno::EFAULT);
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(transfer_len(0x1000, 0x7fff_ffff).unwrap(), MAX_RW_COUNT);
        assert_eq!(transfer_len(0x1000, usize::MAX).unwrap_err().errno(), Errno::EFAULT);
        assert_eq!(transfer_len(usize::MAX, 1).unwrap_err().errno(), Errno::EFAULT);
        assert_eq!(transfer_len(0, 0).unwrap(), 0);
        let top = framework::mm::USER_MAX;
        assert_eq!(transfer_len(top - 8, 1 << 40).unwrap(), 8);
    }
}
