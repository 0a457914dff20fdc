// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The links exe, cwd and root.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, error};
use cred::Cred;
use pseudofs::{Content, Link, PseudoInode, Subject};
use vfs::{LinkTarget, Owner, Path};

use super::target::Target;

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
    fn path(self, target: &Target) -> Result<Path> {
        let none = error!(ENOENT, "the process has none");
        let thread = target.thread().map_err(|_| none)?;
        match self {
            Self::Exe => {
                let mm = target.process()?.mm().ok_or(none)?;
                let program = mm.program();
                Ok(program.exe.as_ref().ok_or(none)?.path().clone())
            }
            Self::Cwd => Ok(thread.fs().cwd()),
            Self::Root => Ok(thread.fs().root()),
        }
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
        self.target.check_inspect(&reader.cred())?;
        vfs::d_path(&self.place.path(&self.target)?, &reader.fs().root())
    }

    fn follow(&self, cred: &Cred) -> Result<LinkTarget> {
        self.target.check_inspect(cred)?;
        Ok(LinkTarget::Jump(self.place.path(&self.target)?))
    }
}
