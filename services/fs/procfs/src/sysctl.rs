// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/sys: kernel parameters.
//!
//! Most are facts or constants. A [`Tunable`] keeps what is written, so that
//! programs read back what they set, though nothing else looks at it yet.

use core::sync::atomic::{AtomicI64, Ordering};

use abi::{Result, err};
use framework::random;
use framework::sync::Once;
use task::uts;

use crate::format::system::uuid;
use crate::process::parse_i64;
use crate::tree::{GlobalFile, Item, ReadFn, WriteFn};
use pseudofs::{Text, put};

/// A fact.
const fn fact(name: &'static str, read: ReadFn) -> Item {
    item(name, 0o444, Some(read), None)
}

/// A value that root sets.
const fn setting(name: &'static str, read: ReadFn, write: WriteFn) -> Item {
    item(name, 0o644, Some(read), Some(write))
}

const fn item(name: &'static str, perm: u32, read: Option<ReadFn>, write: Option<WriteFn>) -> Item {
    Item::File(GlobalFile { name, perm, read, write, is_strict: true })
}

/// A number that is kept, and its bounds.
struct Tunable {
    value: AtomicI64,
    least: i64,
    most: i64,
}

impl Tunable {
    const fn new(value: i64, least: i64, most: i64) -> Self {
        Self { value: AtomicI64::new(value), least, most }
    }

    fn read(&self, out: &mut Text) -> Result<()> {
        put!(out, "{}\n", self.value.load(Ordering::Relaxed));
        Ok(())
    }

    fn write(&self, data: &[u8]) -> Result<()> {
        let value = parse_i64(data)?;
        if !(self.least..=self.most).contains(&value) {
            return err!(EINVAL, "out of range");
        }
        self.value.store(value, Ordering::Relaxed);
        Ok(())
    }
}

/// `tunable!("name", value, least..=most)`: an item with a number of its own.
macro_rules! tunable {
    ($name:literal, $value:literal, $least:literal..=$most:expr) => {{
        static VALUE: Tunable = Tunable::new($value, $least, $most);
        setting($name, |out| VALUE.read(out), |data| VALUE.write(data))
    }};
}

/// `constant!("name", "text")`: an item whose text never changes.
macro_rules! constant {
    ($name:literal, $text:literal) => {
        fact($name, |out| {
            out.push(concat!($text, "\n").as_bytes());
            Ok(())
        })
    };
}

/// The directories of /proc/sys.
pub(crate) static ITEMS: &[Item] =
    &[Item::Directory("fs", FS), Item::Directory("kernel", KERNEL), Item::Directory("vm", VM)];

static FS: &[Item] = &[
    constant!("file-max", "9223372036854775807"),
    constant!("file-nr", "0\t0\t9223372036854775807"),
    constant!("nr_open", "1048576"),
    constant!("overflowgid", "65534"),
    constant!("overflowuid", "65534"),
    constant!("pipe-max-size", "1048576"),
    constant!("protected_hardlinks", "0"),
    constant!("protected_symlinks", "0"),
    constant!("suid_dumpable", "0"),
];

static KERNEL: &[Item] = &[
    constant!("arch", "x86_64"),
    constant!("cap_last_cap", "40"),
    constant!("core_pattern", "core"),
    setting(
        "domainname",
        |out| name(out, &uts::domainname()),
        |data| uts::set_domainname(first_line(data)),
    ),
    setting(
        "hostname",
        |out| name(out, &uts::hostname()),
        |data| uts::set_hostname(first_line(data)),
    ),
    tunable!("kptr_restrict", 0, 0..=2),
    constant!("ngroups_max", "65536"),
    fact("osrelease", |out| name(out, uts::RELEASE.as_bytes())),
    fact("ostype", |out| name(out, uts::SYSNAME.as_bytes())),
    constant!("overflowgid", "65534"),
    constant!("overflowuid", "65534"),
    tunable!("panic", 0, -1..=i32::MAX as i64),
    tunable!("panic_on_oops", 0, 0..=1),
    fact("pid_max", |out| {
        put!(out, "{}\n", task::PID_MAX);
        Ok(())
    }),
    constant!("printk", "4\t4\t1\t7"),
    Item::Directory("random", RANDOM),
    constant!("randomize_va_space", "2"),
    constant!("sched_rr_timeslice_ms", "100"),
    constant!("tainted", "0"),
    fact("threads-max", |out| {
        put!(out, "{}\n", task::max_threads());
        Ok(())
    }),
    fact("version", |out| name(out, uts::VERSION.as_bytes())),
];

static RANDOM: &[Item] = &[
    fact("boot_id", |out| {
        static ID: Once<[u8; 16]> = Once::new();
        uuid(out, *ID.call_once(random_id));
        Ok(())
    }),
    constant!("entropy_avail", "256"),
    constant!("poolsize", "256"),
    tunable!("urandom_min_reseed_secs", 60, 0..=i32::MAX as i64),
    fact("uuid", |out| {
        uuid(out, random_id());
        Ok(())
    }),
    tunable!("write_wakeup_threshold", 256, 0..=256),
];

static VM: &[Item] = &[
    tunable!("dirty_background_ratio", 10, 0..=100),
    tunable!("dirty_ratio", 20, 0..=100),
    item("drop_caches", 0o200, None, Some(|data| parse_i64(data).map(|_| ()))),
    fact("max_map_count", |out| {
        put!(out, "{}\n", mm::MAX_AREAS);
        Ok(())
    }),
    fact("mmap_min_addr", |out| {
        put!(out, "{}\n", mm::MMAP_MIN_ADDR);
        Ok(())
    }),
    tunable!("overcommit_memory", 0, 0..=2),
    tunable!("overcommit_ratio", 50, 0..=i32::MAX as i64),
    constant!("panic_on_oom", "0"),
    tunable!("swappiness", 60, 0..=200),
    tunable!("vfs_cache_pressure", 100, 0..=i32::MAX as i64),
];

fn name(out: &mut Text, name: &[u8]) -> Result<()> {
    out.push(name);
    out.push(b"\n");
    Ok(())
}

fn first_line(data: &[u8]) -> &[u8] {
    data.split(|byte| matches!(byte, b'\n' | 0)).next().unwrap_or_default()
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    random::fill(&mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunables_keep_what_is_in_range() {
        let tunable = Tunable::new(60, 0, 200);
        tunable.write(b"100\n").unwrap();
        assert!(tunable.write(b"201").is_err());
        assert!(tunable.write(b"x").is_err());
        let mut out = Text::default();
        tunable.read(&mut out).unwrap();
        assert_eq!(out.as_str(), "100\n");
    }

    #[test]
    fn names_end_at_the_line() {
        assert_eq!(first_line(b"host\nrest"), b"host");
        assert_eq!(first_line(b"host"), b"host");
    }
}
