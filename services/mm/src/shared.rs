// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Anonymous memory that several address spaces share.
//!
//! [`SharedPages`] is the object behind `MAP_SHARED | MAP_ANONYMOUS`: frames by
//! index, made on first use, kept until the last mapping goes. On Linux it is a
//! file on a hidden tmpfs, and `/proc/pid/maps` shows it as one.

use alloc::sync::Arc;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use framework::mm::{Access, Frame};
use framework::sync::Mutex;
use vfs::{PageMap, Pager};

use crate::Result;

static NEXT_INODE: AtomicU64 = AtomicU64::new(1);

/// Frames by page index, shared by all who map them.
pub struct SharedPages {
    inode: u64,
    frames: Mutex<PageMap<Frame>>,
}

impl SharedPages {
    /// An object without any page yet.
    pub fn new() -> Arc<Self> {
        let inode = NEXT_INODE.fetch_add(1, Relaxed);
        Arc::new(Self { inode, frames: Mutex::new(PageMap::new()) })
    }

    /// The number that `/proc/pid/maps` shows as inode.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Gives back the pages of an index range: `MADV_REMOVE`.
    pub(crate) fn punch(&self, range: Range<u64>) {
        let mut frames = self.frames.lock();
        while frames.pop_in(range.start, range.end).is_some() {}
    }
}

impl Pager for SharedPages {
    fn page(&self, index: u64, _access: Access) -> Result<Frame> {
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
