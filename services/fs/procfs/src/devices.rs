// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/devices: names of major numbers.
//!
//! Locks: `NAMES` is a leaf.

use alloc::vec::Vec;

use abi::Result;
use framework::sync::SpinLock;
use pseudofs::{Text, put};

/// Majors with their names: character devices, then block devices.
static NAMES: SpinLock<[Vec<(u32, &'static str)>; 2]> = SpinLock::new([Vec::new(), Vec::new()]);

/// Names a major number of character devices.
pub fn name_char(major: u32, name: &'static str) {
    let [chars, _] = &mut *NAMES.lock();
    add(chars, major, name);
}

/// Names a major number of block devices.
pub fn name_block(major: u32, name: &'static str) {
    let [_, blocks] = &mut *NAMES.lock();
    add(blocks, major, name);
}

/// Adds a line by rising number, behind those of the same.
fn add(names: &mut Vec<(u32, &'static str)>, major: u32, name: &'static str) {
    let at = names.partition_point(|(known, _)| *known <= major);
    names.insert(at, (major, name));
}

pub(crate) fn show(out: &mut Text) -> Result<()> {
    let [chars, blocks] = NAMES.lock().clone();
    put!(out, "Character devices:\n");
    for (major, name) in chars {
        put!(out, "{major:3} {name}\n");
    }
    put!(out, "\nBlock devices:\n");
    for (major, name) in blocks {
        put!(out, "{major:3} {name}\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_rising_number() {
        for (major, name) in [(5, "/dev/tty"), (4, "ttyS"), (5, "/dev/console"), (1, "mem")] {
            name_char(major, name);
        }
        name_block(254, "virtblk");
        let mut out = Text::default();
        show(&mut out).unwrap();
        assert_eq!(
            out.as_str(),
            "Character devices:\n  1 mem\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n\n\
             Block devices:\n254 virtblk\n"
        );
    }
}
