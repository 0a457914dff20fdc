// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Arrays of buffers as arguments: `struct iovec`, read once and checked.
//!
//! Trust: the program chose every address, length and count here.
//! Spec: readv(2).

use super::memory::transfer_len;
use super::{FromArg, Regs};
use crate::line::Line;
use abi::fs::{IOV_MAX, Iovec, MAX_RW_COUNT};
use abi::{Result, err, error};
use alloc::vec::Vec;
use core::fmt::Write;
use framework::mm::{Pod, Reader, VmSpace};

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
        if self.count == 0 {
            return Ok(Vec::new());
        }
        let mut raw = Vec::new();
        let size = self.count * size_of::<Iovec>();
        raw.try_reserve_exact(size).map_err(|_| error!(ENOMEM))?;
        raw.resize(size, 0_u8);
        let readable = Reader::user(vm, self.addr, size)?.read(&mut raw)?;
        let mut buffers = Vec::new();
        buffers.try_reserve_exact(self.count).map_err(|_| error!(ENOMEM))?;
        // One by one, as on Linux: a negative length counts before what cannot be read.
        let read = raw.get(..readable).unwrap_or_default();
        for entry in read.as_chunks::<{ size_of::<Iovec>() }>().0 {
            let Iovec { base, len } = Iovec::from_bytes(entry);
            if len > i64::MAX as u64 {
                return err!(EINVAL, "negative length");
            }
            buffers.push((base as usize, len as usize));
        }
        if readable < size {
            return err!(EFAULT, "a part of the array cannot be read");
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
    if let [(_, len)] = buffers {
        // One alone is cut before it is looked at.
        *len = (*len).min(MAX_RW_COUNT);
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
        // Linux counts them in an `unsigned int`.
        Ok(Self { addr: regs.take() as usize, count: regs.take() as u32 as usize })
    }

    fn show(&self, line: &mut Line<'_>) {
        line.pointer(self.addr);
        let _ = write!(line, ", {}", self.count);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use abi::Errno;
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
}
