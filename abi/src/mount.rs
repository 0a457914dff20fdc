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
