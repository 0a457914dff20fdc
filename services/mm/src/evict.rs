// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pages of objects that go while they are mapped: truncation and holes.

use alloc::sync::Arc;
use core::ops::Range;

use framework::mm::{Frame, PAGE_SIZE};
use vfs::Pager;

use crate::area::{Area, Backing};
use crate::shared::SharedPages;
use crate::space::AddressSpace;

impl AddressSpace {
    /// Unmaps the pages of a file from page `first` on, private copies too: it was
    /// truncated.
    ///
    /// The caller made the file refuse these pages before, so none comes back.
    pub fn unmap_file(&self, pager: &dyn Pager, first: u64) {
        let inner = self.write();
        for area in inner.areas.iter().filter(|area| area.maps(pager)) {
            let skip = first.saturating_sub(area.page_index(area.start));
            let skip = usize::try_from(skip).ok().and_then(|pages| pages.checked_mul(PAGE_SIZE));
            if let Some(skip) = skip.filter(|&skip| skip < area.len()) {
                self.note_peak_rss();
                self.vm.unmap(area.start + skip..area.end);
            }
        }
    }

    /// Unmaps these frames (with their page indices), which a file gave up, but no
    /// private copies of them.
    pub fn unmap_frames(&self, pager: &dyn Pager, frames: &[(u64, Frame)]) {
        // Writing: a fault that got such a frame has mapped it by then.
        let inner = self.write();
        for area in inner.areas.iter().filter(|area| area.maps(pager)) {
            let first = area.page_index(area.start);
            let inside = frames.iter().filter(|(index, _)| {
                (first..first + (area.len() / PAGE_SIZE) as u64).contains(index)
            });
            for (index, frame) in inside {
                let page = area.start + (index - first) as usize * PAGE_SIZE;
                if self.vm.query(page).is_some_and(|mapping| mapping.frame.id() == frame.id()) {
                    self.note_peak_rss();
                    self.vm.unmap(page..page + PAGE_SIZE);
                }
            }
        }
    }

    /// Gives back the pages of an index range of shared memory, here and wherever else
    /// they are mapped: `MADV_REMOVE`.
    pub(crate) fn punch_shared(&self, pages: &SharedPages, range: Range<u64>) {
        let mut from = range.start;
        while let Some((index, frame)) = pages.take(from..range.end) {
            from = index;
            let gone = [(index, frame)];
            self.unmap_frames(pages, &gone);
            if let Some(mappings) = vfs::hooks::mappings() {
                mappings.replaced(pages, &gone);
            }
        }
    }
}

impl Area {
    /// True when its pages come from `pager`.
    fn maps(&self, pager: &dyn Pager) -> bool {
        match &self.backing {
            Backing::File { pager: mapped, .. } => core::ptr::addr_eq(Arc::as_ptr(mapped), pager),
            Backing::Shared { pages, .. } => core::ptr::addr_eq(Arc::as_ptr(pages), pager),
            Backing::Anonymous => false,
        }
    }
}
