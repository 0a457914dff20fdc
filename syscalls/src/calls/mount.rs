// SPDX-License-Identifier: Apache-2.0 OR MIT
//! mount and umount.

use crate::arg::{DirFd, UserPath};
use crate::calls::at::locate;
use crate::cx::Context;
use abi::capability::Caps;
use abi::fcntl::AtFlags;
use abi::mount::{
    MNT_DETACH, MNT_EXPIRE, MNT_FORCE, MS_BIND, MS_MGC_MSK, MS_MGC_VAL, MS_MOVE, MS_PROPAGATION,
    MS_REMOUNT, MountFlags, UMOUNT_NOFOLLOW,
};
use abi::{Errno, Result, err, error};
use vfs::{Follow, Remount, Unmount};

/// The most of the option string that is looked at.
const MAX_OPTIONS: usize = 4096;

/// What umount2 takes.
const UMOUNT_FLAGS: u32 = MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW;

/// mount(2).
pub(crate) fn sys_mount(
    cx: &mut Context,
    source: Option<UserPath>,
    target: UserPath,
    kind: Option<UserPath>,
    flags: u64,
    options: usize,
) -> Result<()> {
    let read = |text: Option<UserPath>| match text {
        Some(text) => text.read_max(cx.vm(), MAX_OPTIONS, Errno::EINVAL).map(Some),
        None => Ok(None),
    };
    let kind = read(kind)?;
    let source_name = read(source)?;
    let options = read((options != 0).then_some(UserPath(options)))?.unwrap_or_default();
    let at = locate(cx, DirFd::CWD, target, AtFlags::empty())?;
    cx.require(Caps::SYS_ADMIN)?;
    let flags = if flags & MS_MGC_MSK == MS_MGC_VAL { flags & !MS_MGC_MSK } else { flags };
    if flags & MS_REMOUNT != 0 {
        let is_of_mount = flags & MS_BIND != 0;
        let what = if is_of_mount { Remount::Mount } else { Remount::FileSystem(&options) };
        return vfs::remount(&at, remount_flags(flags, at.mount().flags()), what);
    }
    if flags & (MS_BIND | MS_MOVE) != 0 {
        let source = source.ok_or(error!(EINVAL, "no source"))?;
        let from = locate(cx, DirFd::CWD, source, AtFlags::empty())?;
        return if flags & MS_BIND != 0 {
            vfs::bind(&from, &at).map(|_| ())
        } else {
            vfs::move_mount(&from, &at)
        };
    }
    if flags & MS_PROPAGATION != 0 {
        return Ok(());
    }
    let kind = kind.ok_or(error!(EINVAL, "no file-system type"))?;
    let source = source_name.unwrap_or_else(|| b"none".to_vec());
    let root = vfs::new_fs(&kind, &source, &options)?;
    vfs::mount(&at, root, &source, mount_flags(flags)).map(|_| ())
}

/// The options of the mount itself; access times are relative unless asked otherwise.
fn mount_flags(flags: u64) -> MountFlags {
    let mut set = MountFlags::from_bits_truncate(flags as u32);
    if !set.intersects(MountFlags::NOATIME | MountFlags::STRICTATIME) {
        set |= MountFlags::RELATIME;
    }
    set
}

/// The options after a remount: without a word about access times theirs stay.
fn remount_flags(flags: u64, before: MountFlags) -> MountFlags {
    let times = MountFlags::NOATIME
        | MountFlags::NODIRATIME
        | MountFlags::RELATIME
        | MountFlags::STRICTATIME;
    if MountFlags::from_bits_truncate(flags as u32).intersects(times) {
        return mount_flags(flags);
    }
    (mount_flags(flags) - times) | (before & times)
}

/// umount2(2).
pub(crate) fn sys_umount2(cx: &mut Context, target: UserPath, flags: u32) -> Result<()> {
    if flags & !UMOUNT_FLAGS != 0 {
        return err!(EINVAL, "flags");
    }
    let follow = if flags & UMOUNT_NOFOLLOW != 0 { Follow::No } else { Follow::Yes };
    let at = super::at::At::cwd(cx, target)?;
    let at = at.resolver().lookup_to_unmount(at.path(), follow)?;
    cx.require(Caps::SYS_ADMIN)?;
    let how = match flags & (MNT_DETACH | MNT_EXPIRE) {
        0 => Unmount::IfUnused,
        MNT_DETACH => Unmount::Detach,
        MNT_EXPIRE if flags & MNT_FORCE == 0 => Unmount::IfExpired,
        _ => return err!(EINVAL, "what expires is not forced"),
    };
    vfs::umount(at, how)
}
