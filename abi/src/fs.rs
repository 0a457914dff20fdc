// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Names and bytes of files: access, seeking, transfers.
//!
//! Spec: access(2), lseek(2), readv(2), posix_fadvise(2), getdents(2).

bitflags::bitflags! {
    /// What access(2) asks for; empty means existence.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AccessMode: u32 {
        /// Execute or search.
        const X_OK = 1;
        /// Write.
        const W_OK = 2;
        /// Read.
        const R_OK = 4;
    }
}

/// `whence`: from the start (`man 2 lseek`).
pub const SEEK_SET: u32 = 0;
/// `whence`: from the present offset.
pub const SEEK_CUR: u32 = 1;
/// `whence`: from the end.
pub const SEEK_END: u32 = 2;
/// `whence`: the next data at or after.
pub const SEEK_DATA: u32 = 3;
/// `whence`: the next hole at or after.
pub const SEEK_HOLE: u32 = 4;

/// The id that chown(2), setresuid(2) and others take for "leave as it is".
pub const UNCHANGED: u32 = u32::MAX;

/// What one read or write transfers at most, in bytes.
pub const MAX_RW_COUNT: usize = 0x7fff_f000;
/// The most buffers of one vectored transfer (`man 2 readv`).
pub const IOV_MAX: usize = 1024;

framework::pod_struct! {
    /// `struct iovec` (`man 3type iovec`).
    #[derive(Debug, Default)]
    pub struct Iovec {
        /// Address of the buffer.
        pub base: u64,
        /// Its length in bytes.
        pub len: u64,
    }
}

const _: () = assert!(size_of::<Iovec>() == 16);

/// Flags of preadv2(2): polled, data on the medium, all on the medium.
pub mod rwf {
    /// `RWF_HIPRI`.
    pub const HIPRI: u32 = 1;
    /// `RWF_DSYNC`.
    pub const DSYNC: u32 = 2;
    /// `RWF_SYNC`.
    pub const SYNC: u32 = 4;
    /// `RWF_NOWAIT`.
    pub const NOWAIT: u32 = 8;
    /// `RWF_APPEND`.
    pub const APPEND: u32 = 0x10;
    /// `RWF_NOAPPEND`.
    pub const NOAPPEND: u32 = 0x20;
    /// `RWF_ATOMIC`.
    pub const ATOMIC: u32 = 0x40;
}

/// The last advice of posix_fadvise(2), `POSIX_FADV_NOREUSE`; the first is 0.
pub const POSIX_FADV_LAST: i32 = 5;

/// Where the name starts in `struct linux_dirent64` (`man 2 getdents64`): after inode
/// number (8 bytes), place of the next entry (8), length of the record (2) and `DT_*` (1).
const DIRENT64_NAME: usize = 19;
/// Where the name starts in `struct linux_dirent` (`man 2 getdents`): after inode number
/// (8 bytes), place of the next entry (8) and length (2). `DT_*` is the record's last byte.
const DIRENT_NAME: usize = 18;

/// What a record of getdents(2) or getdents64(2) tells beside the name.
#[derive(Clone, Copy, Debug)]
pub struct Dirent {
    /// Inode number.
    pub ino: u64,
    /// Where the next entry is.
    pub next: u64,
    /// `DT_*`.
    pub kind: u8,
}

impl Dirent {
    /// Bytes of a `struct linux_dirent64`: head, name, NUL, and NULs up to a multiple of 8.
    pub const fn len64(name_len: usize) -> usize {
        (DIRENT64_NAME + name_len + 1).next_multiple_of(8)
    }

    /// Bytes of a `struct linux_dirent`: as [`Self::len64`], and [`Self::kind`] is the last.
    pub const fn len(name_len: usize) -> usize {
        (DIRENT_NAME + name_len + 2).next_multiple_of(8)
    }

    /// Length of the record of either kind at the start of `bytes`, and where the entry behind it is.
    pub fn len_and_next(bytes: &[u8]) -> Option<(usize, u64)> {
        let (next, rest) = bytes.get(8..)?.split_first_chunk::<8>()?;
        let (len, _) = rest.split_first_chunk::<2>()?;
        Some((u16::from_le_bytes(*len).into(), u64::from_le_bytes(*next)))
    }

    /// The head of a `struct linux_dirent64` of `len` bytes.
    pub const fn head64(&self, len: u16) -> [u8; DIRENT64_NAME] {
        let [a, b, c, d, e, f, g, h] = self.ino.to_le_bytes();
        let [i, j, k, l, m, n, o, p] = self.next.to_le_bytes();
        let [q, r] = len.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, self.kind]
    }

    /// The head of a `struct linux_dirent` of `len` bytes.
    pub const fn head(&self, len: u16) -> [u8; DIRENT_NAME] {
        let [a, b, c, d, e, f, g, h] = self.ino.to_le_bytes();
        let [i, j, k, l, m, n, o, p] = self.next.to_le_bytes();
        let [q, r] = len.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r]
    }
}

bitflags::bitflags! {
    /// Flags of renameat2(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct RenameFlags: u32 {
        /// Fail if the new name exists.
        const NOREPLACE = 1;
        /// Swap the two.
        const EXCHANGE = 2;
        /// Leave a whiteout (not supported).
        const WHITEOUT = 4;
    }
}

bitflags::bitflags! {
    /// Modes of fallocate(2).
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct FallocateMode: u32 {
        /// Do not change the length.
        const KEEP_SIZE = 1;
        /// Give the range's pages back; they read as zeros.
        const PUNCH_HOLE = 2;
        /// Remove the range (not supported).
        const COLLAPSE_RANGE = 8;
        /// Make the range read as zeros.
        const ZERO_RANGE = 0x10;
        /// Insert a hole (not supported).
        const INSERT_RANGE = 0x20;
        /// Unshare shared blocks (not supported).
        const UNSHARE_RANGE = 0x40;
    }
}

/// The longest name of an extended attribute.
pub const XATTR_NAME_MAX: usize = 255;
/// The longest value of one.
pub const XATTR_SIZE_MAX: usize = 65536;
/// setxattr(2): the attribute must be new.
pub const XATTR_CREATE: u32 = 1;
/// setxattr(2): the attribute must be there.
pub const XATTR_REPLACE: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_directories() {
        assert_eq!([Dirent::len64(1), Dirent::len64(4), Dirent::len64(5)], [24, 24, 32]);
        assert_eq!([Dirent::len(1), Dirent::len(4), Dirent::len(5)], [24, 24, 32]);
        let entry = Dirent { ino: 0x0102, next: 3, kind: 4 };
        let head = entry.head64(24);
        assert_eq!(head[..8], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(head[8..16], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(head[16..], [24, 0, 4]);
        assert_eq!(entry.head(24), head[..18]);
    }
}
