// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/PID/limits.

use pseudofs::{Text, put};

/// Names and units, in the order of the resources' numbers.
const ROWS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

/// The whole file, from soft and hard limits by number.
pub(crate) fn limits(out: &mut Text, limits: impl Iterator<Item = (u64, u64)>) {
    put!(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for ((name, unit), (soft, hard)) in ROWS.iter().zip(limits) {
        put!(out, "{name:<25} ");
        put_limit(out, soft);
        put_limit(out, hard);
        if unit.is_empty() {
            put!(out, "\n");
        } else {
            put!(out, "{unit:<10}\n");
        }
    }
}

fn put_limit(out: &mut Text, limit: u64) {
    if limit == u64::MAX {
        put!(out, "{:<20} ", "unlimited");
    } else {
        put!(out, "{limit:<20} ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_as_on_linux() {
        let mut out = Text::default();
        let mut rows = [(u64::MAX, u64::MAX); 16];
        rows[3] = (8_388_608, u64::MAX);
        rows[13] = (0, 0);
        limits(&mut out, rows.into_iter());
        let lines: std::vec::Vec<_> = out.as_str().lines().collect();
        assert_eq!(
            lines[0],
            "Limit                     Soft Limit           Hard Limit           Units     "
        );
        assert_eq!(
            lines[1],
            "Max cpu time              unlimited            unlimited            seconds   "
        );
        assert_eq!(
            lines[4],
            "Max stack size            8388608              unlimited            bytes     "
        );
        assert_eq!(
            lines[14],
            "Max nice priority         0                    0                    "
        );
        assert_eq!(lines.len(), 17);
    }
}
