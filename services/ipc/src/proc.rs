// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameters of pipes in /proc/sys.

use procfs::{Entry, constant};

static FILES: &[Entry] = &[constant!("sys/fs/pipe-max-size", "1048576")];

/// Registers the files.
pub(crate) fn init() {
    procfs::register(FILES);
}
