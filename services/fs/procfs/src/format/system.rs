// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The small files of the whole system: uptime, loadavg, stat, interrupts.

use pseudofs::{Text, put};

/// Nanoseconds in a hundredth of a second.
pub(crate) const CENTISECOND_NS: u64 = 10_000_000;

/// /proc/uptime: time since boot, and idle time of all CPUs.
pub(crate) fn uptime(out: &mut Text, up_ns: u64, idle_ns: u64) {
    let [up, idle] = [up_ns, idle_ns].map(|ns| ns / CENTISECOND_NS);
    put!(out, "{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100);
}

/// A CPU's share in /proc/stat, in nanoseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct CpuTime {
    pub(crate) user: u64,
    pub(crate) system: u64,
    pub(crate) idle: u64,
}

/// The counters of /proc/stat.
#[derive(Default)]
pub(crate) struct SystemStat<'a> {
    pub(crate) cpus: &'a [CpuTime],
    pub(crate) interrupts: u64,
    pub(crate) switches: u64,
    /// Seconds since 1970 at boot.
    pub(crate) boot_time: u64,
    pub(crate) forks: u64,
    pub(crate) running: usize,
}

/// /proc/stat.
pub(crate) fn stat(out: &mut Text, s: &SystemStat<'_>) {
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
    let [user, system, idle] = [cpu.user, cpu.system, cpu.idle].map(|ns| ns / CENTISECOND_NS);
    put!(out, " {user} 0 {system} {idle} 0 0 0 0 0 0\n");
}

/// /proc/interrupts: interrupts taken, by CPU.
pub(crate) fn interrupts(out: &mut Text, per_cpu: &[u64]) {
    put!(out, "           ");
    for number in 0..per_cpu.len() {
        put!(out, "CPU{number:<8}");
    }
    put!(out, "\nLOC: ");
    for count in per_cpu {
        put!(out, "{count:10} ");
    }
    put!(out, "  Local timer interrupts\n");
}

/// A random UUID of version 4 with a newline, made of 16 random bytes.
pub(crate) fn uuid(out: &mut Text, random: [u8; 16]) {
    let mut bits = u128::from_be_bytes(random);
    bits = (bits & !(0xf << 76)) | (4 << 76);
    bits = (bits & !(3 << 62)) | (2 << 62);
    let [a, b, c, d, e] = [96, 80, 64, 48, 0].map(|shift| bits >> shift);
    let (b, c, d) = (b & 0xffff, c & 0xffff, d & 0xffff);
    put!(out, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{:012x}\n", e & 0xffff_ffff_ffff);
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
    fn uptime_has_hundredths() {
        assert_eq!(text(|out| uptime(out, 3_969_999_999, 190_000_000)), "3.96 0.19\n");
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
    fn interrupts_in_columns() {
        assert_eq!(
            text(|out| interrupts(out, &[722])),
            "           CPU0       \nLOC:        722   Local timer interrupts\n"
        );
    }

    #[test]
    fn uuids_say_version_4() {
        assert_eq!(text(|out| uuid(out, [0xff; 16])), "ffffffff-ffff-4fff-bfff-ffffffffffff\n");
        assert_eq!(text(|out| uuid(out, [0; 16])), "00000000-0000-4000-8000-000000000000\n");
    }
}
