// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of /proc and /sys about memory.

mod meminfo;
mod program;

use procfs::{Entry, constant, tunable};
use pseudofs::put;

pub use meminfo::set_resident_hook;

static FILES: &[Entry] = &[
    Entry::file("meminfo", meminfo::show),
    Entry::file("swaps", meminfo::swaps),
    Entry::file("vmstat", meminfo::vmstat),
    constant!("sys/kernel/randomize_va_space", "2"),
    tunable!("sys/vm/dirty_background_ratio", 10, 0..=100),
    tunable!("sys/vm/dirty_ratio", 20, 0..=100),
    Entry::command("sys/vm/drop_caches", |data| pseudofs::parse_i64(data).map(drop)),
    Entry::fact("sys/vm/max_map_count", |out| {
        put!(out, "{}\n", crate::MAX_AREAS);
        Ok(())
    }),
    Entry::fact("sys/vm/mmap_min_addr", |out| {
        put!(out, "{}\n", crate::MMAP_MIN_ADDR);
        Ok(())
    }),
    tunable!("sys/vm/overcommit_memory", 0, 0..=2),
    tunable!("sys/vm/overcommit_ratio", 50, 0..=i32::MAX as i64),
    constant!("sys/vm/panic_on_oom", "0"),
    tunable!("sys/vm/swappiness", 60, 0..=200),
    tunable!("sys/vm/vfs_cache_pressure", 100, 0..=i32::MAX as i64),
];

/// Registers the files. Called once at boot.
pub fn init() {
    procfs::register(FILES);
    let huge_pages = sysfs::readable("kernel/mm/transparent_hugepage/enabled", |out| {
        out.push(b"always madvise [never]\n");
        Ok(())
    });
    if let Err(error) = huge_pages {
        log::warn!("sysfs: huge pages: {error:?}");
    }
}
