// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Path arguments with the directory they start from.

use crate::arg::{DirFd, Fd, UserPath};
use crate::cx::Context;
use abi::fcntl::AtFlags;
use abi::{Result, err};
use alloc::sync::Arc;
use alloc::vec::Vec;
use cred::Cred;
use vfs::{Follow, FsContext, Path, Resolver};

/// A path that was copied in, and all that its meaning depends on.
pub(super) struct At {
    cred: Arc<Cred>,
    fs: Arc<FsContext>,
    start: Option<Path>,
    path: Vec<u8>,
}

impl At {
    /// Copies the path in; the directory counts only if the path is relative.
    pub(super) fn new(cx: &Context, dir: DirFd, path: UserPath) -> Result<Self> {
        Self::of(cx, dir, path.read(cx.vm())?, cx.cred())
    }

    /// As [`At::new`], for the current directory.
    pub(super) fn cwd(cx: &Context, path: UserPath) -> Result<Self> {
        Self::new(cx, DirFd::CWD, path)
    }

    /// A path that is in the kernel already, looked up with `cred`.
    pub(super) fn of(cx: &Context, dir: DirFd, path: Vec<u8>, cred: Arc<Cred>) -> Result<Self> {
        if path.is_empty() {
            return err!(ENOENT, "empty path");
        }
        let start = match path.first() {
            Some(b'/') => None,
            _ if dir.is_cwd() => None,
            _ => Some(cx.file(Fd(dir.0))?.path().clone()),
        };
        Ok(Self { cred, fs: cx.fs(), start, path })
    }

    /// What resolves the path.
    pub(super) fn resolver(&self) -> Resolver<'_> {
        match &self.start {
            Some(start) => Resolver::at(&self.fs, start.clone(), &self.cred),
            None => Resolver::new(&self.fs, &self.cred),
        }
    }

    /// The bytes of the path.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The credentials it is looked up with.
    pub(super) fn cred(&self) -> &Cred {
        &self.cred
    }

    /// Finds what the path names.
    pub(super) fn lookup(&self, follow: Follow) -> Result<Path> {
        self.resolver().lookup(&self.path, follow)
    }
}

/// Whether a link at the end is followed, by the flag that forbids it.
pub(super) fn follow(flags: AtFlags) -> Follow {
    if flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW) { Follow::No } else { Follow::Yes }
}

/// As [`locate`]; with `AT_EMPTY_PATH` alone and a descriptor, a null path is an empty one.
pub(super) fn locate_or_null(
    cx: &Context,
    dir: DirFd,
    path: UserPath,
    flags: AtFlags,
) -> Result<Path> {
    if path.0 == 0 && flags == AtFlags::AT_EMPTY_PATH && !dir.is_cwd() {
        return itself(cx, dir);
    }
    locate(cx, dir, path, flags)
}

/// What the directory argument itself names.
fn itself(cx: &Context, dir: DirFd) -> Result<Path> {
    if dir.is_cwd() { Ok(cx.fs().cwd()) } else { Ok(cx.file(Fd(dir.0))?.path().clone()) }
}

/// Finds what directory, path and flags mean; `AT_EMPTY_PATH` lets an empty path mean the
/// directory descriptor itself, whatever it is.
pub(super) fn locate(cx: &Context, dir: DirFd, path: UserPath, flags: AtFlags) -> Result<Path> {
    locate_as(cx, dir, path, flags, cx.cred())
}

/// As [`locate`], with other credentials than the caller's own.
pub(super) fn locate_as(
    cx: &Context,
    dir: DirFd,
    path: UserPath,
    flags: AtFlags,
    cred: Arc<Cred>,
) -> Result<Path> {
    let may_be_empty = flags.contains(AtFlags::AT_EMPTY_PATH);
    let path = path.read(cx.vm())?;
    if path.is_empty() && may_be_empty {
        return itself(cx, dir);
    }
    At::of(cx, dir, path, cred)?.lookup(follow(flags))
}
