// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What files are: stat and its family, access, readlink, statfs.

use crate::arg::only;
use crate::arg::{DirFd, Fd, UserOut, UserPath, UserPtr};
use crate::calls::at::{locate, locate_as, locate_or_null};
use crate::cx::Context;
use abi::fcntl::AtFlags;
use abi::fs::AccessMode;
use abi::mount::MountFlags;
use abi::stat::{
    STATX_ATTR_MOUNT_ROOT, STATX_ATTR_TMPFS, Stat, Statfs, Statx, StatxMask, StatxTime, st,
};
use abi::time::Timespec;
use abi::{Result, err};
use alloc::sync::Arc;
use vfs::{FileKind, May, Metadata, Path, Timestamp};

/// stat(2).
pub(crate) fn sys_stat(cx: &mut Context, path: UserPath, out: UserPtr<Stat>) -> Result<()> {
    sys_newfstatat(cx, DirFd::CWD, path, out, AtFlags::empty())
}

/// lstat(2).
pub(crate) fn sys_lstat(cx: &mut Context, path: UserPath, out: UserPtr<Stat>) -> Result<()> {
    sys_newfstatat(cx, DirFd::CWD, path, out, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// fstat(2).
pub(crate) fn sys_fstat(cx: &mut Context, fd: Fd, out: UserPtr<Stat>) -> Result<()> {
    let metadata = cx.file(fd)?.metadata();
    out.write(cx.vm(), &to_stat(&metadata))
}

/// newfstatat(2).
pub(crate) fn sys_newfstatat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    out: UserPtr<Stat>,
    flags: AtFlags,
) -> Result<()> {
    let sync = AtFlags::AT_STATX_FORCE_SYNC | AtFlags::AT_STATX_DONT_SYNC;
    only(
        flags,
        sync | AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT | AtFlags::AT_EMPTY_PATH,
    )?;
    let metadata = locate_or_null(cx, dir, path, flags)?.metadata()?;
    out.write(cx.vm(), &to_stat(&metadata))
}

/// statx(2).
pub(crate) fn sys_statx(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    flags: AtFlags,
    mask: StatxMask,
    out: UserPtr<Statx>,
) -> Result<()> {
    let sync = AtFlags::AT_STATX_FORCE_SYNC | AtFlags::AT_STATX_DONT_SYNC;
    only(
        flags,
        sync | AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT | AtFlags::AT_EMPTY_PATH,
    )?;
    if flags.contains(sync) || mask.contains(StatxMask::STATX__RESERVED) {
        return err!(EINVAL, "flags or mask");
    }
    let ignored = sync | AtFlags::AT_NO_AUTOMOUNT;
    let path = locate_or_null(cx, dir, path, flags - ignored)?;
    let metadata = path.metadata()?;
    let mut statx = to_statx(&metadata);
    if !mask.contains(StatxMask::STATX_BTIME) {
        statx.mask &= !StatxMask::STATX_BTIME.bits();
        statx.btime = StatxTime::default();
    }
    statx.attributes_mask = attributes_known(&path);
    if path.is_mount_root() {
        statx.attributes |= STATX_ATTR_MOUNT_ROOT;
    }
    statx.mnt_id = path.mount().id();
    // Numbers of mounts are never given twice, so one kind is as good as the other.
    let is_unique = mask.contains(StatxMask::STATX_MNT_ID_UNIQUE);
    statx.mask |= match is_unique {
        true => StatxMask::STATX_MNT_ID_UNIQUE.bits(),
        false => StatxMask::STATX_MNT_ID.bits(),
    };
    out.write(cx.vm(), &statx)
}

/// Which attributes a file could have, on Linux; here it has at most that of a mount's root.
fn attributes_known(path: &Path) -> u64 {
    match path.mount().sb().statfs().magic {
        abi::magic::TMPFS_MAGIC => STATX_ATTR_TMPFS,
        _ => STATX_ATTR_MOUNT_ROOT,
    }
}

fn to_stat(metadata: &Metadata) -> Stat {
    Stat {
        dev: metadata.dev.to_raw(),
        ino: metadata.ino,
        nlink: u64::from(metadata.nlink),
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        rdev: metadata.rdev.to_raw(),
        size: metadata.size as i64,
        blksize: i64::from(metadata.blksize),
        blocks: metadata.blocks as i64,
        atime: timespec(metadata.atime),
        mtime: timespec(metadata.mtime),
        ctime: timespec(metadata.ctime),
        ..Stat::default()
    }
}

fn to_statx(metadata: &Metadata) -> Statx {
    Statx {
        mask: (StatxMask::STATX_BASIC_STATS | StatxMask::STATX_BTIME).bits(),
        blksize: metadata.blksize,
        nlink: metadata.nlink,
        uid: metadata.uid,
        gid: metadata.gid,
        mode: metadata.mode as u16,
        ino: metadata.ino,
        size: metadata.size,
        blocks: metadata.blocks,
        atime: statx_time(metadata.atime),
        btime: statx_time(metadata.btime),
        ctime: statx_time(metadata.ctime),
        mtime: statx_time(metadata.mtime),
        rdev_major: metadata.rdev.major,
        rdev_minor: metadata.rdev.minor,
        dev_major: metadata.dev.major,
        dev_minor: metadata.dev.minor,
        ..Statx::default()
    }
}

fn timespec(time: Timestamp) -> Timespec {
    Timespec { sec: time.sec, nsec: i64::from(time.nsec) }
}

fn statx_time(time: Timestamp) -> StatxTime {
    StatxTime { sec: time.sec, nsec: time.nsec, pad: 0 }
}

/// access(2).
pub(crate) fn sys_access(cx: &mut Context, path: UserPath, mode: AccessMode) -> Result<()> {
    sys_faccessat2(cx, DirFd::CWD, path, mode, AtFlags::empty())
}

/// faccessat(2).
pub(crate) fn sys_faccessat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    mode: AccessMode,
) -> Result<()> {
    sys_faccessat2(cx, dir, path, mode, AtFlags::empty())
}

/// faccessat2(2): with the real ids unless `AT_EACCESS`.
pub(crate) fn sys_faccessat2(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    mode: AccessMode,
    flags: AtFlags,
) -> Result<()> {
    // AT_EACCESS has the bit of AT_REMOVEDIR.
    let effective = AtFlags::AT_REMOVEDIR;
    only(flags, effective | AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let cred = cx.cred();
    let cred = if flags.contains(effective) { cred } else { Arc::new(cred.with_real_ids()) };
    let path = locate_as(cx, dir, path, flags, cred.clone())?;
    vfs::access(&path, &cred, May::from_bits_truncate(mode.bits()))
}

/// readlink(2).
pub(crate) fn sys_readlink(cx: &mut Context, path: UserPath, out: UserOut) -> Result<usize> {
    sys_readlinkat(cx, DirFd::CWD, path, out)
}

/// readlinkat(2): an empty path means the link that the descriptor is open on.
pub(crate) fn sys_readlinkat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    out: UserOut,
) -> Result<usize> {
    let room = out.len() as i32;
    if room <= 0 {
        return err!(EINVAL, "no room");
    }
    let text = path.read(cx.vm())?;
    let is_empty = text.is_empty();
    let flags = AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH;
    let path = locate(cx, dir, path, flags)?;
    let inode = path.inode()?;
    if inode.base().kind() != FileKind::Symlink {
        return if is_empty { err!(ENOENT) } else { err!(EINVAL, "not a symbolic link") };
    }
    path.mount().touch_accessed(inode);
    let target = inode.readlink()?;
    let shown = target.get(..room as usize).unwrap_or(&target);
    cx.vm().write(out.addr(), shown)?;
    Ok(shown.len())
}

/// statfs(2).
pub(crate) fn sys_statfs(cx: &mut Context, path: UserPath, out: UserPtr<Statfs>) -> Result<()> {
    let path = locate(cx, DirFd::CWD, path, AtFlags::empty())?;
    out.write(cx.vm(), &statfs(&path))
}

/// fstatfs(2).
pub(crate) fn sys_fstatfs(cx: &mut Context, fd: Fd, out: UserPtr<Statfs>) -> Result<()> {
    let file = cx.file(fd)?;
    out.write(cx.vm(), &statfs(file.path()))
}

fn statfs(path: &Path) -> Statfs {
    let mount = path.mount();
    let sb = mount.sb();
    let figures = sb.statfs();
    let words = [
        (MountFlags::RDONLY, st::RDONLY),
        (MountFlags::NOSUID, st::NOSUID),
        (MountFlags::NODEV, st::NODEV),
        (MountFlags::NOEXEC, st::NOEXEC),
        (MountFlags::NOATIME, st::NOATIME),
        (MountFlags::NODIRATIME, st::NODIRATIME),
        (MountFlags::RELATIME, st::RELATIME),
        (MountFlags::NOSYMFOLLOW, st::NOSYMFOLLOW),
    ];
    // The mounts of pipes and the like, which have no place, show none.
    let shown = if mount.is_internal() { MountFlags::empty() } else { mount.flags() };
    let set = words.iter().filter(|(flag, _)| shown.contains(*flag));
    Statfs {
        kind: figures.magic as i64,
        bsize: figures.block_size as i64,
        blocks: figures.blocks,
        bfree: figures.free_blocks,
        bavail: figures.free_blocks,
        files: figures.files,
        ffree: figures.free_files,
        fsid: [sb.dev().to_raw() as i32, 0],
        namelen: figures.name_max as i64,
        frsize: figures.block_size as i64,
        flags: set.fold(st::VALID, |flags, (_, bit)| flags | bit),
        ..Statfs::default()
    }
}
