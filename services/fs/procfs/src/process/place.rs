// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The links exe, cwd and root.

use alloc::vec::Vec;

use abi::{Result, error};
use vfs::Path;

use super::Target;

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
    pub(crate) fn path(self, target: &Target) -> Result<Path> {
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

    /// The text of the link, as the reader sees the place.
    pub(crate) fn text(self, target: &Target) -> Result<Vec<u8>> {
        let reader = task::current().ok_or(error!(ENOENT))?;
        target.check_inspect(&reader.cred())?;
        Ok(vfs::d_path(&self.path(target)?, &reader.fs().root()))
    }
}
