// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The flags of mount and umount2.
//!
//! Spec: mount(2), umount(2).

/// Change the flags of a mount.
pub const MS_REMOUNT: u64 = 32;
/// Show a tree at a second place.
pub const MS_BIND: u64 = 4096;
/// Move a tree.
pub const MS_MOVE: u64 = 8192;
/// Private, slave, shared, unbindable: propagation.
pub const MS_PROPAGATION: u64 = 0xf << 17;
/// An old magic number in the high half means nothing.
pub const MS_MGC_MSK: u64 = 0xffff_0000;
/// That magic number.
pub const MS_MGC_VAL: u64 = 0xc0ed_0000;

/// Force the unmounting.
pub const MNT_FORCE: u32 = 1;
/// Unmount once nobody uses it.
pub const MNT_DETACH: u32 = 2;
/// Unmount if it was not used since the last call.
pub const MNT_EXPIRE: u32 = 4;
/// Do not follow a symbolic link.
pub const UMOUNT_NOFOLLOW: u32 = 8;

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
        /// Symbolic links are not followed.
        const NOSYMFOLLOW = 1 << 8;
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
