// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Open files: text made as far as it is read, binary content read as asked for.
//!
//! Locks: `made` is a leaf; it is not held while text is made or copied.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::poll::PollEvents;
use abi::{Error, Result, err, error};
use framework::mm::{Reader, Writer};
use framework::sync::{SpinLock, Waiter};
use vfs::{File, FileOps, MapSource, SeekFrom};

use crate::content::{BinaryFile, TextFile};
use crate::inode::check_present;
use crate::rules::{Remake, Rules};
use crate::text::Text;

/// The most that one write brings, and one read of binary content takes: a page, as on Linux.
const CHUNK: usize = 4096;

/// The longest part that an open file keeps; a longer one is made again at each read.
const KEPT: usize = 64 << 10;

/// The operations of an open text.
pub(crate) struct TextOps {
    content: Arc<dyn TextFile>,
    rules: &'static Rules,
    made: SpinLock<Made>,
}

/// What there is of the text.
#[derive(Default)]
struct Made {
    part: Option<Part>,
    /// Counts the writes: a text that was begun before the last one is not kept.
    writes: u64,
}

/// A part of the text, often all of it.
#[derive(Clone, Default)]
struct Part {
    /// Its offset in the text.
    start: u64,
    bytes: Arc<Vec<u8>>,
    /// The position of the next part.
    next: Option<u64>,
}

impl Part {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }
}

impl TextOps {
    pub(crate) fn new(content: Arc<dyn TextFile>, rules: &'static Rules) -> Self {
        Self { content, rules, made: SpinLock::new(Made::default()) }
    }

    /// The part of the text with `offset`; past the end, the last one. `is_new`: a read
    /// from the start wants the text of now.
    fn part(&self, file: &File, offset: u64, is_new: bool) -> Result<Part> {
        let (kept, writes) = {
            let made = self.made.lock();
            (made.part.clone(), made.writes)
        };
        let kept = kept.filter(|part| part.start <= offset && !is_new);
        if let Some(part) = &kept
            && (offset < part.end() || part.next.is_none())
        {
            return Ok(part.clone());
        }
        check_present(file)?;
        let mut position = kept.as_ref().map_or(Some(0), |part| part.next);
        let mut part = kept.unwrap_or_default();
        while let Some(at) = position
            && offset >= part.end()
        {
            let mut out = Text::default();
            let next = self.content.show_part(at, &mut out)?;
            part = Part { start: part.end(), bytes: Arc::new(out.finish()?), next };
            // What is too long to be kept begins again where it began.
            let is_long = part.bytes.len() > KEPT;
            let kept = if is_long {
                Part { start: part.start, bytes: Arc::default(), next: Some(at) }
            } else {
                part.clone()
            };
            self.keep(kept, writes);
            position = next;
        }
        Ok(part)
    }

    /// Keeps a part for the next read, unless the text was written meanwhile.
    fn keep(&self, part: Part, writes: u64) {
        let mut made = self.made.lock();
        let is_current = made.writes == writes;
        let old = if is_current { made.part.replace(part) } else { None };
        drop(made);
        drop(old);
    }
}

impl FileOps for TextOps {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut done = 0;
        loop {
            let at = offset.saturating_add(done as u64);
            let is_new = at == 0 && self.rules.remake != Remake::AfterWrite;
            let part = match self.part(file, at, is_new) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
                Ok(part) => part,
            };
            if at >= part.end() {
                return Ok(done);
            }
            match copy_out(&part.bytes, at - part.start, dst) {
                Err(error) if done == 0 => return Err(error),
                Err(_) | Ok(0) => return Ok(done),
                Ok(count) => done += count,
            }
            if dst.remaining() == 0 {
                return Ok(done);
            }
        }
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let bytes = take_write(src, CHUNK)?;
        check_present(file)?;
        let count = self.content.store_at(offset, &bytes)?.min(bytes.len());
        if self.rules.remake == Remake::AfterWrite {
            let mut made = self.made.lock();
            made.writes += 1;
            let old = made.part.take();
            drop(made);
            drop(old);
        }
        Ok((count, offset.saturating_add(count as u64)))
    }

    fn mmap(&self, _file: &File) -> Result<MapSource> {
        Err(Error::new(self.content.mmap_errno(), "a text cannot be mapped"))
    }

    fn poll(&self, _file: &File, _waiter: Option<&Arc<Waiter>>) -> PollEvents {
        self.content.ready()
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
