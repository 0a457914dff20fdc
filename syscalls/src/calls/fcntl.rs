// SPDX-License-Identifier: Apache-2.0 OR MIT
//! fcntl and flock.

use crate::arg::{Fd, UserPtr};
use crate::calls::fowner::owner_command;
use crate::cx::Context;
use abi::fcntl::command::*;
use abi::fcntl::{
    F_ALL_SEALS, F_RDLCK, F_SEAL_SEAL, F_UNLCK, F_WRLCK, FD_CLOEXEC, Flock, LOCK_EX, LOCK_MAND,
    LOCK_NB, LOCK_SH, LOCK_UN, OpenFlags,
};
use abi::fs::{SEEK_CUR, SEEK_END, SEEK_SET};
use abi::{Result, err, error};
use vfs::lock::{Block, LockKind, LockOwner, LockRange, RecordLock};
use vfs::{CloseOnExec, File, FileKind};

/// fcntl(2).
pub(crate) fn sys_fcntl(cx: &mut Context, fd: Fd, command: u32, arg: u64) -> Result<usize> {
    let file = cx.file(fd)?;
    match command {
        F_DUPFD => duplicate(cx, fd, arg, CloseOnExec::No),
        F_DUPFD_CLOEXEC => duplicate(cx, fd, arg, CloseOnExec::Yes),
        F_GETFD => Ok((cx.files().on_exec(fd.0)? == CloseOnExec::Yes).into()),
        F_SETFD => {
            cx.files().set_on_exec(fd.0, CloseOnExec::from_flag(arg & FD_CLOEXEC != 0))?;
            Ok(0)
        }
        F_GETFL => Ok(file.flags().bits() as usize),
        _ => {
            file.not_path()?;
            on_open_file(cx, &file, command, arg)
        }
    }
}

/// The commands that a descriptor of `O_PATH` does not take.
fn on_open_file(cx: &Context, file: &File, command: u32, arg: u64) -> Result<usize> {
    if let Some(result) = owner_command(cx, file, command, arg) {
        return result;
    }
    let lock = UserPtr::new(arg as usize);
    let posix = (cx.files().lock_owner(), cx.thread.pid().as_raw());
    let ofd = (file.lock_owner(), -1);
    match command {
        F_SETFL => set_flags(cx, file, OpenFlags::from_bits_truncate(arg as u32))?,
        F_GETLK => get_lock(cx, file, lock, posix)?,
        F_SETLK => set_lock(cx, file, lock, posix, Block::No)?,
        F_SETLKW => set_lock(cx, file, lock, posix, Block::Yes)?,
        F_OFD_GETLK => get_lock(cx, file, lock, ofd)?,
        F_OFD_SETLK => set_lock(cx, file, lock, ofd, Block::No)?,
        F_OFD_SETLKW => set_lock(cx, file, lock, ofd, Block::Yes)?,
        F_ADD_SEALS => add_seals(file, arg as u32)?,
        F_GET_SEALS if has_seals(file) => return Ok(F_SEAL_SEAL as usize),
        F_GETPIPE_SZ => return ipc::pipe_size(file),
        F_SETPIPE_SZ => return ipc::set_pipe_size(file, arg as u32 as usize, &cx.cred()),
        _ => return err!(EINVAL, "unknown command"),
    }
    Ok(0)
}

/// `F_SETFL`: O_NOATIME is the owner's to set, O_ASYNC stays as it was where nothing can signal.
fn set_flags(cx: &Context, file: &File, mut flags: OpenFlags) -> Result<()> {
    let new = flags.difference(file.flags());
    if new.contains(OpenFlags::NOATIME) && !vfs::perm::is_owner(file.inode(), &cx.cred()) {
        return err!(EPERM, "O_NOATIME by someone else than the owner");
    }
    let takes_direct =
        matches!(file.kind(), FileKind::Regular | FileKind::Fifo | FileKind::BlockDevice);
    if flags.contains(OpenFlags::DIRECT) && !takes_direct {
        return err!(EINVAL, "O_DIRECT");
    }
    if !can_signal(file) {
        flags.set(OpenFlags::ASYNC, file.flags().contains(OpenFlags::ASYNC));
    }
    file.set_flags(flags)
}

/// Files of tmpfs have seals; only those of memfd_create(2) can get more than the one that they are
/// born with, which forbids others.
fn has_seals(file: &File) -> bool {
    file.kind() == FileKind::Regular
        && file.path().mount().sb().statfs().magic == abi::magic::TMPFS_MAGIC
}

fn add_seals(file: &File, seals: u32) -> Result<()> {
    if !file.can_write() {
        return err!(EPERM, "not open for writing");
    }
    if seals & !F_ALL_SEALS != 0 || !has_seals(file) {
        return err!(EINVAL, "seals");
    }
    err!(EPERM, "sealed against seals")
}

/// Whether it is a kind of file that can send signals when it is ready, on Linux.
pub(super) fn can_signal(file: &File) -> bool {
    const TERMINALS: [u32; 3] = [4, 5, 136];
    match file.kind() {
        FileKind::Fifo => true,
        FileKind::CharDevice => TERMINALS.contains(&file.metadata().rdev.major),
        _ => false,
    }
}

/// `F_DUPFD`: the lowest free number not below `min`.
fn duplicate(cx: &Context, fd: Fd, min: u64, on_exec: CloseOnExec) -> Result<usize> {
    let file = cx.file(fd)?;
    let min = min as u32 as usize;
    if min >= cx.max_files() {
        return err!(EINVAL, "beyond the limit");
    }
    let fd = cx.files().insert_from(min, file, on_exec, cx.max_files())?;
    Ok(fd as usize)
}

/// The range of a `struct flock`, with its start made absolute.
fn lock_range(file: &File, flock: &Flock) -> Result<LockRange> {
    let base = match flock.whence as u32 {
        SEEK_SET => 0,
        SEEK_CUR => file.offset() as i64,
        SEEK_END => file.metadata().size as i64,
        _ => return err!(EINVAL, "whence"),
    };
    LockRange::new(base.checked_add(flock.start).ok_or(error!(EOVERFLOW))?, flock.len)
}

fn record(
    file: &File,
    flock: &Flock,
    (owner, pid): (LockOwner, i32),
    kind: LockKind,
) -> Result<RecordLock> {
    Ok(RecordLock { owner, pid, kind, range: lock_range(file, flock)? })
}

fn kind_of(flock: &Flock) -> Option<LockKind> {
    match flock.kind {
        F_RDLCK => Some(LockKind::Read),
        F_WRLCK => Some(LockKind::Write),
        _ => None,
    }
}

fn get_lock(
    cx: &Context,
    file: &File,
    pointer: UserPtr<Flock>,
    owner: (LockOwner, i32),
) -> Result<()> {
    let mut flock = pointer.read(cx.vm())?;
    let is_ofd = owner.1 < 0;
    let kind = kind_of(&flock);
    if !is_ofd && kind.is_none() {
        return err!(EINVAL, "kind of lock");
    }
    let wanted = record(file, &flock, owner, kind.unwrap_or(LockKind::Read))?;
    if kind.is_none() && flock.kind != F_UNLCK {
        return err!(EINVAL, "kind of lock");
    }
    no_pid(&flock, owner)?;
    let locks = file.inode().base().locks();
    let found = match kind {
        Some(_) => locks.conflicting(&wanted),
        // F_UNLCK asks for the file's own locks.
        None => locks.own(&wanted),
    };
    match found {
        Some(other) => {
            let len =
                if other.range.end == u64::MAX { 0 } else { other.range.end - other.range.start };
            flock = Flock {
                kind: if other.kind == LockKind::Read { F_RDLCK } else { F_WRLCK },
                start: other.range.start as i64,
                len: len as i64,
                pid: other.pid,
                ..Flock::default()
            };
        }
        None => flock.kind = F_UNLCK,
    }
    pointer.write(cx.vm(), &flock)
}

fn set_lock(
    cx: &Context,
    file: &File,
    pointer: UserPtr<Flock>,
    owner: (LockOwner, i32),
    block: Block,
) -> Result<()> {
    let flock = pointer.read(cx.vm())?;
    let locks = file.inode().base().locks();
    let Some(kind) = kind_of(&flock) else {
        let wanted = record(file, &flock, owner, LockKind::Read)?;
        if flock.kind != F_UNLCK {
            return err!(EINVAL, "kind of lock");
        }
        no_pid(&flock, owner)?;
        return locks.unlock(wanted.owner, wanted.range);
    };
    let wanted = record(file, &flock, owner, kind)?;
    let is_allowed = match kind {
        LockKind::Read => file.can_read(),
        LockKind::Write => file.can_write(),
    };
    if !is_allowed {
        return err!(EBADF, "access mode");
    }
    no_pid(&flock, owner)?;
    locks.lock(wanted, block)
}

/// Locks of open files name no process.
fn no_pid(flock: &Flock, (_, pid): (LockOwner, i32)) -> Result<()> {
    if pid < 0 && flock.pid != 0 { err!(EINVAL, "l_pid must be zero") } else { Ok(()) }
}

/// flock(2).
pub(crate) fn sys_flock(cx: &mut Context, fd: Fd, operation: u32) -> Result<()> {
    if operation & LOCK_MAND != 0 {
        // Mandatory locks of old: taken for granted, without a look at the descriptor.
        return Ok(());
    }
    let kind = match operation & !LOCK_NB {
        LOCK_SH => Some(LockKind::Read),
        LOCK_EX => Some(LockKind::Write),
        LOCK_UN => None,
        _ => return err!(EINVAL, "operation"),
    };
    let file = cx.file(fd)?;
    file.not_path()?;
    let locks = file.inode().base().locks();
    let owner = file.lock_owner();
    match kind {
        Some(kind) => {
            let block = if operation & LOCK_NB != 0 { Block::No } else { Block::Yes };
            locks.flock(owner, kind, block)
        }
        None => {
            locks.unflock(owner);
            Ok(())
        }
    }
}
