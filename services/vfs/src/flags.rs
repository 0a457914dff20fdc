// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Flags of open(2), and how they group.

bitflags::bitflags! {
    /// The flags of open(2) on x86-64.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Write only.
        const WRONLY = 1;
        /// Read and write.
        const RDWR = 2;
        /// Create if missing.
        const CREAT = 0o100;
        /// Fail if it exists.
        const EXCL = 0o200;
        /// Do not take it as controlling terminal.
        const NOCTTY = 0o400;
        /// Cut to length 0.
        const TRUNC = 0o1000;
        /// Every write goes to the end.
        const APPEND = 0o2000;
        /// Do not wait.
        const NONBLOCK = 0o4000;
        /// Data is on the medium when write returns.
        const DSYNC = 0o1_0000;
        /// Signal when ready.
        const ASYNC = 0o2_0000;
        /// Bypass the page cache; packets on pipes.
        const DIRECT = 0o4_0000;
        /// Set on every opened file of a 64-bit program.
        const LARGEFILE = 0o10_0000;
        /// Must be a directory.
        const DIRECTORY = 0o20_0000;
        /// The last component must not be a symbolic link.
        const NOFOLLOW = 0o40_0000;
        /// Do not touch the access time.
        const NOATIME = 0o100_0000;
        /// Close on exec (a flag of the descriptor, not of the file).
        const CLOEXEC = 0o200_0000;
        /// The bit that makes O_SYNC of O_DSYNC.
        const SYNC_BIT = 0o400_0000;
        /// Only a location, no access.
        const PATH = 0o1000_0000;
        /// The bit that with DIRECTORY makes O_TMPFILE.
        const TMPFILE_BIT = 0o2000_0000;
    }
}

impl OpenFlags {
    /// Read only: no access bit.
    pub const RDONLY: Self = Self::empty();
    /// Both access bits.
    pub const ACCMODE: Self = Self::WRONLY.union(Self::RDWR);
    /// An unnamed file.
    pub const TMPFILE: Self = Self::TMPFILE_BIT.union(Self::DIRECTORY);
    /// What fcntl(F_SETFL) can change.
    pub const SETTABLE: Self = Self::APPEND
        .union(Self::NONBLOCK)
        .union(Self::DIRECT)
        .union(Self::NOATIME)
        .union(Self::ASYNC);
    /// What only directs the opening and is forgotten after it.
    pub const TRANSIENT: Self =
        Self::CREAT.union(Self::EXCL).union(Self::NOCTTY).union(Self::TRUNC).union(Self::CLOEXEC);

    /// Whether the access mode allows reading.
    #[inline]
    pub const fn can_read(self) -> bool {
        self.bits() & 3 == 0 || self.bits() & 3 == 2
    }

    /// Whether the access mode allows writing.
    #[inline]
    pub const fn can_write(self) -> bool {
        self.bits() & 3 == 1 || self.bits() & 3 == 2
    }

    /// Whether this asks for an unnamed file.
    pub const fn is_tmpfile(self) -> bool {
        self.contains(Self::TMPFILE)
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
    /// Mount options that hold for one mount.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// Read only.
        const RDONLY = 1;
        /// Set-id bits do not count.
        const NOSUID = 2;
        /// Device nodes do not open.
        const NODEV = 4;
        /// Programs do not start.
        const NOEXEC = 8;
        /// Access times never change.
        const NOATIME = 1 << 10;
        /// Access times of directories never change.
        const NODIRATIME = 1 << 11;
        /// Access times change when older than the other times or a day.
        const RELATIME = 1 << 21;
        /// Access times change on every access.
        const STRICTATIME = 1 << 24;
    }
}

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
            0 => Some(Self::Start(offset)),
            1 => Some(Self::Current(offset)),
            2 => Some(Self::End(offset)),
            3 => Some(Self::Data(offset)),
            4 => Some(Self::Hole(offset)),
            _ => None,
        }
    }
}
