// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory of the whole machine: /proc/meminfo, vmstat and swaps.

use abi::Result;
use framework::mm::{PAGE_SIZE, kernel_usage, stats};
use framework::sync::Once;
use pseudofs::{Text, put};

static RESIDENT: Once<fn() -> usize> = Once::new();

/// Installs what tells how many bytes all processes have in memory; the first call counts.
pub fn set_resident_hook(hook: fn() -> usize) {
    RESIDENT.call_once(|| hook);
}

/// /proc/meminfo.
pub(super) fn show(out: &mut Text) -> Result<()> {
    let stats = stats();
    let kernel = kernel_usage();
    let kib = |pages: usize| (pages * PAGE_SIZE / 1024) as u64;
    let used = kib(stats.total_pages.saturating_sub(stats.free_pages));
    let resident = RESIDENT.get().map_or(0, |resident| resident()) as u64 / 1024;
    let anonymous = resident.min(used);
    let info = MemInfo {
        total: kib(stats.total_pages),
        free: kib(stats.free_pages),
        available: kib(stats.free_pages.saturating_sub(stats.reserved_pages)),
        anonymous,
        mapped: anonymous,
        slab: kib(kernel.heap_pages),
        kernel_stack: kib(kernel.stack_pages),
        page_tables: kib(kernel.table_pages),
        commit_limit: kib(stats.total_pages) / 2,
        committed: anonymous,
        ..MemInfo::default()
    };
    meminfo(out, &info);
    Ok(())
}

/// /proc/swaps: there are none.
pub(super) fn swaps(out: &mut Text) -> Result<()> {
    put!(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

/// /proc/vmstat.
pub(super) fn vmstat(out: &mut Text) -> Result<()> {
    put!(out, "nr_free_pages {}\npswpin 0\npswpout 0\n", stats().free_pages);
    Ok(())
}

/// The figures that are not always zero, in KiB.
#[derive(Default)]
struct MemInfo {
    total: u64,
    free: u64,
    available: u64,
    cached: u64,
    anonymous: u64,
    mapped: u64,
    shared: u64,
    slab: u64,
    kernel_stack: u64,
    page_tables: u64,
    commit_limit: u64,
    committed: u64,
}

/// Where the numbers may begin, and where they end.
const LABEL_COLUMNS: usize = 16;
const COLUMNS: usize = 24;

/// The whole file.
fn meminfo(out: &mut Text, m: &MemInfo) {
    let lines = [
        ("MemTotal", m.total),
        ("MemFree", m.free),
        ("MemAvailable", m.available),
        ("Buffers", 0),
        ("Cached", m.cached),
        ("SwapCached", 0),
        ("Active", m.anonymous + m.cached),
        ("Inactive", 0),
        ("Active(anon)", m.anonymous + m.cached),
        ("Inactive(anon)", 0),
        ("Active(file)", 0),
        ("Inactive(file)", 0),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", m.anonymous),
        ("Mapped", m.mapped),
        ("Shmem", m.shared),
        ("KReclaimable", 0),
        ("Slab", m.slab),
        ("SReclaimable", 0),
        ("SUnreclaim", m.slab),
        ("KernelStack", m.kernel_stack),
        ("PageTables", m.page_tables),
        ("SecPageTables", 0),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", m.commit_limit),
        ("Committed_AS", m.committed),
        ("VmallocTotal", 34_359_738_367),
        ("VmallocUsed", 0),
        ("VmallocChunk", 0),
        ("Percpu", 0),
        ("HardwareCorrupted", 0),
    ];
    for (label, kib) in lines {
        let padding = LABEL_COLUMNS.saturating_sub(label.len() + 1);
        let width = COLUMNS - (label.len() + 1).clamp(LABEL_COLUMNS, COLUMNS);
        put!(out, "{label}:{:padding$}{kib:width$} kB\n", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_as_on_linux() {
        let mut out = Text::default();
        meminfo(&mut out, &MemInfo { total: 475_020, free: 446_756, ..MemInfo::default() });
        let text = out.as_str();
        assert!(text.starts_with("MemTotal:         475020 kB\nMemFree:          446756 kB\n"));
        assert!(text.contains("\nActive(anon):          0 kB\n"));
        assert!(text.contains("\nVmallocTotal:   34359738367 kB\n"));
        assert!(text.contains("\nHardwareCorrupted:     0 kB\n"));
    }
}
