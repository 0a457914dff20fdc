// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where lseek(2) counts from.

use abi::fs::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET};

/// Where lseek(2) counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeekFrom {
    /// From the start.
    Start(i64),
    /// From the present offset.
    Current(i64),
    /// From the end.
    End(i64),
    /// The next data at or after.
    Data(i64),
    /// The next hole at or after.
    Hole(i64),
}

impl SeekFrom {
    /// Decodes the `whence` argument.
    pub const fn from_raw(whence: u32, offset: i64) -> Option<Self> {
        match whence {
            SEEK_SET => Some(Self::Start(offset)),
            SEEK_CUR => Some(Self::Current(offset)),
            SEEK_END => Some(Self::End(offset)),
            SEEK_DATA => Some(Self::Data(offset)),
            SEEK_HOLE => Some(Self::Hole(offset)),
            _ => None,
        }
    }
}
