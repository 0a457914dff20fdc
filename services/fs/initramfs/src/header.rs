// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The newc header: 6 bytes of magic and 13 numbers of 8 hexadecimal digits.

use crate::Reason;

pub(crate) const HEADER_LEN: usize = 110;
const FIELDS: usize = 13;

/// A decoded header. Its values are the archive's claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Header {
    pub(crate) ino: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) mtime: u32,
    pub(crate) size: u32,
    pub(crate) dev: (u32, u32),
    pub(crate) rdev: (u32, u32),
    pub(crate) name_len: u32,
    /// The sum of the data's bytes, in the variant that has it.
    pub(crate) checksum: Option<u32>,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, Reason> {
        let Some((magic, digits)) = bytes.split_first_chunk::<6>() else {
            return Err(Reason::Truncated);
        };
        let has_checksum = match magic {
            b"070701" => false,
            b"070702" => true,
            b"070707" => return Err(Reason::Unsupported("the old cpio format odc")),
            _ => return Err(Reason::BadMagic),
        };
        let (groups, _) = digits.as_chunks::<8>();
        let mut fields = [0; FIELDS];
        for (field, digits) in fields.iter_mut().zip(groups) {
            *field = hex(digits)?;
        }
        let [ino, mode, uid, gid, nlink, mtime, size, ma, mi, rma, rmi, name_len, sum] = fields;
        Ok(Self {
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            size,
            dev: (ma, mi),
            rdev: (rma, rmi),
            name_len,
            checksum: has_checksum.then_some(sum),
        })
    }
}

fn hex(digits: &[u8; 8]) -> Result<u32, Reason> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(Reason::BadNumber)?;
        Ok(value << 4 | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(hex(b"0000aBcD"), Ok(0xabcd));
        assert_eq!(hex(b"ffffffff"), Ok(u32::MAX));
        assert_eq!(hex(b"0000 bcd"), Err(Reason::BadNumber));
        assert_eq!(hex(b"-0000001"), Err(Reason::BadNumber));
    }

    #[test]
    fn magic() {
        let mut bytes = [b'0'; HEADER_LEN];
        bytes[..6].copy_from_slice(b"070701");
        assert_eq!(Header::parse(&bytes), Ok(Header::default()));
        bytes[5] = b'2';
        assert_eq!(Header::parse(&bytes).unwrap().checksum, Some(0));
        bytes[5] = b'7';
        assert!(matches!(Header::parse(&bytes), Err(Reason::Unsupported(_))));
        bytes[5] = b'8';
        assert_eq!(Header::parse(&bytes), Err(Reason::BadMagic));
    }
}
