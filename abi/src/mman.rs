// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Flags of the mmap family, and advice about memory.
//!
//! Spec: mmap(2), mremap(2), msync(2), mlock(2), madvise(2).

use bitflags::bitflags;

bitflags! {
    /// What user code may do with an area: `PROT_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Prot: u32 {
        /// `PROT_READ`.
        const READ = 1;
        /// `PROT_WRITE`.
        const WRITE = 2;
        /// `PROT_EXEC`.
        const EXEC = 4;
        /// `PROT_SEM`: accepted, no effect on x86.
        const SEM = 8;
        /// `PROT_GROWSDOWN`: mprotect extends the range to the start of a stack area.
        const GROWSDOWN = 0x0100_0000;
        /// `PROT_GROWSUP`: no such areas on x86.
        const GROWSUP = 0x0200_0000;
    }
}

impl Prot {
    /// Read, write and execute.
    pub const ALL: Self = Self::READ.union(Self::WRITE).union(Self::EXEC);

    /// Only the bits that an area stores.
    pub const fn access(self) -> Self {
        self.intersection(Self::ALL)
    }
}

bitflags! {
    /// Flags of mmap(2): `MAP_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct MapFlags: u32 {
        /// `MAP_SHARED`.
        const SHARED = 0x01;
        /// `MAP_PRIVATE`.
        const PRIVATE = 0x02;
        /// `MAP_SHARED_VALIDATE`: both type bits.
        const SHARED_VALIDATE = 0x03;
        /// `MAP_DROPPABLE` and other types that Linux 6.12 may know and we refuse.
        const TYPE_HIGH = 0x0c;
        /// `MAP_FIXED`.
        const FIXED = 0x10;
        /// `MAP_ANONYMOUS`.
        const ANONYMOUS = 0x20;
        /// `MAP_32BIT`: in the low 2 GiB.
        const LOW_32BIT = 0x40;
        /// `MAP_ABOVE4G`.
        const ABOVE_4G = 0x80;
        /// `MAP_GROWSDOWN`.
        const GROWSDOWN = 0x0100;
        /// `MAP_DENYWRITE`: ignored, as on Linux.
        const DENYWRITE = 0x0800;
        /// `MAP_EXECUTABLE`: ignored, as on Linux.
        const EXECUTABLE = 0x1000;
        /// `MAP_LOCKED`.
        const LOCKED = 0x2000;
        /// `MAP_NORESERVE`.
        const NORESERVE = 0x4000;
        /// `MAP_POPULATE`.
        const POPULATE = 0x8000;
        /// `MAP_NONBLOCK`.
        const NONBLOCK = 0x1_0000;
        /// `MAP_STACK`: no effect.
        const STACK = 0x2_0000;
        /// `MAP_HUGETLB`: refused, there is no pool.
        const HUGETLB = 0x4_0000;
        /// `MAP_SYNC`: refused where `MAP_SHARED_VALIDATE` asks.
        const SYNC = 0x8_0000;
        /// `MAP_FIXED_NOREPLACE`.
        const FIXED_NOREPLACE = 0x10_0000;
        /// `MAP_UNINITIALIZED`: ignored.
        const UNINITIALIZED = 0x400_0000;
        /// Unknown bits are ignored unless `MAP_SHARED_VALIDATE` asks.
        const _ = !0;
    }
}

impl MapFlags {
    /// The mapping type: the low four bits.
    pub const TYPE: u32 = 0x0f;
    /// Above this bit stands the logarithm of the size of huge pages; 0 is the usual size.
    pub const HUGE_SHIFT: u32 = 26;
    /// `MAP_HUGE_2MB`, shifted down.
    pub const HUGE_2MB: u32 = 21;
    /// `MAP_HUGE_1GB`, shifted down.
    pub const HUGE_1GB: u32 = 30;
    /// The type `MAP_SHARED`.
    pub const TYPE_SHARED: u32 = Self::SHARED.bits();
    /// The type `MAP_PRIVATE`.
    pub const TYPE_PRIVATE: u32 = Self::PRIVATE.bits();
    /// The type `MAP_SHARED_VALIDATE`.
    pub const TYPE_SHARED_VALIDATE: u32 = Self::SHARED_VALIDATE.bits();

    /// What `MAP_SHARED_VALIDATE` lets pass.
    pub const LEGACY: Self = Self::from_bits_retain(
        Self::TYPE
            | Self::FIXED.bits()
            | Self::ANONYMOUS.bits()
            | Self::DENYWRITE.bits()
            | Self::EXECUTABLE.bits()
            | Self::UNINITIALIZED.bits()
            | Self::GROWSDOWN.bits()
            | Self::LOCKED.bits()
            | Self::NORESERVE.bits()
            | Self::POPULATE.bits()
            | Self::NONBLOCK.bits()
            | Self::STACK.bits()
            | Self::HUGETLB.bits()
            | Self::LOW_32BIT.bits()
            | Self::ABOVE_4G.bits()
            | (0x3f << 26),
    );
}

bitflags! {
    /// Flags of mremap(2): `MREMAP_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RemapFlags: u32 {
        /// `MREMAP_MAYMOVE`.
        const MAYMOVE = 1;
        /// `MREMAP_FIXED`.
        const FIXED = 2;
        /// `MREMAP_DONTUNMAP`.
        const DONTUNMAP = 4;
    }
}

bitflags! {
    /// Flags of msync(2): `MS_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SyncFlags: u32 {
        /// `MS_ASYNC`.
        const ASYNC = 1;
        /// `MS_INVALIDATE`.
        const INVALIDATE = 2;
        /// `MS_SYNC`.
        const SYNC = 4;
    }
}

bitflags! {
    /// Flags of mlockall(2): `MCL_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LockAll: u32 {
        /// `MCL_CURRENT`.
        const CURRENT = 1;
        /// `MCL_FUTURE`.
        const FUTURE = 2;
        /// `MCL_ONFAULT`.
        const ONFAULT = 4;
    }
}

/// Flag of mlock2(2): pages are locked as they are used.
pub const MLOCK_ONFAULT: u32 = 1;

/// The advice of madvise(2).
#[allow(missing_docs, reason = "the names are the documentation: madvise(2)")]
pub mod madv {
    pub const MADV_NORMAL: i32 = 0;
    pub const MADV_RANDOM: i32 = 1;
    pub const MADV_SEQUENTIAL: i32 = 2;
    pub const MADV_WILLNEED: i32 = 3;
    pub const MADV_DONTNEED: i32 = 4;
    pub const MADV_FREE: i32 = 8;
    pub const MADV_REMOVE: i32 = 9;
    pub const MADV_DONTFORK: i32 = 10;
    pub const MADV_DOFORK: i32 = 11;
    pub const MADV_MERGEABLE: i32 = 12;
    pub const MADV_UNMERGEABLE: i32 = 13;
    pub const MADV_HUGEPAGE: i32 = 14;
    pub const MADV_NOHUGEPAGE: i32 = 15;
    pub const MADV_DONTDUMP: i32 = 16;
    pub const MADV_DODUMP: i32 = 17;
    pub const MADV_WIPEONFORK: i32 = 18;
    pub const MADV_KEEPONFORK: i32 = 19;
    pub const MADV_COLD: i32 = 20;
    pub const MADV_PAGEOUT: i32 = 21;
    pub const MADV_POPULATE_READ: i32 = 22;
    pub const MADV_POPULATE_WRITE: i32 = 23;
    pub const MADV_DONTNEED_LOCKED: i32 = 24;
    pub const MADV_COLLAPSE: i32 = 25;
}
