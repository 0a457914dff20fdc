// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ioctl(2) of disks.
//!
//! Spec: linux/fs.h.

use abi::capability::Caps;
use abi::ioctl::block::*;
use abi::{Result, err, error};
use class::Sector;
use class::block::Blocking;
use vfs::IoctlContext;

use crate::buffer::buffer;
use crate::volume::Volume;

/// Bytes zeroed at once.
const ZEROS: usize = 64 * 1024;

pub(crate) fn control(volume: &Volume, cmd: u32, context: &IoctlContext<'_>) -> Result<usize> {
    let put_u32 = |value: u32| Ok(context.vm.write_val(context.arg, value).map(|()| 0)?);
    let put_u64 = |value: u64| Ok(context.vm.write_val(context.arg, value).map(|()| 0)?);
    let block_size = volume.block_size() as u32;
    match cmd {
        BLKROGET => put_u32(volume.device().limits().is_read_only.into()),
        BLKGETSIZE => put_u64(volume.sectors),
        BLKGETSIZE64 => put_u64(volume.len()),
        BLKSSZGET | BLKPBSZGET | BLKIOMIN => put_u32(block_size),
        BLKBSZGET => put_u32(4096),
        BLKIOOPT | BLKALIGNOFF | BLKDISCARDZEROES => put_u32(0),
        BLKRAGET => put_u64(256),
        // A rotational disk: one unsigned short.
        BLKROTATIONAL => Ok(context.vm.write_val(context.arg, 1u16).map(|()| 0)?),
        BLKFLSBUF | BLKRASET | BLKBSZSET | BLKRRPART if !context.cred.capable(Caps::SYS_ADMIN) => {
            err!(EACCES, "needs CAP_SYS_ADMIN")
        }
        BLKFLSBUF => volume.device().flush().map(|()| 0),
        BLKRASET => Ok(0),
        BLKBSZSET => {
            let size: u32 = context.vm.read_val(context.arg)?;
            let is_good = size.is_power_of_two() && (block_size..=4096).contains(&size);
            if is_good { Ok(0) } else { err!(EINVAL, "no block size") }
        }
        BLKRRPART => err!(EBUSY, "partitions are read once, at boot"),
        BLKDISCARD | BLKZEROOUT => {
            let start: u64 = context.vm.read_val(context.arg)?;
            let len: u64 = context.vm.read_val(context.arg.wrapping_add(8))?;
            if cmd == BLKDISCARD { discard(volume, start, len) } else { zero(volume, start, len) }
                .map(|()| 0)
        }
        _ => err!(ENOTTY, "no such control"),
    }
}

/// Checks a range of whole sectors.
fn check(volume: &Volume, start: u64, len: u64) -> Result<()> {
    if volume.device().limits().is_read_only {
        return err!(EPERM, "the disk is read-only");
    }
    let end = start.checked_add(len).filter(|end| *end <= volume.len());
    let mask = volume.block_size() as u64 - 1;
    if end.is_none() || (start | len) & mask != 0 {
        return err!(EINVAL, "not whole blocks of the disk");
    }
    Ok(())
}

pub(crate) fn discard(volume: &Volume, start: u64, len: u64) -> Result<()> {
    check(volume, start, len)?;
    let size = Sector::SIZE as u64;
    volume.device().discard(volume.sector(start), len / size)
}

fn zero(volume: &Volume, start: u64, len: u64) -> Result<()> {
    check(volume, start, len)?;
    let zeros = buffer(ZEROS)?;
    let mut done = 0;
    while done < len {
        let count = (len - done).min(ZEROS as u64);
        let part = zeros.get(..count as usize).ok_or(error!(EIO))?;
        let _shared = volume.disk.blocks.read();
        volume.device().write(volume.sector(start + done), part)?;
        done += count;
    }
    Ok(())
}
