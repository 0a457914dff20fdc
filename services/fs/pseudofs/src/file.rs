// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open files: text made once and read in parts, binary content read as asked for.
//!
//! Locks: `made` is a leaf; it is not held while text is made or copied.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::SpinLock;
use vfs::{File, FileOps, SeekFrom};

use crate::content::{BinaryFile, TextFile};
use crate::inode::check_present;
use crate::rules::{Remake, Rules};
use crate::text::Text;

/// The most that one write brings, and one read of binary content takes: a page, as on Linux.
const CHUNK: usize = 4096;

/// The operations of an open text.
pub(crate) struct TextOps {
    content: Arc<dyn TextFile>,
    rules: &'static Rules,
    made: SpinLock<Made>,
}

/// What there is of the text.
#[derive(Default)]
struct Made {
    text: Option<Arc<Vec<u8>>>,
    /// Counts the writes: a text that was begun before the last one is not kept.
    writes: u64,
}

impl TextOps {
    pub(crate) fn new(content: Arc<dyn TextFile>, rules: &'static Rules) -> Self {
        Self { content, rules, made: SpinLock::new(Made::default()) }
    }

    /// The text for a read at `offset`. No lock is held while it is made.
    fn text(&self, file: &File, offset: u64) -> Result<Arc<Vec<u8>>> {
        let writes = {
            let made = self.made.lock();
            match &made.text {
                Some(text) if offset > 0 || self.rules.remake == Remake::AfterWrite => {
                    return Ok(text.clone());
                }
                _ => made.writes,
            }
        };
        check_present(file)?;
        let mut out = Text::default();
        self.content.show(&mut out)?;
        let text = Arc::new(out.finish()?);
        let mut made = self.made.lock();
        let is_current = made.writes == writes;
        let old = if is_current { made.text.replace(text.clone()) } else { None };
        drop(made);
        drop(old);
        Ok(text)
    }
}

impl FileOps for TextOps {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        copy_out(&self.text(file, offset)?, offset, dst)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let bytes = take_write(src, CHUNK)?;
        check_present(file)?;
        self.content.store(&bytes)?;
        if self.rules.remake == Remake::AfterWrite {
            let mut made = self.made.lock();
            made.writes += 1;
            let old = made.text.take();
            drop(made);
            drop(old);
        }
        Ok((bytes.len(), offset + bytes.len() as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        match self.rules.text_size {
            0 => vfs::seek_unsized(file, to),
            size => vfs::seek_to(file, to, size),
        }
    }
}

/// Copies to the reader what `content` has from `offset` on; returns the count.
///
/// # Errors
/// `EFAULT` if nothing can be copied.
pub fn copy_out(content: &[u8], offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
    let rest = usize::try_from(offset).ok().and_then(|at| content.get(at..)).unwrap_or_default();
    Ok(dst.write(rest)?)
}

/// Copies what one write brings, at most `most` bytes.
///
/// # Errors
/// `EFAULT` if it is not all readable, `ENOMEM`.
pub fn take_write(src: &mut Reader<'_>, most: usize) -> Result<Vec<u8>> {
    let len = src.remaining().min(most);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| error!(ENOMEM))?;
    bytes.resize(len, 0);
    src.read_exact(&mut bytes)?;
    Ok(bytes)
}

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
        let bytes = take_write(src, rest.min(CHUNK))?;
        self.0.write(offset, &bytes)?;
        Ok((bytes.len(), offset + bytes.len() as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        vfs::seek_to(file, to, self.0.size())
    }
}
