// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The files of /proc and /sys about memory.

mod meminfo;
mod program;

use abi::capability::Caps;
use abi::err;
use procfs::{Entry, live, numbers};

use crate::Result;

pub use meminfo::set_resident_hook;

/// The most that `vm.mmap_min_addr` can be set to; what is below [`crate::MMAP_MIN_ADDR`]
/// has no effect, as on Debian's kernels.
const MAX_MIN_ADDR: u64 = u64::MAX;

static FILES: &[Entry] = &[
    Entry::file("meminfo", meminfo::show),
    Entry::file("swaps", meminfo::swaps),
    Entry::file("vmstat", meminfo::vmstat),
    live!(
        "sys/kernel/randomize_va_space",
        || i128::from(crate::layout::randomization()),
        |value| {
            crate::layout::set_randomization(value as i32);
            Ok(())
        },
        -0x8000_0000..=i32::MAX
    ),
    Entry::command("sys/vm/drop_caches", |data| one_of(data, 1..=4)),
    Entry::command("sys/vm/compact_memory", |data| one_of(data, 1..=1)),
    live!(
        "sys/vm/max_map_count",
        || crate::max_areas() as i128,
        |value| {
            crate::set_max_areas(value as usize);
            Ok(())
        },
        0..=i32::MAX
    ),
    numbers!("sys/vm/mmap_min_addr", [crate::MMAP_MIN_ADDR], 0..=MAX_MIN_ADDR)
        .needing(Caps::SYS_RAWIO),
    live!("sys/vm/nr_hugepages", || 0, |_| Ok(()), 0..=u64::MAX),
    live!("sys/vm/nr_overcommit_hugepages", || 0, |_| Ok(()), 0..=u64::MAX),
    numbers!("sys/vm/overcommit_kbytes", [0], 0..=u64::MAX),
    live!(
        "sys/vm/overcommit_memory",
        || i128::from(crate::commit::mode()),
        |value| {
            crate::commit::set_mode(value as u8);
            Ok(())
        },
        0..=2
    ),
    live!(
        "sys/vm/overcommit_ratio",
        || i128::from(crate::commit::ratio()),
        |value| {
            crate::commit::set_ratio(value as i32);
            Ok(())
        },
        -0x8000_0000..=i32::MAX
    ),
];

/// A write that asks for something that is always done here.
fn one_of(data: &[u8], known: core::ops::RangeInclusive<i64>) -> Result<()> {
    let is_known = known.contains(&pseudofs::parse_i64(data)?);
    if is_known { Ok(()) } else { err!(EINVAL, "out of range") }
}

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
