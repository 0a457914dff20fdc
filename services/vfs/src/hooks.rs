// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What this crate asks of the crates above it.

use alloc::sync::Arc;

use abi::{Result, err};
use framework::mm::Frame;
use framework::sync::Once;

use crate::{FileOps, Opening, Pager};

pub use crate::size_limit::{
    MAX_FILE_SIZE, ProcessHooks, check_length, current_account, pipe_broken, set_process_hooks,
    write_room,
};

/// Opens a FIFO by Linux's blocking rules; installed by `ipc`.
pub type FifoOpen = fn(&Opening<'_>) -> Result<Arc<dyn FileOps>>;

/// Takes pages of files out of mappings; installed by `task`.
pub trait Mappings: Send + Sync {
    /// The file ends before page `first`: its pages from there on, and private copies
    /// of them, go.
    fn truncated(&self, pager: &dyn Pager, first: u64);
    /// These frames, with their page indices, are no longer the file's; private copies
    /// of them stay.
    fn replaced(&self, pager: &dyn Pager, frames: &[(u64, Frame)]);
}

static MAPPINGS: Once<&'static dyn Mappings> = Once::new();
static FIFO: Once<FifoOpen> = Once::new();

/// Installs what opens FIFOs; the first call counts.
pub fn set_fifo_open(open: FifoOpen) {
    FIFO.call_once(|| open);
}

/// Installs what unmaps pages of files; the first call counts.
pub fn set_mappings(mappings: &'static dyn Mappings) {
    MAPPINGS.call_once(|| mappings);
}

/// What takes pages of files out of mappings.
///
/// To be called when [`Pager::page`] gives the old pages no more, without a lock that
/// `page` takes; only needed for files that were mapped once.
pub fn mappings() -> Option<&'static dyn Mappings> {
    MAPPINGS.get().copied()
}

pub(crate) fn open_fifo(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    match FIFO.get() {
        Some(open) => open(opening),
        None => err!(ENXIO, "no FIFOs in this kernel"),
    }
}
