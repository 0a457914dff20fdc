// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Files about what lies below every service: the machine, the framework, the vfs.

use framework::sync::Once;
use framework::{cpu, power, random, time};
use pseudofs::{Text, parse_prefix, put};

use abi::Result;
use abi::capability::Caps;

use crate::{Entry, Numbers, Parameter, constant, cpuinfo, devices, kept, live};

static FILES: &[Entry] = &[
    Entry::file("cmdline", cmdline),
    Entry::file("cpuinfo", cpuinfo),
    Entry::file("devices", devices::show),
    Entry::file("filesystems", filesystems),
    Entry::file("interrupts", interrupts),
    Entry::file("locks", |_| Ok(())),
    Entry::file("modules", |_| Ok(())),
    Entry::trigger("sysrq-trigger", sysrq),
    constant!("sys/fs/file-nr", "0\t0\t9223372036854775807"),
    live!(
        "sys/fs/mount-max",
        || vfs::mount_max() as i128,
        |value| vfs::set_mount_max(value as usize),
        1..=i32::MAX
    ),
    live!(
        "sys/fs/nr_open",
        || vfs::nr_open() as i128,
        |value| vfs::set_nr_open(value as usize),
        64..=LARGEST_TABLE
    ),
    live!(
        "sys/fs/protected_fifos",
        || i128::from(vfs::protection::FIFOS.level()),
        |level| vfs::protection::FIFOS.set_level(level as u8),
        0..=2
    ),
    live!(
        "sys/fs/protected_hardlinks",
        || i128::from(vfs::protection::HARD_LINKS.level()),
        |level| vfs::protection::HARD_LINKS.set_level(level as u8),
        0..=1
    ),
    live!(
        "sys/fs/protected_regular",
        || i128::from(vfs::protection::REGULAR.level()),
        |level| vfs::protection::REGULAR.set_level(level as u8),
        0..=2
    ),
    live!(
        "sys/fs/protected_symlinks",
        || i128::from(vfs::protection::SYMBOLIC_LINKS.level()),
        |level| vfs::protection::SYMBOLIC_LINKS.set_level(level as u8),
        0..=1
    ),
    constant!("sys/kernel/arch", "x86_64"),
    live!(
        "sys/kernel/dmesg_restrict",
        || i128::from(cred::dmesg_restrict()),
        |value| {
            cred::set_dmesg_restrict(value != 0);
            Ok(())
        },
        0..=1
    )
    .needing(Caps::SYS_ADMIN),
    Entry::parameter("sys/kernel/printk", &Printk),
    Entry::fact("sys/kernel/random/boot_id", boot_id),
    constant!("sys/kernel/random/entropy_avail", "256"),
    constant!("sys/kernel/random/poolsize", "256"),
    Entry::fact("sys/kernel/random/uuid", |out| {
        uuid(out, random_id());
        Ok(())
    }),
    constant!("sys/kernel/tainted", "0"),
];

/// The largest table of descriptors that can be asked for: whole words of its bit map.
const LARGEST_TABLE: i32 = i32::MAX & -64;

/// Levels of the log; the first is the console's, the others are kept.
struct Printk;

static LEVELS: Numbers<4> = Numbers::new([0, 4, 1, 7], i32::MIN as i128, i32::MAX as i128);

impl Parameter for Printk {
    fn show(&self, out: &mut Text) -> Result<()> {
        let mut kept = Text::default();
        LEVELS.show(&mut kept)?;
        let others = kept.as_str().split_once('\t').map_or("\n", |(_, others)| others);
        put!(out, "{}\t{others}", framework::log::console_level());
        Ok(())
    }

    fn store(&self, offset: u64, data: &[u8]) -> Result<usize> {
        let count = LEVELS.store(offset, data)?;
        if let Some((level, _)) = parse_prefix(data.trim_ascii_start()).filter(|_| offset == 0) {
            framework::log::set_console_level(level.clamp(1, 15) as u8);
        }
        Ok(count)
    }
}

/// Registers the files.
pub(crate) fn init() {
    crate::register(FILES);
    crate::register(kept::FILES);
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
