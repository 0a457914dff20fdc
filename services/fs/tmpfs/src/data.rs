// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The content of regular files of tmpfs: pages, and the length.
//!
//! Bytes go straight between page frames and the caller's memory. Reading and
//! writing pages that exist allocates nothing.
//!
//! Locks: `writing` (sleeping, held over user copies, which may fault into `page`), then the
//! leaf `pages` (preemption off), never held over a copy.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::{Result, error};
use framework::mm::{Frame, PAGE_SIZE, Reader, Writer};
use framework::sync::{Mutex, SpinLock};
use vfs::{PageMap, Pager, Seeking, hooks};

use crate::sb::TmpSuper;

/// Bytes of a page.
pub(crate) const PAGE: u64 = PAGE_SIZE as u64;
/// Pages that are looked at with the lock held once.
const TURN: u64 = 128;

/// The content of a regular file.
pub(crate) struct FileData {
    size: AtomicU64,
    /// Held by whoever writes or changes the length.
    pub(crate) writing: Mutex<()>,
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

    /// Gives back what the whole content is charged for.
    pub(crate) fn uncharge(&self, sb: &TmpSuper) {
        let pages = self.pages.lock();
        sb.count_nodes(pages.nodes(), 0);
        sb.uncharge_pages(pages.len());
    }

    #[inline]
    pub(crate) fn get(&self, index: u64) -> Option<Frame> {
        self.pages.lock().get(index).cloned()
    }

    /// The page at `index`, made if it is missing.
    pub(crate) fn get_or_make(&self, sb: &TmpSuper, index: u64) -> Result<Frame> {
        if let Some(frame) = self.get(index) {
            return Ok(frame);
        }
        let frame = Self::fresh(sb)?;
        Ok(self.attach(sb, index, &frame).unwrap_or(frame))
    }

    /// A page of zeros, charged, that is not of the file yet.
    fn fresh(sb: &TmpSuper) -> Result<Frame> {
        sb.charge_pages(1)?;
        Frame::zeroed().map_err(|_| {
            sb.uncharge_pages(1);
            error!(ENOMEM, "no page for a file")
        })
    }

    /// Makes a fresh page one of the file; the one that is there instead if somebody was faster.
    fn attach(&self, sb: &TmpSuper, index: u64, frame: &Frame) -> Option<Frame> {
        let mut pages = self.pages.lock();
        if let Some(winner) = pages.get(index) {
            let winner = winner.clone();
            drop(pages);
            sb.uncharge_pages(1);
            return Some(winner);
        }
        let before = pages.nodes();
        pages.insert(index, frame.clone());
        sb.count_nodes(before, pages.nodes());
        None
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

    /// Sets the length and changes no page; the caller holds `writing`.
    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Release);
    }

    /// A program may have mapped it from now on.
    pub(crate) fn note_mapped(&self) {
        self.was_mapped.store(true, Ordering::Relaxed);
    }

    /// The next byte of data, or of a hole, from `from` on.
    pub(crate) fn find(&self, from: u64, what: Seeking) -> Option<u64> {
        let first = from / PAGE;
        let found = match what {
            Seeking::Data => self.pages.lock().next_from(first),
            // There may be many pages in a row.
            Seeking::Hole => {
                let mut turns = (first..).step_by(TURN as usize);
                turns.find_map(|page| self.pages.lock().gap_among(page, TURN))
            }
        };
        found.map(|page| from.max(page * PAGE))
    }

    /// Who has to know of pages that go, if the file was ever mapped.
    fn mappings(&self) -> Option<&'static dyn hooks::Mappings> {
        hooks::mappings().filter(|_| self.was_mapped.load(Ordering::Relaxed))
    }

    /// Makes the bytes `from..to` zeros and frees whole pages, taking them out of
    /// shared mappings of `mapped`.
    pub(crate) fn punch(&self, sb: &TmpSuper, from: u64, to: u64, mapped: Option<&dyn Pager>) {
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
                        let before = pages.nodes();
                        let page = pages.remove(next);
                        sb.count_nodes(before, pages.nodes());
                        page
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

    /// Reads what there is at `offset`; returns the count.
    pub(crate) fn read(&self, offset: u64, dst: &mut Writer<'_>) -> Result<usize> {
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

    /// Writes into a page that is not there yet; it joins the file once there is something in it.
    fn write_new(
        &self,
        sb: &TmpSuper,
        index: u64,
        inside: usize,
        part: usize,
        src: &mut Reader<'_>,
    ) -> Result<usize> {
        let frame = Self::fresh(sb)?;
        let copied = src.read_frame(&frame, inside, part);
        if !matches!(copied, Ok(1..)) {
            sb.uncharge_pages(1);
            return Ok(copied?);
        }
        let count = copied?;
        if let Some(winner) = self.attach(sb, index, &frame) {
            // A program that has the file mapped was here meanwhile.
            copy_between(&frame, &winner, inside..inside + count);
        }
        Ok(count)
    }

    /// Writes `len` bytes; the caller holds `writing`.
    pub(crate) fn write(
        &self,
        sb: &TmpSuper,
        offset: u64,
        len: usize,
        src: &mut Reader<'_>,
    ) -> Result<usize> {
        let mut done = 0;
        let result = loop {
            if done >= len {
                break Ok(());
            }
            let at = offset + done as u64;
            let inside = (at % PAGE) as usize;
            let part = (PAGE_SIZE - inside).min(len - done);
            let copied = match self.get(at / PAGE) {
                Some(frame) => src.read_frame(&frame, inside, part).map_err(Into::into),
                None => self.write_new(sb, at / PAGE, inside, part, src),
            };
            match copied {
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
                Err(error) => break Err(error),
            }
        };
        match result {
            Err(error) if done == 0 => Err(error),
            _ => Ok(done),
        }
    }
}

fn copy_between(from: &Frame, to: &Frame, range: Range<usize>) {
    let mut buffer = [0; 256];
    for at in range.clone().step_by(buffer.len()) {
        let room = (range.end - at).min(buffer.len());
        let part = buffer.get_mut(..room).unwrap_or_default();
        from.read(at, part);
        to.write(at, part);
    }
}
