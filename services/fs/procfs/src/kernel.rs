// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files about what lies below every service: the machine, the framework, the vfs.

use framework::sync::Once;
use framework::{cpu, power, random, time};
use pseudofs::{Text, put};

use abi::Result;

use crate::{Entry, constant, cpuinfo, devices, tunable};

static FILES: &[Entry] = &[
    Entry::file("cmdline", cmdline),
    Entry::file("cpuinfo", cpuinfo),
    Entry::file("devices", devices::show),
    Entry::file("filesystems", filesystems),
    Entry::file("interrupts", interrupts),
    Entry::file("locks", |_| Ok(())),
    Entry::file("modules", |_| Ok(())),
    Entry::trigger("sysrq-trigger", sysrq),
    constant!("sys/fs/file-max", "9223372036854775807"),
    constant!("sys/fs/file-nr", "0\t0\t9223372036854775807"),
    constant!("sys/fs/nr_open", "1048576"),
    constant!("sys/fs/overflowgid", "65534"),
    constant!("sys/fs/overflowuid", "65534"),
    constant!("sys/fs/protected_hardlinks", "0"),
    constant!("sys/fs/protected_symlinks", "0"),
    constant!("sys/kernel/arch", "x86_64"),
    tunable!("sys/kernel/kptr_restrict", 0, 0..=2),
    tunable!("sys/kernel/panic", 0, -1..=i32::MAX as i64),
    tunable!("sys/kernel/panic_on_oops", 0, 0..=1),
    constant!("sys/kernel/printk", "4\t4\t1\t7"),
    Entry::fact("sys/kernel/random/boot_id", boot_id),
    constant!("sys/kernel/random/entropy_avail", "256"),
    constant!("sys/kernel/random/poolsize", "256"),
    tunable!("sys/kernel/random/urandom_min_reseed_secs", 60, 0..=i32::MAX as i64),
    Entry::fact("sys/kernel/random/uuid", |out| {
        uuid(out, random_id());
        Ok(())
    }),
    tunable!("sys/kernel/random/write_wakeup_threshold", 256, 0..=256),
    constant!("sys/kernel/tainted", "0"),
];

/// Registers the files.
pub(crate) fn init() {
    crate::register(FILES);
    crate::fixed_link("mounts", "self/mounts");
}

fn cmdline(out: &mut Text) -> Result<()> {
    put!(out, "{}\n", framework::cmdline::get().text);
    Ok(())
}

fn cpuinfo(out: &mut Text) -> Result<()> {
    let count = cpu::count();
    for number in 0..count {
        cpuinfo::processor(out, cpu::info(), number, count, time::tsc_khz());
    }
    Ok(())
}

fn filesystems(out: &mut Text) -> Result<()> {
    for fs in vfs::fs_types() {
        put!(out, "nodev\t{}\n", fs.name);
    }
    Ok(())
}

/// Interrupts taken, by CPU.
fn interrupts(out: &mut Text) -> Result<()> {
    put!(out, "           ");
    for cpu in cpu::all() {
        put!(out, "CPU{:<8}", cpu.index());
    }
    put!(out, "\nLOC: ");
    for cpu in cpu::all() {
        put!(out, "{:10} ", cpu::times(cpu).interrupts);
    }
    put!(out, "  Local timer interrupts\n");
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

fn boot_id(out: &mut Text) -> Result<()> {
    static ID: Once<[u8; 16]> = Once::new();
    uuid(out, *ID.call_once(random_id));
    Ok(())
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    random::fill(&mut id);
    id
}

/// A random UUID of version 4 with a newline, made of 16 random bytes.
fn uuid(out: &mut Text, random: [u8; 16]) {
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

    #[test]
    fn interrupts_in_columns() {
        let mut out = Text::default();
        interrupts(&mut out).unwrap();
        let lines: std::vec::Vec<_> = out.as_str().lines().collect();
        assert!(lines[0].starts_with("           CPU0       "));
        assert!(lines[1].starts_with("LOC: ") && lines[1].ends_with("   Local timer interrupts"));
    }

    #[test]
    fn uuids_say_version_4() {
        for (random, want) in [
            ([0xff; 16], "ffffffff-ffff-4fff-bfff-ffffffffffff\n"),
            ([0; 16], "00000000-0000-4000-8000-000000000000\n"),
        ] {
            let mut out = Text::default();
            uuid(&mut out, random);
            assert_eq!(out.as_str(), want);
        }
    }
}
