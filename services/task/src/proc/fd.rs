// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/fd and fdinfo: the open files.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use abi::fcntl::OpenFlags;
use abi::{Result, error};
use cred::Cred;
use pseudofs::{Content, Link, PseudoInode, Subject, Text, TextFile, put};
use vfs::{CloseOnExec, File, FileKind, LinkTarget, Opening, Owner, Path};

use super::target::Target;
use crate::Thread;
use crate::access::Look;

/// Entries taken from the descriptor table at once.
const BATCH: usize = 64;

/// A directory with an entry for each open descriptor.
pub(crate) struct Fds(pub(crate) Target, pub(crate) Shown);

/// What an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A link to the file.
    Links,
    /// A text about it.
    Info,
}

impl Shown {
    /// The permission bits of the directory.
    pub(crate) fn perm(self) -> u32 {
        match self {
            Self::Links => 0o500,
            Self::Info => 0o555,
        }
    }

    pub(crate) fn kind(self) -> FileKind {
        match self {
            Self::Links => FileKind::Symlink,
            Self::Info => FileKind::Regular,
        }
    }
}

impl Fds {
    /// The inode of a descriptor; `ENOENT` if it is closed.
    pub(crate) fn inode(&self, number: i32) -> Result<Arc<PseudoInode>> {
        let target = self.0.clone();
        let ino = self.ino(number);
        match self.1 {
            Shown::Links => {
                let link = Arc::new(FdLink { target, number });
                PseudoInode::of_subject(self.0.fs(), ino, link.clone(), Content::Link(link))
            }
            Shown::Info => {
                let info = Arc::new(FdInfo { target, number });
                PseudoInode::of_subject(self.0.fs(), ino, info.clone(), Content::Text(info))
            }
        }
    }

    /// Its number.
    pub(crate) fn ino(&self, number: i32) -> u64 {
        let kind = if self.1 == Shown::Links { 8 } else { 16 };
        self.0.ino(kind, u64::from(number.unsigned_abs()))
    }

    /// Calls `visit` for the open descriptors from `from` on.
    pub(crate) fn each(&self, from: u64, mut visit: impl FnMut(i32) -> ControlFlow<()>) {
        let Ok(thread) = self.0.thread() else { return };
        let files = thread.files();
        let mut from = i32::try_from(from).unwrap_or(i32::MAX);
        loop {
            let batch = files.open_fds(from, BATCH);
            let Some(last) = batch.last() else { return };
            from = last.saturating_add(1);
            for number in batch {
                if visit(number).is_break() {
                    return;
                }
            }
        }
    }
}

/// The file behind descriptor `number`; `ENOENT` if it is closed.
fn get(target: &Target, number: i32) -> Result<Arc<File>> {
    let closed = error!(ENOENT, "not an open descriptor");
    target.thread().map_err(|_| closed)?.files().get(number).map_err(|_| closed)
}

/// How many descriptors are open.
pub(crate) fn count(target: &Target) -> u64 {
    let mut count = 0;
    Fds(target.clone(), Shown::Links).each(0, |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    count
}

/// /proc/PID/fd/N.
struct FdLink {
    target: Target,
    number: i32,
}

impl Subject for FdLink {
    /// The permission bits tell how the file is open.
    fn owner(&self) -> Option<Owner> {
        let file = get(&self.target, self.number).ok()?;
        let read = if file.can_read() { 0o500 } else { 0 };
        let write = if file.can_write() { 0o300 } else { 0 };
        self.target.owner(read | write)
    }
}

impl FdLink {
    /// The place of the file, for who may look.
    fn path(&self, caller: &Cred) -> Result<Path> {
        let closed = error!(ENOENT, "not an open descriptor");
        self.target.thread().map_err(|_| closed)?;
        let file = |thread: &Arc<Thread>| thread.files().get(self.number);
        let file = self.target.inspect(caller, Look::Read, file)?;
        Ok(file.map_err(|_| closed)?.path().clone())
    }
}

impl Link for FdLink {
    fn text(&self) -> Result<Vec<u8>> {
        let reader = crate::current().ok_or(error!(ENOENT))?;
        vfs::d_path(&self.path(&reader.cred())?, &reader.fs().root())
    }

    fn follow(&self, cred: &Cred) -> Result<LinkTarget> {
        Ok(LinkTarget::Jump(self.path(cred)?))
    }

    fn size(&self) -> u64 {
        64
    }
}

/// /proc/PID/fdinfo/N.
struct FdInfo {
    target: Target,
    number: i32,
}

impl Subject for FdInfo {
    fn owner(&self) -> Option<Owner> {
        get(&self.target, self.number).ok()?;
        self.target.owner(0o444)
    }
}

impl TextFile for FdInfo {
    fn show(&self, out: &mut Text) -> Result<()> {
        self.target.check_reader(Look::Read)?;
        let file = get(&self.target, self.number)?;
        let files = self.target.thread()?.files();
        let mut flags = file.flags().bits();
        if files.on_exec(self.number).is_ok_and(|on_exec| on_exec == CloseOnExec::Yes) {
            flags |= OpenFlags::CLOEXEC.bits();
        }
        let offset = if file.ops().is_seekable() { file.offset() } else { 0 };
        put!(out, "pos:\t{offset}\nflags:\t0{flags:o}\n");
        put!(out, "mnt_id:\t{}\nino:\t{}\n", file.path().mount().id(), file.inode().base().ino());
        Ok(())
    }

    fn check_open(&self, _perm: u32, opening: &Opening<'_>) -> Result<()> {
        self.target.check_inspect(opening.cred)
    }
}
