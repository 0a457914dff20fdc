// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attributes of files: mode, owner, times, length.

use crate::arg::only;
use crate::arg::{DirFd, Fd, Mode, UserPath, UserPtr};
use crate::calls::at::locate;
use crate::cx::Context;
use abi::fcntl::AtFlags;
use abi::fs::{FallocateMode, UNCHANGED};
use abi::time::{Timespec, Timeval, UTIME_NOW, UTIME_OMIT, Utimbuf};
use abi::{Result, err, error};
use vfs::{NewTime, Path, Timestamp};

/// chmod(2).
pub(crate) fn sys_chmod(cx: &mut Context, path: UserPath, mode: Mode) -> Result<()> {
    sys_fchmodat2(cx, DirFd::CWD, path, mode, AtFlags::empty())
}

/// fchmodat(2).
pub(crate) fn sys_fchmodat(cx: &mut Context, dir: DirFd, path: UserPath, mode: Mode) -> Result<()> {
    sys_fchmodat2(cx, dir, path, mode, AtFlags::empty())
}

/// fchmodat2(2).
pub(crate) fn sys_fchmodat2(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    mode: Mode,
    flags: AtFlags,
) -> Result<()> {
    only(flags, AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    vfs::chmod(&locate(cx, dir, path, flags)?, &cx.cred(), mode.0)
}

/// fchmod(2).
pub(crate) fn sys_fchmod(cx: &mut Context, fd: Fd, mode: Mode) -> Result<()> {
    let file = cx.file(fd)?;
    file.not_path()?;
    vfs::chmod(file.path(), &cx.cred(), mode.0)
}

/// chown(2).
pub(crate) fn sys_chown(cx: &mut Context, path: UserPath, uid: u32, gid: u32) -> Result<()> {
    sys_fchownat(cx, DirFd::CWD, path, uid, gid, AtFlags::empty())
}

/// lchown(2).
pub(crate) fn sys_lchown(cx: &mut Context, path: UserPath, uid: u32, gid: u32) -> Result<()> {
    sys_fchownat(cx, DirFd::CWD, path, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)
}

/// fchownat(2).
pub(crate) fn sys_fchownat(
    cx: &mut Context,
    dir: DirFd,
    path: UserPath,
    uid: u32,
    gid: u32,
    flags: AtFlags,
) -> Result<()> {
    only(flags, AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    chown(cx, &locate(cx, dir, path, flags)?, uid, gid)
}

/// fchown(2).
pub(crate) fn sys_fchown(cx: &mut Context, fd: Fd, uid: u32, gid: u32) -> Result<()> {
    let file = cx.file(fd)?;
    file.not_path()?;
    chown(cx, file.path(), uid, gid)
}

fn chown(cx: &Context, path: &Path, uid: u32, gid: u32) -> Result<()> {
    let wanted = |id: u32| (id != UNCHANGED).then_some(id);
    vfs::chown(path, &cx.cred(), wanted(uid), wanted(gid))
}

/// umask(2).
pub(crate) fn sys_umask(cx: &mut Context, mask: Mode) -> usize {
    cx.fs().set_umask(mask.0) as usize
}

/// truncate(2).
pub(crate) fn sys_truncate(cx: &mut Context, path: UserPath, size: i64) -> Result<()> {
    if size < 0 {
        return err!(EINVAL, "negative length");
    }
    let path = locate(cx, DirFd::CWD, path, AtFlags::empty())?;
    vfs::truncate(&path, &cx.cred(), size)
}

/// ftruncate(2).
pub(crate) fn sys_ftruncate(cx: &mut Context, fd: Fd, size: i64) -> Result<()> {
    if size < 0 {
        return err!(EINVAL, "negative length");
    }
    cx.file(fd)?.truncate(size)
}

/// fallocate(2).
pub(crate) fn sys_fallocate(
    cx: &mut Context,
    fd: Fd,
    mode: u32,
    offset: i64,
    len: i64,
) -> Result<()> {
    let file = cx.open_file(fd)?;
    file.fallocate(FallocateMode::from_bits_retain(mode), offset, len)
}

/// utime(2).
pub(crate) fn sys_utime(
    cx: &mut Context,
    path: UserPath,
    times: Option<UserPtr<Utimbuf>>,
) -> Result<()> {
    let times = match times {
        Some(times) => {
            let times = times.read(cx.vm())?;
            let at = |sec| NewTime::Set(Timestamp { sec, nsec: 0 });
            (at(times.access), at(times.modification))
        }
        None => (NewTime::Now, NewTime::Now),
    };
    set_times(cx, DirFd::CWD, Some(path), times, AtFlags::empty())
}

/// utimes(2).
pub(crate) fn sys_utimes(
    cx: &mut Context,
    path: UserPath,
    times: Option<UserPtr<[Timeval; 2]>>,
) -> Result<()> {
    sys_futimesat(cx, DirFd::CWD, Some(path), times)
}

/// futimesat(2).
pub(crate) fn sys_futimesat(
    cx: &mut Context,
    dir: DirFd,
    path: Option<UserPath>,
    times: Option<UserPtr<[Timeval; 2]>>,
) -> Result<()> {
    let times = match times {
        Some(times) => {
            let [access, modification] = read_pair(cx, times.addr())?;
            (from_timeval(access)?, from_timeval(modification)?)
        }
        None => (NewTime::Now, NewTime::Now),
    };
    set_times(cx, dir, path, times, AtFlags::empty())
}

fn from_timeval(time: Timeval) -> Result<NewTime> {
    match u32::try_from(time.usec) {
        Ok(usec) if usec < 1_000_000 => {
            Ok(NewTime::Set(Timestamp { sec: time.sec, nsec: usec * 1000 }))
        }
        _ => err!(EINVAL, "not a time"),
    }
}

/// utimensat(2): without a path the descriptor itself is meant.
pub(crate) fn sys_utimensat(
    cx: &mut Context,
    dir: DirFd,
    path: Option<UserPath>,
    times: Option<UserPtr<[Timespec; 2]>>,
    flags: u32,
) -> Result<()> {
    let times = match times {
        Some(times) => {
            let [access, modification]: [Timespec; 2] = read_pair(cx, times.addr())?;
            if (access.nsec, modification.nsec) == (UTIME_OMIT, UTIME_OMIT) {
                return Ok(());
            }
            (from_timespec(access), from_timespec(modification))
        }
        None => (Ok(NewTime::Now), Ok(NewTime::Now)),
    };
    // Looked at only now: a call that changes nothing may have any.
    let flags = AtFlags::from_bits(flags).ok_or(error!(EINVAL, "unknown flag"))?;
    only(flags, AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_EMPTY_PATH)?;
    let path = place(cx, dir, path, flags)?;
    // Only now are they looked at.
    vfs::set_times(&path, &cx.cred(), times.0?, times.1?)
}

fn from_timespec(time: Timespec) -> Result<NewTime> {
    match (time.nsec, u32::try_from(time.nsec)) {
        (UTIME_NOW, _) => Ok(NewTime::Now),
        (UTIME_OMIT, _) => Ok(NewTime::Omit),
        (0..=999_999_999, Ok(nsec)) => Ok(NewTime::Set(Timestamp { sec: time.sec, nsec })),
        _ => err!(EINVAL, "not a time"),
    }
}

/// Two structs that lie side by side in user memory.
fn read_pair<T: framework::mm::Pod>(cx: &Context, addr: usize) -> Result<[T; 2]> {
    let first = UserPtr::<T>::new(addr);
    Ok([first.read(cx.vm())?, first.at(1)?.read(cx.vm())?])
}

fn set_times(
    cx: &Context,
    dir: DirFd,
    path: Option<UserPath>,
    (access, modification): (NewTime, NewTime),
    flags: AtFlags,
) -> Result<()> {
    let path = place(cx, dir, path, flags)?;
    vfs::set_times(&path, &cx.cred(), access, modification)
}

/// The file whose times change.
fn place(cx: &Context, dir: DirFd, path: Option<UserPath>, flags: AtFlags) -> Result<Path> {
    Ok(match path {
        Some(path) => locate(cx, dir, path, flags)?,
        None if dir.is_cwd() => return err!(EFAULT, "neither path nor descriptor"),
        None if !flags.is_empty() => return err!(EINVAL, "flags without a path"),
        None => {
            let file = cx.file(Fd(dir.0))?;
            file.not_path()?;
            file.path().clone()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_times() {
        let time = |nsec| from_timespec(Timespec { sec: -5, nsec });
        assert_eq!(time(UTIME_NOW).unwrap(), NewTime::Now);
        assert_eq!(time(UTIME_OMIT).unwrap(), NewTime::Omit);
        assert_eq!(time(7).unwrap(), NewTime::Set(Timestamp { sec: -5, nsec: 7 }));
        assert!(time(-1).is_err() && time(1_000_000_000).is_err());
    }

    #[test]
    fn microseconds() {
        let time = |usec| from_timeval(Timeval { sec: 1, usec });
        assert_eq!(time(3).unwrap(), NewTime::Set(Timestamp { sec: 1, nsec: 3000 }));
        assert!(time(1_000_000).is_err() && time(-1).is_err());
    }
}
