// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open directories: getdents64 and lseek for every file system.
//!
//! The offset of a directory is the cookie of the next entry: 0 is `.`, 1 is
//! `..`, what follows is the file system's.

use alloc::sync::Arc;
use core::ops::ControlFlow;

use abi::{Result, err};
use framework::mm::{Reader, Writer};
use framework::sync::Once;

use crate::{DentryPolicy, DirEntry, DirSink, File, FileKind, FileOps, SeekFrom};

/// The operations that all directories share.
pub(crate) struct DirOps;

static SHARED: Once<Arc<DirOps>> = Once::new();

impl DirOps {
    pub(crate) fn shared() -> Arc<dyn FileOps> {
        SHARED.call_once(|| Arc::new(DirOps)).clone()
    }
}

impl FileOps for DirOps {
    fn read(&self, _file: &File, _dst: &mut Writer<'_>) -> Result<usize> {
        err!(EISDIR, "read of a directory")
    }

    fn read_at(&self, _file: &File, _offset: u64, _dst: &mut Writer<'_>) -> Result<usize> {
        err!(EISDIR, "read of a directory")
    }

    fn write(&self, _file: &File, _src: &mut Reader<'_>) -> Result<usize> {
        err!(EISDIR, "write to a directory")
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        match file.inode().base().sb().dentry_policy() {
            // Directories of /proc and /sys have length 0, as on Linux.
            DentryPolicy::Revalidate => crate::seek_to(file, to, 0),
            DentryPolicy::Cache => crate::seek_unsized(file, to),
        }
    }

    fn readdir(&self, file: &File, sink: &mut DirSink<'_>) -> Result<()> {
        let offset = file.lock_offset();
        if file.path().dentry().is_unlinked() {
            return err!(ENOENT, "the directory was removed");
        }
        file.path().mount().touch_accessed(file.inode());
        if offset.get() == 0 {
            let ino = file.inode().base().ino();
            if dot(sink, b".", ino, 1).is_break() {
                return Ok(());
            }
            offset.set(1);
        }
        if offset.get() == 1 {
            if dot(sink, b"..", parent_ino(file), 2).is_break() {
                return Ok(());
            }
            offset.set(2);
        }
        let start = offset.get();
        file.inode().readdir(start, &mut |entry| {
            sink(entry)?;
            offset.set(entry.next);
            ControlFlow::Continue(())
        })
    }

    fn fsync(&self, file: &File) -> Result<()> {
        file.inode().base().sb().sync()
    }
}

fn dot(sink: &mut DirSink<'_>, name: &[u8], ino: u64, next: u64) -> ControlFlow<()> {
    sink(&DirEntry { name, ino, kind: FileKind::Directory, next })
}

fn parent_ino(file: &File) -> u64 {
    let parent = file.path().dentry().parent();
    let inode = parent.as_ref().and_then(|parent| parent.inode()).unwrap_or(file.inode());
    inode.base().ino()
}
