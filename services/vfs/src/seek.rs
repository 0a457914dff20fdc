// SPDX-License-Identifier: Apache-2.0 OR MIT
//! lseek(2) for files with a length, and for those whose length nobody knows.

use abi::{Result, err, error};

use crate::{File, SeekFrom};

/// What SEEK_DATA and SEEK_HOLE look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeking {
    /// Bytes that exist.
    Data,
    /// Bytes that do not; the end of the file is one.
    Hole,
}

/// Moves the offset of a file of `size` bytes without holes.
///
/// # Errors
/// Those of [`seek_with`].
pub fn seek_to(file: &File, to: SeekFrom, size: u64) -> Result<u64> {
    seek_with(file, to, size, |from, what| match what {
        Seeking::Data => Some(from),
        Seeking::Hole => Some(size),
    })
}

/// Moves the offset of a file of `size` bytes; `find` says where the next data
/// or hole at or after an offset below `size` is.
///
/// # Errors
/// `EINVAL` before the start or beyond the largest offset, `ENXIO` if data or a
/// hole is looked for from beyond the end, or there is no data behind.
pub fn seek_with(
    file: &File,
    to: SeekFrom,
    size: u64,
    find: impl FnOnce(u64, Seeking) -> Option<u64>,
) -> Result<u64> {
    let offset = file.lock_offset();
    let inside = |at: i64| match u64::try_from(at) {
        Ok(at) if at < size => Ok(at),
        _ => err!(ENXIO, "seek beyond the end"),
    };
    let relative = |base: u64, by: i64| {
        let sum = i64::try_from(base).ok().and_then(|base| base.checked_add(by));
        sum.ok_or(error!(EINVAL, "seek beyond the largest offset"))
    };
    let wanted = match to {
        SeekFrom::Start(at) => at,
        SeekFrom::Current(by) => relative(offset.get(), by)?,
        SeekFrom::End(by) => relative(size, by)?,
        SeekFrom::Data(at) => {
            let found = find(inside(at)?, Seeking::Data).filter(|&found| found < size);
            found.ok_or(error!(ENXIO, "no data behind"))? as i64
        }
        SeekFrom::Hole(at) => find(inside(at)?, Seeking::Hole).unwrap_or(size).min(size) as i64,
    };
    let Ok(wanted) = u64::try_from(wanted) else {
        return err!(EINVAL, "seek before the start");
    };
    offset.set(wanted);
    Ok(wanted)
}

/// Moves the offset of a file without a known end: a directory, a text of /proc.
///
/// # Errors
/// `EINVAL` if the result is no offset, or `to` counts from the end.
pub fn seek_unsized(file: &File, to: SeekFrom) -> Result<u64> {
    let offset = file.lock_offset();
    let wanted = match to {
        SeekFrom::Start(at) => Some(at),
        SeekFrom::Current(by) => i64::try_from(offset.get()).ok().and_then(|at| at.checked_add(by)),
        SeekFrom::End(_) | SeekFrom::Data(_) | SeekFrom::Hole(_) => None,
    };
    let Some(wanted) = wanted.and_then(|at| u64::try_from(at).ok()) else {
        return err!(EINVAL, "no such offset");
    };
    offset.set(wanted);
    Ok(wanted)
}
