// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files of the whole system that count processes: loadavg, stat; names and limits.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::capability::Caps;
use abi::{Result, error};
use framework::{cpu, time};
use procfs::{Entry, constant, live};
use pseudofs::{Text, put};

use crate::{NS_PER_TICK, Namespaces, PidNamespace, access, ids, rlimit, uts, yama};

/// The compiler, for /proc/version.
const BUILT_BY: &str = "(nacre) (rustc 1.95.0)";

/// As many as futexes can name.
const MOST_THREADS: i32 = 0x3fff_ffff;

pub(super) static FILES: &[Entry] = &[
    Entry::file("loadavg", show_loadavg),
    Entry::file("stat", show_stat),
    Entry::file("version", show_version),
    live!(
        "sys/fs/suid_dumpable",
        || i128::from(access::suid_dumpable()),
        |value| {
            access::set_suid_dumpable(value as u8);
            Ok(())
        },
        0..=2
    ),
    constant!("sys/kernel/cap_last_cap", "40"),
    Entry::setting(
        "sys/kernel/domainname",
        |out| name(out, &namespaces()?.uts.domainname()),
        |data| namespaces()?.uts.set_domainname(first_line(data)),
    ),
    Entry::setting(
        "sys/kernel/hostname",
        |out| name(out, &namespaces()?.uts.hostname()),
        |data| namespaces()?.uts.set_hostname(first_line(data)),
    ),
    constant!("sys/kernel/ngroups_max", "65536"),
    Entry::fact("sys/kernel/osrelease", |out| name(out, uts::RELEASE.as_bytes())),
    Entry::fact("sys/kernel/ostype", |out| name(out, uts::SYSNAME.as_bytes())),
    live!(
        "sys/kernel/pid_max",
        || i128::from(ids::pid_max()),
        |value| {
            ids::set_pid_max(value as i32);
            Ok(())
        },
        301..=ids::PID_MAX_LIMIT
    ),
    live!(
        "sys/kernel/threads-max",
        || i128::from(rlimit::max_threads()),
        |value| {
            rlimit::set_max_threads(value as u64);
            Ok(())
        },
        1..=MOST_THREADS
    ),
    Entry::fact("sys/kernel/version", |out| name(out, uts::VERSION.as_bytes())),
    live!(
        "sys/kernel/yama/ptrace_scope",
        || i128::from(yama::scope()),
        |value| yama::set_scope(value as u8),
        0..=yama::SCOPE_NO_ATTACH
    )
    .needing(Caps::SYS_PTRACE),
];

/// The namespaces of who reads or writes.
fn namespaces() -> Result<Arc<Namespaces>> {
    let caller = crate::current().ok_or(error!(ESRCH, "not a process"))?;
    Ok(caller.namespaces().clone())
}

fn name(out: &mut Text, name: &[u8]) -> Result<()> {
    out.push(name);
    out.push(b"\n");
    Ok(())
}

fn first_line(data: &[u8]) -> &[u8] {
    data.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default()
}

/// Bytes that all processes have in memory; what two share counts twice.
pub(super) fn resident() -> usize {
    let all = PidNamespace::initial().processes();
    all.filter_map(|process| process.mm()).map(|mm| mm.usage().resident).sum()
}

fn show_loadavg(out: &mut Text) -> Result<()> {
    for load in sched::load_average() {
        put!(out, "{load} ");
    }
    let all = PidNamespace::initial().processes();
    let threads: usize = all.map(|process| process.thread_count()).sum();
    let reader = crate::current().ok_or(error!(ESRCH, "not a process"))?;
    let last = reader.pid_namespace().last_number();
    put!(out, "{}/{threads} {last}\n", sched::running());
    Ok(())
}

fn show_version(out: &mut Text) -> Result<()> {
    put!(out, "{} version {} {BUILT_BY} {}\n", uts::SYSNAME, uts::RELEASE, uts::VERSION);
    Ok(())
}

fn show_stat(out: &mut Text) -> Result<()> {
    let times: Vec<_> = cpu::all().map(cpu::times).collect();
    let cpus: Vec<_> = times
        .iter()
        .map(|t| CpuTime { user: t.user_ns, system: t.kernel_ns, idle: t.idle_ns })
        .collect();
    let boot_ns = time::realtime_ns().saturating_sub(time::monotonic_ns());
    let system = SystemStat {
        cpus: &cpus,
        interrupts: times.iter().map(|times| times.interrupts).sum(),
        switches: times.iter().map(|times| times.switches).sum(),
        boot_time: boot_ns / 1_000_000_000,
        forks: PidNamespace::initial().last_number().unsigned_abs().into(),
        running: sched::running(),
    };
    stat(out, &system);
    Ok(())
}

/// A CPU's share in /proc/stat, in nanoseconds.
#[derive(Clone, Copy, Default)]
struct CpuTime {
    user: u64,
    system: u64,
    idle: u64,
}

/// The counters of /proc/stat.
#[derive(Default)]
struct SystemStat<'a> {
    cpus: &'a [CpuTime],
    interrupts: u64,
    switches: u64,
    /// Seconds since 1970 at boot.
    boot_time: u64,
    forks: u64,
    running: usize,
}

/// /proc/stat.
fn stat(out: &mut Text, s: &SystemStat<'_>) {
    let mut total = CpuTime::default();
    for cpu in s.cpus {
        total.user += cpu.user;
        total.system += cpu.system;
        total.idle += cpu.idle;
    }
    put!(out, "cpu ");
    put_cpu(out, total);
    for (number, cpu) in s.cpus.iter().enumerate() {
        put!(out, "cpu{number}");
        put_cpu(out, *cpu);
    }
    put!(out, "intr {}\nctxt {}\nbtime {}\n", s.interrupts, s.switches, s.boot_time);
    put!(out, "processes {}\nprocs_running {}\nprocs_blocked 0\n", s.forks, s.running);
    put!(out, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

fn put_cpu(out: &mut Text, cpu: CpuTime) {
    let [user, system, idle] = [cpu.user, cpu.system, cpu.idle].map(|ns| ns / NS_PER_TICK);
    put!(out, " {user} 0 {system} {idle} 0 0 0 0 0 0\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fill: impl FnOnce(&mut Text)) -> std::string::String {
        let mut out = Text::default();
        fill(&mut out);
        out.as_str().into()
    }

    #[test]
    fn stat_sums_the_cpus() {
        let cpu = CpuTime { user: 100_000_000, system: 2_810_000_000, idle: 190_000_000 };
        let stat = text(|out| {
            stat(
                out,
                &SystemStat {
                    cpus: &[cpu, cpu],
                    interrupts: 5144,
                    switches: 1970,
                    boot_time: 1_795_297_663,
                    forks: 186,
                    running: 2,
                },
            );
        });
        assert_eq!(
            stat,
            "cpu  20 0 562 38 0 0 0 0 0 0\n\
             cpu0 10 0 281 19 0 0 0 0 0 0\n\
             cpu1 10 0 281 19 0 0 0 0 0 0\n\
             intr 5144\nctxt 1970\nbtime 1795297663\nprocesses 186\nprocs_running 2\n\
             procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n"
        );
    }

    #[test]
    fn names_end_at_the_line() {
        assert_eq!(first_line(b"host\nrest"), b"host");
        assert_eq!(first_line(b"host"), b"host");
    }
}
