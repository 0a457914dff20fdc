// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open attributes: text made at offset 0 and kept, binary content read as asked for.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::Mutex;
use vfs::{File, FileOps, SeekFrom};

use crate::inode::{Content, SysInode};

/// The most that one read or write moves: a page, as on Linux.
const CHUNK: usize = 4096;

/// Makes an attribute's text.
pub type Show = Box<dyn Fn(&mut String) -> Result<()> + Send + Sync>;
/// Obeys what was written to an attribute in one write.
pub type Store = Box<dyn Fn(&[u8]) -> Result<()> + Send + Sync>;

/// A text attribute.
pub struct Text {
    /// Makes the text.
    pub show: Option<Show>,
    /// Obeys a write.
    pub store: Option<Store>,
}

/// A binary attribute.
pub trait Binary: Send + Sync {
    /// Its length; offsets are below it.
    fn size(&self) -> u64;

    /// Reads at `offset` into `out`, which ends where the attribute does; returns the count.
    ///
    /// # Errors
    /// What the attribute says.
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<usize>;

    /// Obeys a write of `data` at `offset`; all of it counts as written.
    ///
    /// # Errors
    /// What the attribute says.
    fn write(&self, _offset: u64, _data: &[u8]) -> Result<()> {
        err!(EIO, "cannot be written")
    }
}

/// The operations of an open text attribute.
#[derive(Default)]
pub(crate) struct TextFile {
    shown: Mutex<Option<String>>,
}

fn attribute(file: &File) -> Result<&Text> {
    let inode: &dyn core::any::Any = &**file.inode();
    match inode.downcast_ref::<SysInode>().map(|inode| &inode.content) {
        Some(Content::Text(text)) => Ok(text),
        _ => err!(EIO, "not an attribute"),
    }
}

/// The bytes of one write, copied from the program.
fn take(src: &mut Reader<'_>, most: usize) -> Result<Vec<u8>> {
    let len = src.remaining().min(most);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| error!(ENOMEM))?;
    bytes.resize(len, 0);
    src.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl FileOps for TextFile {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut shown = self.shown.lock();
        if offset == 0 || shown.is_none() {
            let mut text = String::new();
            match &attribute(file)?.show {
                Some(show) => show(&mut text)?,
                None => return err!(EIO, "cannot be read"),
            }
            *shown = Some(text);
        }
        let text = shown.as_deref().unwrap_or_default().as_bytes();
        let rest = usize::try_from(offset).ok().and_then(|at| text.get(at..)).unwrap_or_default();
        Ok(dst.write(rest)?)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let bytes = take(src, CHUNK)?;
        match &attribute(file)?.store {
            Some(store) => store(&bytes)?,
            None => return err!(EIO, "cannot be written"),
        }
        Ok((bytes.len(), offset + bytes.len() as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        vfs::seek_to(file, to, CHUNK as u64)
    }
}

/// The operations of an open binary attribute.
pub(crate) struct BinaryFile(pub(crate) alloc::sync::Arc<dyn Binary>);

impl FileOps for BinaryFile {
    fn read_at(&self, _file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut done = 0;
        let mut chunk = [0; CHUNK];
        loop {
            let at = offset.saturating_add(done as u64);
            let rest = usize::try_from(self.0.size().saturating_sub(at)).unwrap_or(usize::MAX);
            let most = rest.min(dst.remaining()).min(CHUNK);
            let Some(part) = chunk.get_mut(..most).filter(|part| !part.is_empty()) else {
                return Ok(done);
            };
            let count = self.0.read(at, part)?.min(most);
            let written = dst.write(part.get(..count).unwrap_or_default())?;
            done += written;
            if written < most {
                return Ok(done);
            }
        }
    }

    fn write_at(&self, _file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let size = self.0.size();
        if offset >= size && src.remaining() > 0 {
            return err!(EFBIG, "behind the end");
        }
        let rest = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = take(src, rest.min(CHUNK))?;
        self.0.write(offset, &bytes)?;
        Ok((bytes.len(), offset + bytes.len() as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        vfs::seek_to(file, to, self.0.size())
    }
}
