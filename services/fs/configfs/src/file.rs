// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of an item.
//!
//! Text is made once for an open file, and again after a write. Binary content is made at
//! the first read; what is written is gathered, and handed over when the file is closed. An
//! open binary file is either read or written, never both.
//!
//! Locks: the offset of an open file > its `state` (sleeping) > the item's own.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::Mutex;
use pseudofs::{OpenFile, Text, TextFile, check_bits, check_present, copy_out};
use vfs::{File, FileOps, Opening, SeekFrom};

use crate::item::{Attribute, Form, Item};

/// An attribute of an item.
pub(crate) struct ItemFile {
    pub(crate) item: Arc<dyn Item>,
    pub(crate) attribute: &'static Attribute,
}

impl TextFile for ItemFile {
    fn show(&self, out: &mut Text) -> Result<()> {
        out.push(&self.item.show(self.attribute.name)?);
        Ok(())
    }

    fn store(&self, data: &[u8]) -> Result<()> {
        self.item.store(self.attribute.name, data)
    }

    fn check_open(&self, _perm: u32, opening: &Opening<'_>) -> Result<()> {
        check_bits(self.attribute.perm, opening.flags)
    }
}

impl OpenFile for ItemFile {
    fn open(self: Arc<Self>, _perm: u32, opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
        check_bits(self.attribute.perm, opening.flags)?;
        let most = match self.attribute.form {
            Form::Text => 0,
            Form::Binary(most) => most,
        };
        Ok(Arc::new(BinaryFile { file: self, most, state: Mutex::new(State::Fresh) }))
    }
}

/// The operations of an open binary file.
struct BinaryFile {
    file: Arc<ItemFile>,
    most: usize,
    state: Mutex<State>,
}

enum State {
    Fresh,
    Reading(Option<Arc<[u8]>>),
    Writing(Vec<u8>),
}

impl FileOps for BinaryFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut state = self.state.lock();
        let content = match &*state {
            State::Writing(_) => return err!(ETXTBSY, "the file is being written"),
            State::Reading(Some(content)) => content.clone(),
            State::Fresh | State::Reading(None) => {
                *state = State::Reading(None);
                check_present(file)?;
                let content = self.file.item.show(self.file.attribute.name)?;
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
            && check_present(file).is_ok()
        {
            let _ = self.file.item.store(self.file.attribute.name, gathered);
        }
    }
}
