// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pointers as arguments: claims on user memory, read only by the handler.
//!
//! Trust: the program chose every address, length and count here, and its
//! other threads can change the bytes between two reads; each is read once.

use super::{FromArg, Regs};
use crate::line::Line;
use abi::fs::MAX_RW_COUNT;
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
    /// `EFAULT` for a range that wraps or ends beyond all user addresses.
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
    /// `EFAULT` for a range that wraps or ends beyond all user addresses.
    #[inline]
    pub fn writer(self, vm: &VmSpace) -> Result<Writer<'_>> {
        Ok(Writer::user(vm, self.addr, transfer_len(self.addr, self.len)?)?)
    }
}

impl UserOut {
    /// The same with no more than [`MAX_RW_COUNT`] bytes, where a call cuts the length before
    /// it looks at the range.
    pub fn cut(self) -> Self {
        Self { addr: self.addr, len: self.len.min(MAX_RW_COUNT) }
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

/// What of a range a transfer may touch: as on Linux a range that ends beyond all user
/// addresses is refused at once, and the length is capped.
#[inline]
pub(super) fn transfer_len(addr: usize, len: usize) -> Result<usize> {
    if addr.checked_add(len).is_none_or(|end| end > framework::mm::USER_MAX) {
        return err!(EFAULT);
    }
    Ok(len.min(MAX_RW_COUNT))
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
    use super::*;

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(transfer_len(0x1000, 0x7fff_ffff).unwrap(), MAX_RW_COUNT);
        assert_eq!(transfer_len(0x1000, usize::MAX).unwrap_err().errno(), Errno::EFAULT);
        assert_eq!(transfer_len(usize::MAX, 1).unwrap_err().errno(), Errno::EFAULT);
        assert_eq!(transfer_len(0, 0).unwrap(), 0);
        let top = framework::mm::USER_MAX;
        assert_eq!(transfer_len(top - 8, 8).unwrap(), 8);
        assert_eq!(transfer_len(top - 8, 9).unwrap_err().errno(), Errno::EFAULT);
    }
}
