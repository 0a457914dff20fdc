// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameters of pipes in /proc/sys.

use procfs::{Entry, live};

use crate::end::{max_size, set_max_size};

static FILES: &[Entry] =
    &[live!("sys/fs/pipe-max-size", || max_size() as i128, set_max_size, 0..=u64::MAX)];

/// Registers the files.
pub(crate) fn init() {
    procfs::register(FILES);
}
