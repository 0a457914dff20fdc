// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why an archive is refused.

use core::fmt;

/// An archive was refused: where and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The offset in the archive, after decompression where it is compressed.
    pub offset: u64,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It ends in the middle of an entry, or without its trailer.
    Truncated,
    /// Neither a newc header nor gzip.
    BadMagic,
    /// A form of cpio or compression that is not supported.
    Unsupported(&'static str),
    /// A header field is no hexadecimal number.
    BadNumber,
    /// A name is empty, too long, or not terminated.
    BadName,
    /// The length does not go with the kind of entry.
    BadSize,
    /// The file type in the mode is unknown.
    BadType,
    /// The checksum of an entry or of the compressed data is wrong.
    BadChecksum,
    /// The compressed data cannot be decompressed.
    BadCompression,
    /// The file system refused the entry.
    File(abi::Error),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the archive is truncated"),
            Self::BadMagic => f.write_str("neither a newc cpio header nor gzip data"),
            Self::Unsupported(what) => write!(f, "{what} is not supported"),
            Self::BadNumber => f.write_str("a header field is no hexadecimal number"),
            Self::BadName => f.write_str("a name is empty, too long or not terminated"),
            Self::BadSize => f.write_str("an absurd size"),
            Self::BadType => f.write_str("an unknown file type"),
            Self::BadChecksum => f.write_str("a wrong checksum"),
            Self::BadCompression => f.write_str("corrupt compressed data"),
            Self::File(error) => write!(f, "the entry cannot be created: {error:?}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "initramfs refused at byte {}: {}", self.offset, self.reason)
    }
}
