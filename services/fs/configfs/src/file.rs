// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open files of configfs.
//!
//! Text is made once for an open file, and again after a write. Binary content is made at
//! the first read; what is written is gathered, and handed over when the file is closed. An
//! open binary file is either read or written, never both.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::Mutex;
use vfs::{File, FileOps, SeekFrom};

use crate::inode::ConfigInode;

/// The most that one write of a text may bring.
const MAX_TEXT: usize = 4096;

fn inode(file: &File) -> Result<&ConfigInode> {
    let inode: &dyn core::any::Any = &**file.inode();
    inode.downcast_ref().ok_or(error!(EIO, "not an inode of configfs"))
}

fn show(file: &File) -> Result<Arc<[u8]>> {
    let (item, attribute) = inode(file)?.attribute()?;
    item.show(attribute.name)
}

fn copy_out(content: &[u8], offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
    let rest = usize::try_from(offset).ok().and_then(|at| content.get(at..)).unwrap_or_default();
    Ok(dst.write(rest)?)
}

/// The operations of an open text file.
#[derive(Default)]
pub(crate) struct TextFile {
    shown: Mutex<Option<Arc<[u8]>>>,
}

impl FileOps for TextFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut shown = self.shown.lock();
        let text = match &*shown {
            Some(text) => text.clone(),
            None => shown.insert(show(file)?).clone(),
        };
        copy_out(&text, offset, dst)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let mut buffer = [0; MAX_TEXT];
        let count = src.read(&mut buffer)?;
        let mut shown = self.shown.lock();
        let (item, attribute) = inode(file)?.attribute()?;
        item.store(attribute.name, buffer.get(..count).unwrap_or_default())?;
        *shown = None;
        Ok((count, offset + count as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        vfs::seek_to(file, to, file.metadata().size)
    }
}

/// The operations of an open binary file.
pub(crate) struct BinaryFile {
    most: usize,
    state: Mutex<State>,
}

enum State {
    Fresh,
    Reading(Option<Arc<[u8]>>),
    Writing(Vec<u8>),
}

impl BinaryFile {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::new(State::Fresh) }
    }
}

impl FileOps for BinaryFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut state = self.state.lock();
        let content = match &*state {
            State::Writing(_) => return err!(ETXTBSY, "the file is being written"),
            State::Reading(Some(content)) => content.clone(),
            State::Fresh | State::Reading(None) => {
                *state = State::Reading(None);
                let content = show(file)?;
                if content.len() > self.most {
                    return err!(EFBIG, "more than the file may hold");
                }
                *state = State::Reading(Some(content.clone()));
                content
            }
        };
        copy_out(&content, offset, dst)
    }

    fn write_at(&self, _file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let mut state = self.state.lock();
        match &*state {
            State::Reading(_) => return err!(ETXTBSY, "the file is being read"),
            State::Fresh => *state = State::Writing(Vec::new()),
            State::Writing(_) => {}
        }
        let State::Writing(gathered) = &mut *state else { return err!(EIO) };
        let start = usize::try_from(offset).ok().filter(|at| *at <= self.most);
        let Some((start, end)) = start.map(|at| (at, at.saturating_add(src.remaining()))) else {
            return err!(EFBIG, "more than the file may hold");
        };
        if end > self.most {
            return err!(EFBIG, "more than the file may hold");
        }
        if end > gathered.len() {
            gathered.try_reserve_exact(end - gathered.len()).map_err(|_| error!(ENOMEM))?;
            gathered.resize(end, 0);
        }
        let count = src.read(gathered.get_mut(start..end).unwrap_or_default())?;
        Ok((count, offset + count as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        vfs::seek_to(file, to, file.metadata().size)
    }

    /// Hands over what was written; nobody is left to hear of an error.
    fn release(&self, file: &File) {
        let state = self.state.lock();
        if let State::Writing(gathered) = &*state
            && let Ok((item, attribute)) = inode(file).and_then(ConfigInode::attribute)
        {
            let _ = item.store(attribute.name, gathered);
        }
    }
}
