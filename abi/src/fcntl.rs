// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open files: the flags of the `*at` calls, the commands of fcntl, locks.
//!
//! Spec: openat(2), fcntl(2), flock(2), close_range(2).

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

/// In place of a descriptor: the current directory.
pub const AT_FDCWD: i32 = -100;

bitflags::bitflags! {
    /// How the `*at` calls treat their path.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AtFlags: u32 {
        /// Do not follow a symbolic link at the end.
        const AT_SYMLINK_NOFOLLOW = 0x100;
        /// `unlinkat`: remove a directory; `faccessat2`: use the effective ids.
        const AT_REMOVEDIR = 0x200;
        /// `linkat`: follow a symbolic link at the end.
        const AT_SYMLINK_FOLLOW = 0x400;
        /// Do not mount at the end; nothing here does.
        const AT_NO_AUTOMOUNT = 0x800;
        /// An empty path means the descriptor itself.
        const AT_EMPTY_PATH = 0x1000;
        /// `statx`: fetch fresh attributes.
        const AT_STATX_FORCE_SYNC = 0x2000;
        /// `statx`: cached attributes will do.
        const AT_STATX_DONT_SYNC = 0x4000;
    }

    /// What close_range(2) does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloseRangeFlags: u32 {
        /// Unshare the table first.
        const CLOSE_RANGE_UNSHARE = 2;
        /// Set close-on-exec instead of closing.
        const CLOSE_RANGE_CLOEXEC = 4;
    }
}

/// The commands of fcntl(2).
#[allow(missing_docs, reason = "the names are the documentation: fcntl(2)")]
pub mod command {
    pub const F_DUPFD: u32 = 0;
    pub const F_GETFD: u32 = 1;
    pub const F_SETFD: u32 = 2;
    pub const F_GETFL: u32 = 3;
    pub const F_SETFL: u32 = 4;
    pub const F_GETLK: u32 = 5;
    pub const F_SETLK: u32 = 6;
    pub const F_SETLKW: u32 = 7;
    pub const F_SETOWN: u32 = 8;
    pub const F_GETOWN: u32 = 9;
    pub const F_SETSIG: u32 = 10;
    pub const F_GETSIG: u32 = 11;
    pub const F_SETOWN_EX: u32 = 15;
    pub const F_GETOWN_EX: u32 = 16;
    pub const F_GETOWNER_UIDS: u32 = 17;
    pub const F_OFD_GETLK: u32 = 36;
    pub const F_OFD_SETLK: u32 = 37;
    pub const F_OFD_SETLKW: u32 = 38;
    pub const F_DUPFD_CLOEXEC: u32 = 1030;
    pub const F_SETPIPE_SZ: u32 = 1031;
    pub const F_GETPIPE_SZ: u32 = 1032;
    pub const F_ADD_SEALS: u32 = 1033;
    pub const F_GET_SEALS: u32 = 1034;
}

/// Kind of owner in `F_SETOWN_EX`: a thread.
pub const F_OWNER_TID: i32 = 0;
/// Kind of owner in `F_SETOWN_EX`: a process.
pub const F_OWNER_PID: i32 = 1;
/// Kind of owner in `F_SETOWN_EX`: a process group.
pub const F_OWNER_PGRP: i32 = 2;

/// No more seals.
pub const F_SEAL_SEAL: u32 = 1;
/// All seals that Linux knows.
pub const F_ALL_SEALS: u32 = 0x3f;

/// The flag of a descriptor: closed on exec.
pub const FD_CLOEXEC: u64 = 1;

/// `l_type` of [`Flock`]: shared.
pub const F_RDLCK: i16 = 0;
/// `l_type` of [`Flock`]: exclusive.
pub const F_WRLCK: i16 = 1;
/// `l_type` of [`Flock`]: no lock.
pub const F_UNLCK: i16 = 2;

/// flock(2): shared.
pub const LOCK_SH: u32 = 1;
/// flock(2): exclusive.
pub const LOCK_EX: u32 = 2;
/// flock(2): do not wait.
pub const LOCK_NB: u32 = 4;
/// flock(2): a mandatory lock, which Linux has no more.
pub const LOCK_MAND: u32 = 32;
/// flock(2): give it back.
pub const LOCK_UN: u32 = 8;

framework::pod_struct! {
    /// `struct flock` (`man 2 fcntl`).
    #[derive(Debug, Default)]
    pub struct Flock {
        /// `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
        pub kind: i16,
        /// What `start` counts from.
        pub whence: i16,
        /// Zero.
        pub pad: i32,
        /// First byte.
        pub start: i64,
        /// Bytes; zero: to the end.
        pub len: i64,
        /// Who holds it.
        pub pid: i32,
        /// Zero.
        pub end_pad: i32,
    }
}

const _: () = assert!(size_of::<Flock>() == 32);
