// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/uptime.

use abi::Result;
use framework::{cpu, time};
use procfs::Entry;
use pseudofs::{Text, put};

static FILES: &[Entry] = &[Entry::file("uptime", show)];

/// Registers the files.
pub(crate) fn init() {
    procfs::register(FILES);
}

fn show(out: &mut Text) -> Result<()> {
    let idle = cpu::all().map(|cpu| cpu::times(cpu).idle_ns).sum();
    uptime(out, time::monotonic_ns(), idle);
    Ok(())
}

/// Time since boot, and idle time of all CPUs.
fn uptime(out: &mut Text, up_ns: u64, idle_ns: u64) {
    let [up, idle] = [up_ns, idle_ns].map(|ns| ns / 10_000_000);
    put!(out, "{}.{:02} {}.{:02}\n", up / 100, up % 100, idle / 100, idle % 100);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_has_hundredths() {
        let mut out = Text::default();
        uptime(&mut out, 3_969_999_999, 190_000_000);
        assert_eq!(out.as_str(), "3.96 0.19\n");
    }
}
