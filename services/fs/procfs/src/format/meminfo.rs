// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/meminfo.

use pseudofs::{Text, put};

/// The figures that are not always zero, in KiB.
#[derive(Default)]
pub(crate) struct MemInfo {
    pub(crate) total: u64,
    pub(crate) free: u64,
    pub(crate) available: u64,
    pub(crate) cached: u64,
    pub(crate) anonymous: u64,
    pub(crate) mapped: u64,
    pub(crate) shared: u64,
    pub(crate) slab: u64,
    pub(crate) kernel_stack: u64,
    pub(crate) page_tables: u64,
    pub(crate) commit_limit: u64,
    pub(crate) committed: u64,
}

/// Where the numbers may begin, and where they end.
const LABEL_COLUMNS: usize = 16;
const COLUMNS: usize = 24;

/// The whole file.
pub(crate) fn meminfo(out: &mut Text, m: &MemInfo) {
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
