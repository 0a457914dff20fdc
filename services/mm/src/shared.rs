// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Anonymous memory that several address spaces share.
//!
//! [`SharedPages`] is the object behind `MAP_SHARED | MAP_ANONYMOUS`: frames by
//! index, made on first use, kept until the last mapping goes. On Linux it is a
//! file on a hidden tmpfs, and `/proc/pid/maps` shows it as one.
//!
//! Locks: `frames` (sleeping), inside of the address space's lock.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use abi::err;
use framework::mm::{Access, Frame, PAGE_SIZE};
use framework::sync::Mutex;
use vfs::{PageMap, Pager};

use crate::Result;

static NEXT_INODE: AtomicU64 = AtomicU64::new(1);

/// Frames by page index, shared by all who map them.
pub struct SharedPages {
    inode: u64,
    /// Fixed when it is made: a mapping that is grown later gets nothing there.
    pages: u64,
    frames: Mutex<PageMap<Frame>>,
}

impl SharedPages {
    /// An object of `bytes`, without any page yet.
    pub fn new(bytes: u64) -> Arc<Self> {
        let inode = NEXT_INODE.fetch_add(1, Relaxed);
        let pages = bytes.div_ceil(PAGE_SIZE as u64);
        Arc::new(Self { inode, pages, frames: Mutex::new(PageMap::new()) })
    }

    /// The number that `/proc/pid/maps` shows as inode.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Gives up the first page in an index range that has one; `None` if none is left.
    pub(crate) fn take(&self, range: Range<u64>) -> Option<(u64, Frame)> {
        let mut frames = self.frames.lock();
        let index = frames.next_from(range.start).filter(|&index| index < range.end)?;
        Some((index, frames.remove(index)?))
    }
}

impl Pager for SharedPages {
    fn page(&self, index: u64, _access: Access) -> Result<Frame> {
        if index >= self.pages {
            return err!(ENXIO, "past the end of the shared memory");
        }
        let mut frames = self.frames.lock();
        if let Some(frame) = frames.get(index) {
            return Ok(frame.clone());
        }
        let frame = Frame::zeroed()?;
        frames.insert(index, frame.clone());
        Ok(frame)
    }

    fn cached(&self, index: u64) -> Option<Frame> {
        self.frames.lock().get(index).cloned()
    }
}
