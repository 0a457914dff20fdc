// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameters of pipes in /proc/sys.

use core::sync::atomic::Ordering::Relaxed;

use procfs::{Entry, live};

use crate::account::{HARD_PAGES, SOFT_PAGES, set_limit};
use crate::end::{max_size, set_max_size};

static FILES: &[Entry] = &[
    live!("sys/fs/pipe-max-size", || max_size() as i128, set_max_size, 0..=u64::MAX),
    live!(
        "sys/fs/pipe-user-pages-hard",
        || HARD_PAGES.load(Relaxed) as i128,
        |pages| set_limit(&HARD_PAGES, pages),
        0..=u64::MAX
    ),
    live!(
        "sys/fs/pipe-user-pages-soft",
        || SOFT_PAGES.load(Relaxed) as i128,
        |pages| set_limit(&SOFT_PAGES, pages),
        0..=u64::MAX
    ),
];

/// Registers the files.
pub(crate) fn init() {
    procfs::register(FILES);
}
