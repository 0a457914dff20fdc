// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What an area is beside its place, and what its protection means to the page table.

use abi::mman::Prot;
use bitflags::bitflags;
use framework::mm::{Access, Perms};

bitflags! {
    /// Properties of an area beside its protection.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct AreaFlags: u32 {
        /// Stores reach the backing object and every other mapping of it.
        const SHARED = 1;
        /// A stack: a fault just below it extends it.
        const GROWSDOWN = 2;
        /// `mlock`ed.
        const LOCKED = 4;
        /// `MADV_DONTFORK`.
        const DONTFORK = 8;
        /// `MADV_WIPEONFORK`.
        const WIPEONFORK = 16;
        /// `MAP_NORESERVE`.
        const NORESERVE = 32;
        /// `MADV_DONTDUMP`.
        const DONTDUMP = 64;
        /// Mapped `MAP_SHARED` on a file open only for reading: shows as shared,
        /// can never be made writable.
        const MAY_SHARE = 128;
        /// Counted as committed memory: it was private and writable once.
        const ACCOUNT = 256;
        /// `MADV_RANDOM`. This and the following have no effect but to keep areas apart.
        const RANDOM = 512;
        /// `MADV_SEQUENTIAL`.
        const SEQUENTIAL = 1024;
        /// `MADV_MERGEABLE`.
        const MERGEABLE = 2048;
        /// `MADV_HUGEPAGE`.
        const HUGEPAGE = 4096;
        /// `MADV_NOHUGEPAGE`.
        const NOHUGEPAGE = 8192;
    }
}

/// The page-table permissions: on x86 every accessible page is readable.
pub(crate) fn perms_of(prot: Prot) -> Perms {
    let mut perms = Perms::empty();
    if prot.intersects(Prot::ALL) {
        perms |= Perms::READ;
    }
    if prot.contains(Prot::WRITE) {
        perms |= Perms::WRITE;
    }
    if prot.contains(Prot::EXEC) {
        perms |= Perms::EXEC;
    }
    perms
}

/// True when an area with this protection serves `access`.
pub(crate) const fn allows(prot: Prot, access: Access) -> bool {
    match access {
        Access::Read => prot.intersects(Prot::ALL),
        Access::Write => prot.contains(Prot::WRITE),
        Access::Exec => prot.contains(Prot::EXEC),
    }
}
