// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files about the whole system.

use alloc::vec::Vec;

use abi::Result;
use framework::{cmdline, cpu, mm, power, time};
use task::{table, uts};

use crate::format;
use crate::format::meminfo::MemInfo;
use crate::format::system::{CpuTime, SystemStat};
use crate::process;
use crate::sysctl;
use crate::tree::{GlobalFile, Item};
use pseudofs::{Text, put};

/// The compiler, for /proc/version.
const BUILT_BY: &str = "(nacre) (rustc 1.95.0)";

const fn file(name: &'static str, read: fn(&mut Text) -> Result<()>) -> Item {
    Item::File(GlobalFile::readable(name, read))
}

/// The fixed entries of /proc.
pub(crate) static ITEMS: &[Item] = &[
    file("cmdline", command_line),
    file("cpuinfo", cpuinfo),
    file("devices", devices),
    file("diskstats", nothing),
    file("filesystems", filesystems),
    file("interrupts", interrupts),
    file("loadavg", loadavg),
    file("locks", nothing),
    file("meminfo", meminfo),
    file("modules", nothing),
    file("partitions", partitions),
    file("stat", stat),
    file("swaps", swaps),
    Item::Directory("sys", sysctl::ITEMS),
    Item::File(GlobalFile {
        name: "sysrq-trigger",
        perm: 0o200,
        read: None,
        write: Some(sysrq),
        is_strict: false,
    }),
    file("uptime", uptime),
    file("version", version),
    file("vmstat", vmstat),
];

fn nothing(_out: &mut Text) -> Result<()> {
    Ok(())
}

fn command_line(out: &mut Text) -> Result<()> {
    put!(out, "{}\n", cmdline::get().text);
    Ok(())
}

fn cpuinfo(out: &mut Text) -> Result<()> {
    let count = cpu::count();
    for number in 0..count {
        format::cpuinfo::processor(out, cpu::info(), number, count, time::tsc_khz());
    }
    Ok(())
}

fn devices(out: &mut Text) -> Result<()> {
    put!(out, "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n");
    put!(out, "\nBlock devices:\n");
    if !block::list().is_empty() {
        put!(out, "254 virtblk\n");
    }
    Ok(())
}

fn partitions(out: &mut Text) -> Result<()> {
    let volumes = block::list();
    if !volumes.is_empty() {
        put!(out, "major minor  #blocks  name\n\n");
    }
    for volume in volumes {
        let block::Info { dev, kilobytes, name } = volume;
        put!(out, "{:4}  {:7} {kilobytes:10} {name}\n", dev.major, dev.minor);
    }
    Ok(())
}

fn filesystems(out: &mut Text) -> Result<()> {
    for fs in vfs::fs_types() {
        put!(out, "nodev\t{}\n", fs.name);
    }
    Ok(())
}

fn interrupts(out: &mut Text) -> Result<()> {
    let counts: Vec<u64> = cpu::all().map(|cpu| cpu::times(cpu).interrupts).collect();
    format::system::interrupts(out, &counts);
    Ok(())
}

fn loadavg(out: &mut Text) -> Result<()> {
    for load in sched::load_average() {
        put!(out, "{load} ");
    }
    let threads: usize = process::all().map(|process| process.thread_count()).sum();
    put!(out, "{}/{threads} {}\n", sched::running(), table::last_pid());
    Ok(())
}

fn meminfo(out: &mut Text) -> Result<()> {
    let stats = mm::stats();
    let kernel = mm::kernel_usage();
    let kib = |pages: usize| (pages * mm::PAGE_SIZE / 1024) as u64;
    let used = kib(stats.total_pages.saturating_sub(stats.free_pages));
    let mut anonymous = 0;
    for process in process::all() {
        anonymous += process.mm().map_or(0, |mm| mm.usage().resident as u64 / 1024);
    }
    let anonymous = anonymous.min(used);
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
    format::meminfo::meminfo(out, &info);
    Ok(())
}

fn cpu_times() -> Vec<CpuTime> {
    let times = cpu::all().map(cpu::times);
    times.map(|t| CpuTime { user: t.user_ns, system: t.kernel_ns, idle: t.idle_ns }).collect()
}

fn stat(out: &mut Text) -> Result<()> {
    let sum = |of: fn(cpu::CpuTimes) -> u64| cpu::all().map(|cpu| of(cpu::times(cpu))).sum();
    let boot_ns = time::realtime_ns().saturating_sub(time::monotonic_ns());
    let stat = SystemStat {
        cpus: &cpu_times(),
        interrupts: sum(|times| times.interrupts),
        switches: sum(|times| times.switches),
        boot_time: boot_ns / 1_000_000_000,
        forks: table::last_pid().unsigned_abs().into(),
        running: sched::running(),
    };
    format::system::stat(out, &stat);
    Ok(())
}

fn swaps(out: &mut Text) -> Result<()> {
    put!(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

/// The letters that end the machine; the others do nothing here.
fn sysrq(data: &[u8]) -> Result<()> {
    match data.first() {
        Some(b'b') => power::restart(),
        Some(b'o') => power::off(0),
        _ => Ok(()),
    }
}

fn uptime(out: &mut Text) -> Result<()> {
    let idle = cpu_times().iter().map(|cpu| cpu.idle).sum();
    format::system::uptime(out, time::monotonic_ns(), idle);
    Ok(())
}

fn version(out: &mut Text) -> Result<()> {
    put!(out, "{} version {} {BUILT_BY} {}\n", uts::SYSNAME, uts::RELEASE, uts::VERSION);
    Ok(())
}

fn vmstat(out: &mut Text) -> Result<()> {
    put!(out, "nr_free_pages {}\npswpin 0\npswpout 0\n", mm::stats().free_pages);
    Ok(())
}
