// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open files of /proc: text made at offset 0 and kept for what follows.

use alloc::vec::Vec;

use abi::{Result, err};
use framework::mm::{Reader, Writer};
use framework::sync::Mutex;
use vfs::{File, FileOps, SeekFrom};

use crate::inode::{Node, ProcInode};
use pseudofs::Text;

/// The most that one write may bring: a page, as on Linux.
const MAX_WRITE: usize = 4096;

/// The operations of a file of /proc.
#[derive(Default)]
pub(crate) struct ProcFile {
    text: Mutex<Option<Vec<u8>>>,
}

/// The node behind an open file.
fn node(file: &File) -> Result<&Node> {
    let inode: &dyn core::any::Any = &**file.inode();
    match inode.downcast_ref::<ProcInode>() {
        Some(inode) => Ok(&inode.node),
        None => err!(EIO, "not an inode of procfs"),
    }
}

impl FileOps for ProcFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut kept = self.text.lock();
        if offset == 0 || kept.is_none() {
            let mut text = Text::default();
            node(file)?.read(&mut text)?;
            *kept = Some(text.finish()?);
        }
        let text = kept.as_deref().unwrap_or_default();
        let rest = usize::try_from(offset).ok().and_then(|at| text.get(at..)).unwrap_or_default();
        Ok(dst.write(rest)?)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let mut buffer = [0; MAX_WRITE];
        let count = src.read(&mut buffer)?;
        node(file)?.write(buffer.get(..count).unwrap_or_default())?;
        Ok((count, offset + count as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let offset = file.lock_offset();
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => {
                i64::try_from(offset.get()).ok().and_then(|at| at.checked_add(by))
            }
            SeekFrom::End(_) | SeekFrom::Data(_) | SeekFrom::Hole(_) => None,
        };
        let Some(wanted) = wanted.and_then(|at| u64::try_from(at).ok()) else {
            return err!(EINVAL, "no such offset");
        };
        offset.set(wanted);
        Ok(wanted)
    }
}
