// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The current process: how long it may make a file, who is charged for it, and whether it keeps set-id bits.

use alloc::sync::Arc;

use abi::{Result, err};
use framework::sync::Once;

use crate::Account;

/// Questions about the current process; installed by `task`.
pub trait ProcessHooks: Send + Sync {
    /// The limit RLIMIT_FSIZE of the current process, in bytes.
    fn file_size_limit(&self) -> u64;
    /// The current process ran into that limit: raise SIGXFSZ.
    fn file_size_exceeded(&self);
    /// The account of the current process; `None` for the kernel itself.
    fn account(&self) -> Option<Arc<Account>>;
    /// The current process has written a part of what it wanted to where nobody reads any
    /// more: raise SIGPIPE.
    fn pipe_broken(&self);
    /// Whether the current thread has CAP_FSETID: what it writes keeps its set-id bits.
    fn keeps_setid(&self) -> bool;
}

static PROCESS: Once<&'static dyn ProcessHooks> = Once::new();

/// The largest length of a file.
pub const MAX_FILE_SIZE: u64 = i64::MAX as u64;

/// Installs the hooks of the process layer; the first call counts.
pub fn set_process_hooks(hooks: &'static dyn ProcessHooks) {
    PROCESS.call_once(|| hooks);
}

/// The account of the current process, or one that nobody reads.
pub fn current_account() -> Arc<Account> {
    PROCESS.get().and_then(|hooks| hooks.account()).unwrap_or_default()
}

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

/// Whether the current thread's writes keep set-id bits.
pub(crate) fn keeps_setid() -> bool {
    PROCESS.get().is_none_or(|hooks| hooks.keeps_setid())
}

/// Tells the process layer that a write was cut short as the last reader left. A write that
/// fails as a whole says so by `EPIPE`.
pub fn pipe_broken() {
    if let Some(hooks) = PROCESS.get() {
        hooks.pipe_broken();
    }
}

fn exceeded(offset: u64) {
    if offset < MAX_FILE_SIZE
        && let Some(hooks) = PROCESS.get()
    {
        hooks.file_size_exceeded();
    }
}
