// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Regular files of tmpfs: pages, reading, writing, mapping.
//!
//! Bytes go straight between page frames and the caller's memory. Reading and
//! writing pages that exist allocates nothing.
//!
//! Locks: `writing` (held over user copies, which may fault into `page`), then the leaf
//! `pages`, never held over a copy.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::fcntl::OpenFlags;
use abi::fs::FallocateMode;
use abi::{Result, err, error};
use framework::mm::{Access, Frame, PAGE_SIZE, Reader, Writer};
use framework::sync::{Mutex, SpinLock};
use vfs::{File, FileOps, Inode, MapSource, PageMap, Pager, SeekFrom, Seeking, hooks};

use crate::inode::TmpInode;
use crate::sb::TmpSuper;

const PAGE: u64 = PAGE_SIZE as u64;

/// The content of a regular file.
pub(crate) struct FileData {
    size: AtomicU64,
    /// Held by whoever writes or changes the length.
    writing: Mutex<()>,
    pages: SpinLock<PageMap<Frame>>,
    /// Whether a program may have mapped it: freed pages must leave mappings too.
    was_mapped: AtomicBool,
}

impl FileData {
    pub(crate) fn new() -> Self {
        Self {
            size: AtomicU64::new(0),
            writing: Mutex::new(()),
            pages: SpinLock::new(PageMap::new()),
            was_mapped: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn pages(&self) -> u64 {
        self.pages.lock().len()
    }

    #[inline]
    fn get(&self, index: u64) -> Option<Frame> {
        self.pages.lock().get(index).cloned()
    }

    /// The page at `index`, made if it is missing.
    fn get_or_make(&self, sb: &TmpSuper, index: u64) -> Result<Frame> {
        if let Some(frame) = self.get(index) {
            return Ok(frame);
        }
        sb.charge_pages(1)?;
        let Ok(frame) = Frame::zeroed() else {
            sb.uncharge_pages(1);
            return err!(ENOMEM, "no page for a file");
        };
        let mut pages = self.pages.lock();
        if let Some(winner) = pages.get(index) {
            let winner = winner.clone();
            drop(pages);
            sb.uncharge_pages(1);
            return Ok(winner);
        }
        pages.insert(index, frame.clone());
        Ok(frame)
    }

    /// Sets the length; pages beyond it are freed, what is left of the last one cleared.
    pub(crate) fn truncate(&self, sb: &TmpSuper, size: u64, pager: &dyn Pager) {
        let _writing = self.writing.lock();
        let old = self.size();
        self.size.store(size, Ordering::Release);
        if size < old {
            self.punch(sb, size, u64::MAX, None);
            if let Some(mappings) = self.mappings() {
                mappings.truncated(pager, size.div_ceil(PAGE));
            }
        }
    }

    /// Who has to know of pages that go, if the file was ever mapped.
    fn mappings(&self) -> Option<&'static dyn hooks::Mappings> {
        hooks::mappings().filter(|_| self.was_mapped.load(Ordering::Relaxed))
    }

    /// Makes the bytes `from..to` zeros and frees whole pages, taking them out of
    /// shared mappings of `mapped`.
    fn punch(&self, sb: &TmpSuper, from: u64, to: u64, mapped: Option<&dyn Pager>) {
        let (first, last) = (from / PAGE, to / PAGE);
        let (head, tail) = ((from % PAGE) as usize, (to % PAGE) as usize);
        if first == last {
            if let Some(frame) = self.get(first) {
                frame.zero(head..tail);
            }
            return;
        }
        if head > 0
            && let Some(frame) = self.get(first)
        {
            frame.zero(head..PAGE_SIZE);
        }
        if tail > 0
            && let Some(frame) = self.get(last)
        {
            frame.zero(0..tail);
        }
        let mut index = from.div_ceil(PAGE);
        let told = mapped.and_then(|pager| Some((pager, self.mappings()?)));
        loop {
            let freed = {
                let mut pages = self.pages.lock();
                match pages.next_from(index).filter(|&next| next < last) {
                    Some(next) => {
                        index = next;
                        pages.remove(next)
                    }
                    None => return,
                }
            };
            if let (Some(frame), Some((pager, mappings))) = (freed, told) {
                mappings.replaced(pager, &[(index, frame)]);
            }
            sb.uncharge_pages(1);
        }
    }

    fn read(&self, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let mut done = 0;
        while dst.remaining() > 0 {
            let at = offset + done as u64;
            let left = self.size().saturating_sub(at);
            let inside = (at % PAGE) as usize;
            let part = (PAGE_SIZE - inside).min(dst.remaining());
            let part = part.min(usize::try_from(left).unwrap_or(usize::MAX));
            if part == 0 {
                break;
            }
            let copied = match self.get(at / PAGE) {
                Some(frame) => dst.write_frame(&frame, inside, part),
                None => dst.zeros(part),
            };
            match copied {
                Ok(count) => {
                    done += count;
                    if count < part {
                        break;
                    }
                }
                Err(fault) if done == 0 => return Err(fault.into()),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes `len` bytes; the caller holds `writing`.
    fn write(&self, sb: &TmpSuper, offset: u64, len: usize, src: &mut Reader<'_>) -> Result<usize> {
        let mut done = 0;
        let result = loop {
            if done >= len {
                break Ok(());
            }
            let at = offset + done as u64;
            let inside = (at % PAGE) as usize;
            let part = (PAGE_SIZE - inside).min(len - done);
            let frame = match self.get_or_make(sb, at / PAGE) {
                Ok(frame) => frame,
                Err(error) => break Err(error),
            };
            match src.read_frame(&frame, inside, part) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    done += count;
                    let end = offset + done as u64;
                    if end > self.size() {
                        self.size.store(end, Ordering::Release);
                    }
                    if count < part {
                        break Ok(());
                    }
                }
                Err(fault) => break Err(fault.into()),
            }
        };
        match result {
            Err(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }
}

impl FileOps for TmpInode {
    fn read_at(&self, file: &File, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
        let count = self.content()?.read(offset, dst)?;
        file.accessed();
        Ok(count)
    }

    fn write_at(&self, file: &File, offset: u64, src: &mut Reader<'_>) -> Result<(usize, u64)> {
        let data = self.content()?;
        if src.remaining() == 0 {
            return Ok((0, offset));
        }
        let _writing = data.writing.lock();
        let is_append = file.flags().contains(OpenFlags::APPEND);
        let offset = if is_append { data.size() } else { offset };
        let len = hooks::write_room(offset, src.remaining())?;
        file.remove_setid();
        let count = data.write(self.sb(), offset, len, src)?;
        self.base().touch_modified();
        Ok((count, offset + count as u64))
    }

    fn seek(&self, file: &File, to: SeekFrom) -> Result<u64> {
        let data = self.content()?;
        vfs::seek_with(file, to, data.size(), |from, what| {
            let pages = data.pages.lock();
            match what {
                Seeking::Data => pages.next_from(from / PAGE).map(|page| from.max(page * PAGE)),
                Seeking::Hole => Some(from.max(pages.next_gap(from / PAGE) * PAGE)),
            }
        })
    }

    fn mmap(&self, _file: &File) -> Result<MapSource> {
        let this = self.this.upgrade().ok_or(error!(EIO))?;
        self.content()?.was_mapped.store(true, Ordering::Relaxed);
        Ok(MapSource::Pages(this))
    }

    fn fsync(&self, _file: &File) -> Result<()> {
        Ok(())
    }

    fn fallocate(&self, file: &File, mode: FallocateMode, at: u64, len: u64) -> Result<()> {
        let data = self.content()?;
        let end = at + len;
        if mode.contains(FallocateMode::ZERO_RANGE) {
            return err!(EOPNOTSUPP, "tmpfs has no zero range");
        }
        let _writing = data.writing.lock();
        file.remove_setid();
        if mode.contains(FallocateMode::PUNCH_HOLE) {
            data.punch(self.sb(), at, end, Some(self));
            self.base().touch_modified();
            return Ok(());
        }
        let grows = !mode.contains(FallocateMode::KEEP_SIZE) && end > data.size();
        if grows {
            hooks::check_length(end)?;
        }
        let pages = at / PAGE..end.div_ceil(PAGE);
        if pages.end - pages.start > self.sb().free_pages() + data.pages() {
            return err!(ENOSPC, "tmpfs is full");
        }
        for index in pages {
            data.get_or_make(self.sb(), index)?;
        }
        if grows {
            data.size.store(end, Ordering::Release);
        }
        self.base().touch_modified();
        Ok(())
    }
}

impl Pager for TmpInode {
    fn page(&self, index: u64, access: Access) -> Result<Frame> {
        let data = self.content()?;
        if index >= data.size().div_ceil(PAGE) {
            return err!(ENXIO, "beyond the end of the file");
        }
        let frame = data.get_or_make(self.sb(), index)?;
        if access == Access::Write {
            self.base().touch_modified();
        }
        Ok(frame)
    }

    fn cached(&self, index: u64) -> Option<Frame> {
        let data = self.content().ok()?;
        if index < data.size().div_ceil(PAGE) { data.get(index) } else { None }
    }
}
