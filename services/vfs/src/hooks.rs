// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What this crate asks of the crates above it.

use alloc::sync::Arc;

use abi::{Result, err};
use framework::mm::Frame;
use framework::sync::Once;

use crate::{FileOps, Opening, Pager};

/// Questions about the current process; installed by `task`.
pub trait ProcessHooks: Send + Sync {
    /// The limit RLIMIT_FSIZE of the current process, in bytes.
    fn file_size_limit(&self) -> u64;
    /// The current process ran into that limit: raise SIGXFSZ.
    fn file_size_exceeded(&self);
}

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
static PROCESS: Once<&'static dyn ProcessHooks> = Once::new();
static FIFO: Once<FifoOpen> = Once::new();

/// Installs the hooks of the process layer; the first call counts.
pub fn set_process_hooks(hooks: &'static dyn ProcessHooks) {
    PROCESS.call_once(|| hooks);
}

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

/// The largest length of a file.
pub const MAX_FILE_SIZE: u64 = i64::MAX as u64;

/// How many of `len` bytes may be written at `offset`: fewer at the process's
/// limit.
///
/// # Errors
/// `EFBIG` at or beyond the limit if there is anything to write; below the largest length
/// of all the process gets SIGXFSZ too.
#[inline]
pub fn write_room(offset: u64, len: usize) -> Result<usize> {
    let limit = PROCESS.get().map_or(MAX_FILE_SIZE, |hooks| hooks.file_size_limit());
    let limit = limit.min(MAX_FILE_SIZE);
    let room = limit.saturating_sub(offset);
    if room == 0 && len > 0 {
        exceeded(offset);
        return err!(EFBIG, "file size limit");
    }
    Ok(len.min(usize::try_from(room).unwrap_or(usize::MAX)))
}

/// Whether the current process may give a file this length.
///
/// # Errors
/// `EFBIG` beyond its limit; it gets SIGXFSZ too.
pub fn check_length(size: u64) -> Result<()> {
    let limit = PROCESS.get().map_or(MAX_FILE_SIZE, |hooks| hooks.file_size_limit());
    if size > limit {
        exceeded(0);
        return err!(EFBIG, "file size limit");
    }
    Ok(())
}

fn exceeded(offset: u64) {
    if offset < MAX_FILE_SIZE
        && let Some(hooks) = PROCESS.get()
    {
        hooks.file_size_exceeded();
    }
}

pub(crate) fn open_fifo(opening: &Opening<'_>) -> Result<Arc<dyn FileOps>> {
    match FIFO.get() {
        Some(open) => open(opening),
        None => err!(ENXIO, "no FIFOs in this kernel"),
    }
}
