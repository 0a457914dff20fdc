// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/status.
//!
//! Spec: proc_pid_status(5).

use pseudofs::{Text, put};

/// What /proc/PID/status shows.
#[derive(Default)]
pub(crate) struct Status<'a> {
    pub(crate) name: &'a [u8],
    /// None for a zombie, which has no umask any more.
    pub(crate) umask: Option<u32>,
    pub(crate) state: char,
    pub(crate) pid: i32,
    pub(crate) tid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Real, effective, saved, file-system.
    pub(crate) uids: [u32; 4],
    pub(crate) gids: [u32; 4],
    pub(crate) fd_slots: usize,
    pub(crate) groups: &'a [u32],
    /// None for kernel threads and zombies.
    pub(crate) memory: Option<MemoryStatus>,
    pub(crate) threads: usize,
    pub(crate) queued_signals: (u64, u64),
    /// Pending, shared pending, blocked, ignored, caught.
    pub(crate) signals: [u64; 5],
    /// Inheritable, permitted, effective, bounding, ambient.
    pub(crate) caps: [u64; 5],
    pub(crate) no_new_privs: bool,
    pub(crate) cpus: u64,
    /// How many bits of `cpus` can be set.
    pub(crate) cpu_count: usize,
    pub(crate) switches: (u64, u64),
}

/// Sizes in bytes.
#[derive(Default)]
pub(crate) struct MemoryStatus {
    pub(crate) peak: usize,
    pub(crate) size: usize,
    pub(crate) locked: usize,
    pub(crate) peak_resident: usize,
    pub(crate) resident: usize,
    pub(crate) resident_anonymous: usize,
    pub(crate) resident_file: usize,
    pub(crate) resident_shared: usize,
    pub(crate) data: usize,
    pub(crate) stack: usize,
    pub(crate) text: usize,
    pub(crate) library: usize,
    pub(crate) tables: usize,
}

/// Linux's words for the states of a task.
pub(crate) fn state_name(state: char) -> &'static str {
    match state {
        'R' => "running",
        'S' => "sleeping",
        'D' => "disk sleep",
        'T' => "stopped",
        't' => "tracing stop",
        'Z' => "zombie",
        'I' => "idle",
        _ => "dead",
    }
}

/// The whole file.
pub(crate) fn status(out: &mut Text, s: &Status<'_>) {
    put!(out, "Name:\t");
    push_name(out, s.name);
    if let Some(umask) = s.umask {
        put!(out, "\nUmask:\t{umask:04o}");
    }
    put!(out, "\nState:\t{} ({})\n", s.state, state_name(s.state));
    put!(out, "Tgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\n", s.pid, s.tid, s.parent);
    put!(out, "TracerPid:\t0\n");
    for (label, ids) in [("Uid", s.uids), ("Gid", s.gids)] {
        let [real, effective, saved, file] = ids;
        put!(out, "{label}:\t{real}\t{effective}\t{saved}\t{file}\n");
    }
    put!(out, "FDSize:\t{}\nGroups:\t", s.fd_slots);
    for (index, group) in s.groups.iter().enumerate() {
        put!(out, "{}{group}", if index == 0 { "" } else { " " });
    }
    put!(out, " \nNStgid:\t{}\nNSpid:\t{}\n", s.pid, s.tid);
    put!(out, "NSpgid:\t{}\nNSsid:\t{}\nKthread:\t0\n", s.group, s.session);
    if let Some(memory) = &s.memory {
        put_memory(out, memory);
    }
    put!(out, "Threads:\t{}\nSigQ:\t{}/{}\n", s.threads, s.queued_signals.0, s.queued_signals.1);
    let labels = ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"];
    put_sets(out, labels, s.signals);
    put_sets(out, ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"], s.caps);
    put!(out, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", u8::from(s.no_new_privs));
    put!(out, "Speculation_Store_Bypass:\tvulnerable\n");
    put!(out, "SpeculationIndirectBranch:\talways enabled\n");
    let digits = s.cpu_count.div_ceil(4);
    put!(out, "Cpus_allowed:\t{:0digits$x}\nCpus_allowed_list:\t", s.cpus);
    put_list(out, s.cpus);
    put!(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    put!(out, "voluntary_ctxt_switches:\t{}\n", s.switches.0);
    put!(out, "nonvoluntary_ctxt_switches:\t{}\n", s.switches.1);
}

/// The name with newlines and backslashes escaped, so that it stays one line.
fn push_name(out: &mut Text, name: &[u8]) {
    for byte in name {
        match byte {
            b'\n' => out.push(b"\\n"),
            b'\\' => out.push(b"\\\\"),
            other => out.push(&[*other]),
        }
    }
}

fn put_memory(out: &mut Text, m: &MemoryStatus) {
    let lines = [
        ("VmPeak", m.peak),
        ("VmSize", m.size),
        ("VmLck", m.locked),
        ("VmPin", 0),
        ("VmHWM", m.peak_resident),
        ("VmRSS", m.resident),
        ("RssAnon", m.resident_anonymous),
        ("RssFile", m.resident_file),
        ("RssShmem", m.resident_shared),
        ("VmData", m.data),
        ("VmStk", m.stack),
        ("VmExe", m.text),
        ("VmLib", m.library),
        ("VmPTE", m.tables),
        ("VmSwap", 0),
        ("HugetlbPages", 0),
    ];
    for (label, bytes) in lines {
        put!(out, "{label}:\t{:8} kB\n", bytes / 1024);
    }
    put!(out, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
}

fn put_sets(out: &mut Text, labels: [&str; 5], sets: [u64; 5]) {
    for (label, set) in labels.iter().zip(sets) {
        put!(out, "{label}:\t{set:016x}\n");
    }
}

/// A bit mask as a list of ranges: `0-2,5`.
pub(crate) fn put_list(out: &mut Text, mask: u64) {
    let is_set = |bit: u32| bit < 64 && mask >> bit & 1 != 0;
    let mut separator = "";
    let mut bit = 0;
    while bit < 64 {
        if !is_set(bit) {
            bit += 1;
            continue;
        }
        let first = bit;
        while is_set(bit) {
            bit += 1;
        }
        put!(out, "{separator}{first}");
        if bit - first > 1 {
            put!(out, "-{}", bit - 1);
        }
        separator = ",";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAT: &str = "\
Name:\tcat
Umask:\t0022
State:\tR (running)
Tgid:\t142
Ngid:\t0
Pid:\t142
PPid:\t135
TracerPid:\t0
Uid:\t0\t0\t0\t0
Gid:\t0\t0\t0\t0
FDSize:\t64
Groups:\t 
NStgid:\t142
NSpid:\t142
NSpgid:\t135
NSsid:\t135
Kthread:\t0
VmPeak:\t    2324 kB
VmSize:\t    2324 kB
VmLck:\t       0 kB
VmPin:\t       0 kB
VmHWM:\t    1464 kB
VmRSS:\t    1464 kB
RssAnon:\t      52 kB
RssFile:\t       4 kB
RssShmem:\t    1408 kB
VmData:\t     240 kB
VmStk:\t     132 kB
VmExe:\t    1552 kB
VmLib:\t       8 kB
VmPTE:\t      36 kB
VmSwap:\t       0 kB
HugetlbPages:\t       0 kB
CoreDumping:\t0
THP_enabled:\t0
untag_mask:\t0xffffffffffffffff
Threads:\t1
SigQ:\t0/1820
SigPnd:\t0000000000000000
ShdPnd:\t0000000000000000
SigBlk:\t0000000000000000
SigIgn:\t0000000000000000
SigCgt:\t0000000000000000
CapInh:\t0000000000000000
CapPrm:\t000001ffffffffff
CapEff:\t000001ffffffffff
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t0
Seccomp:\t0
Seccomp_filters:\t0
Speculation_Store_Bypass:\tvulnerable
SpeculationIndirectBranch:\talways enabled
Cpus_allowed:\t1
Cpus_allowed_list:\t0
Mems_allowed:\t1
Mems_allowed_list:\t0
voluntary_ctxt_switches:\t0
nonvoluntary_ctxt_switches:\t1
";

    fn cat() -> Status<'static> {
        let memory = MemoryStatus {
            peak: 2324 << 10,
            size: 2324 << 10,
            locked: 0,
            peak_resident: 1464 << 10,
            resident: 1464 << 10,
            resident_anonymous: 52 << 10,
            resident_file: 4 << 10,
            resident_shared: 1408 << 10,
            data: 240 << 10,
            stack: 132 << 10,
            text: 1552 << 10,
            library: 8 << 10,
            tables: 36 << 10,
        };
        let all = 0x1ff_ffff_ffff;
        Status {
            name: b"cat",
            umask: Some(0o22),
            state: 'R',
            pid: 142,
            tid: 142,
            parent: 135,
            group: 135,
            session: 135,
            fd_slots: 64,
            memory: Some(memory),
            threads: 1,
            queued_signals: (0, 1820),
            caps: [0, all, all, all, 0],
            cpus: 1,
            switches: (0, 1),
            ..Status::default()
        }
    }

    #[test]
    fn as_linux_prints_cat() {
        let mut out = Text::default();
        status(&mut out, &cat());
        for (got, want) in out.as_str().lines().zip(CAT.lines()) {
            assert_eq!(got, want);
        }
        assert_eq!(out.as_str(), CAT);
    }

    #[test]
    fn groups_and_odd_names() {
        let mut out = Text::default();
        status(&mut out, &Status { name: b"a\nb\\", groups: &[4, 24], memory: None, ..cat() });
        assert!(out.as_str().starts_with("Name:\ta\\nb\\\\\nUmask:\t0022\n"));
        assert!(out.as_str().contains("\nGroups:\t4 24 \n"));
        assert!(!out.as_str().contains("Vm"));
    }

    #[test]
    fn lists_of_cpus() {
        for (mask, want) in
            [(0, ""), (1, "0"), (3, "0-1"), (0b1011_0111, "0-2,4-5,7"), (u64::MAX, "0-63")]
        {
            let mut out = Text::default();
            put_list(&mut out, mask);
            assert_eq!(out.as_str(), want);
        }
    }
}
