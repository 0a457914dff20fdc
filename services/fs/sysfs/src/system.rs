// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is there on every machine: CPUs, empty classes, kernel settings that libc reads.

use alloc::format;

use abi::Result;
use framework::cpu;
use pseudofs::{Text, put};

use crate::tree::{directory, readable};

/// Directories that programs expect, whatever is in them.
const DIRECTORIES: [&str; 15] = [
    "block",
    "bus",
    "class/block",
    "class/mem",
    "class/misc",
    "class/net",
    "class/tty",
    "dev/block",
    "dev/char",
    "devices/system/cpu",
    "devices/virtual",
    "firmware",
    "fs",
    "kernel/config",
    "module",
];

/// Fills the tree.
pub(crate) fn fill() {
    if let Err(error) = try_fill() {
        log::warn!("sysfs: {error:?}");
    }
}

fn try_fill() -> Result<()> {
    for path in DIRECTORIES {
        directory(path)?;
    }
    let count = cpu::count();
    for name in ["online", "possible", "present"] {
        readable(&format!("devices/system/cpu/{name}"), move |out| {
            list(out, count);
            Ok(())
        })?;
    }
    let fixed = |path: &str, text: &'static str| {
        readable(path, move |out| {
            out.push(text.as_bytes());
            Ok(())
        })
    };
    fixed("devices/system/cpu/offline", "\n")?;
    fixed("devices/system/cpu/isolated", "\n")?;
    readable("devices/system/cpu/kernel_max", |out| {
        put!(out, "{}\n", cpu::MAX_CPUS - 1);
        Ok(())
    })?;
    for number in 0..count {
        let folder = format!("devices/system/cpu/cpu{number}/topology");
        readable(&format!("{folder}/core_id"), move |out| {
            put!(out, "{number}\n");
            Ok(())
        })?;
        fixed(&format!("{folder}/physical_package_id"), "0\n")?;
    }
    fixed("kernel/fscaps", "1\n")?;
    Ok(())
}

/// A list of CPUs from 0, as `0-3`.
fn list(out: &mut Text, count: usize) {
    match count {
        0 | 1 => put!(out, "0\n"),
        _ => put!(out, "0-{}\n", count - 1),
    }
}
