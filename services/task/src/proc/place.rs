// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The links exe, cwd and root.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, error};
use cred::Cred;
use pseudofs::{Content, Link, PseudoInode, Subject};
use vfs::{LinkTarget, Owner, Path};

use super::target::Target;
use crate::Thread;
use crate::access::Look;

/// Which place a link leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PlaceLink {
    /// The program.
    Exe,
    /// The working directory.
    Cwd,
    /// The root directory.
    Root,
}

impl PlaceLink {
    /// The place; `ENOENT` where a process has none (any more).
    fn of(self, thread: &Thread) -> Result<Path> {
        match self {
            Self::Exe => {
                let none = error!(ENOENT, "the process has none");
                let program = thread.process().mm().ok_or(none)?.program();
                Ok(program.exe.as_ref().ok_or(none)?.path().clone())
            }
            Self::Cwd => Ok(thread.fs().cwd()),
            Self::Root => Ok(thread.fs().root()),
        }
    }

    /// The place, for who may look; `ENOENT` once the process has ended.
    fn path(self, target: &Target, caller: &Cred) -> Result<Path> {
        target.thread().map_err(|_| error!(ENOENT, "the process has none"))?;
        target.inspect(caller, Look::Read, |thread| self.of(thread))?
    }
}

/// One of the links, of one target.
struct OfTarget {
    target: Target,
    place: PlaceLink,
}

/// The inode of a link.
pub(crate) fn inode(target: &Target, place: PlaceLink, ino: u64) -> Result<Arc<PseudoInode>> {
    let link = Arc::new(OfTarget { target: target.clone(), place });
    PseudoInode::of_subject(target.fs(), ino, link.clone(), Content::Link(link))
}

impl Subject for OfTarget {
    fn owner(&self) -> Option<Owner> {
        self.target.owner(0o777)
    }
}

impl Link for OfTarget {
    /// As the reader sees the place.
    fn text(&self) -> Result<Vec<u8>> {
        let reader = crate::current().ok_or(error!(ENOENT))?;
        let path = self.place.path(&self.target, &reader.cred())?;
        vfs::d_path(&path, &reader.fs().root())
    }

    fn follow(&self, cred: &Cred) -> Result<LinkTarget> {
        Ok(LinkTarget::Jump(self.place.path(&self.target, cred)?))
    }
}
