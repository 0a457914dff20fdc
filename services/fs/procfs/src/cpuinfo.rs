// SPDX-License-Identifier: Apache-2.0 OR MIT
//! /proc/cpuinfo.
//!
//! Trust: names and feature bits come from CPUID, which the host may emulate;
//! they are shown to programs, nothing depends on them.

use framework::cpu::CpuInfo;

use crate::cpu_flags;
use pseudofs::{Text, put};

/// The section of one CPU, with the blank line behind it.
pub(crate) fn processor(out: &mut Text, info: &CpuInfo, number: usize, count: usize, khz: u64) {
    put!(out, "processor\t: {number}\nvendor_id\t: ");
    push_printable(out, &info.vendor);
    put!(out, "\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: ", info.family, info.model);
    push_printable(out, &info.brand);
    put!(out, "\nstepping\t: ");
    if info.stepping == 0 {
        put!(out, "unknown\n");
    } else {
        put!(out, "{}\n", info.stepping);
    }
    put!(out, "cpu MHz\t\t: {}.{:03}\n", khz / 1000, khz % 1000);
    if info.cache_kib > 0 {
        put!(out, "cache size\t: {} KB\n", info.cache_kib);
    }
    put!(out, "physical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {number}\n");
    put!(out, "cpu cores\t: {count}\napicid\t\t: {number}\ninitial apicid\t: {number}\n");
    put!(out, "fpu\t\t: yes\nfpu_exception\t: yes\n");
    put!(out, "cpuid level\t: {}\nwp\t\t: yes\nflags\t\t:", info.max_leaf);
    for name in cpu_flags::names(info) {
        put!(out, " {name}");
    }
    // Two counts of the TSC for each turn of Linux's delay loop.
    let bogomips = khz * 2;
    put!(out, "\nbugs\t\t:\nbogomips\t: {}.{:02}\n", bogomips / 1000, bogomips % 1000 / 10);
    put!(out, "clflush size\t: {0}\ncache_alignment\t: {0}\n", info.clflush_size);
    let (physical, linear) = info.address_bits;
    put!(out, "address sizes\t: {physical} bits physical, {linear} bits virtual\n");
    put!(out, "power management:\n\n");
}

/// A name out of CPUID: up to the first NUL, spaces trimmed, nothing unprintable.
fn push_printable(out: &mut Text, name: &[u8]) {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    for byte in name {
        let is_printable = byte.is_ascii_graphic() || *byte == b' ';
        out.push(&[if is_printable { *byte } else { b'?' }]);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A CPU that says nothing.
    pub(crate) fn blank() -> CpuInfo {
        CpuInfo {
            vendor: [0; 12],
            family: 0,
            model: 0,
            stepping: 0,
            brand: [0; 48],
            max_leaf: 0,
            leaf1: (0, 0),
            leaf7: (0, 0, 0),
            leaf_ext1: (0, 0),
            guest_flags: &[],
            address_bits: (0, 0),
            clflush_size: 0,
            cache_kib: 0,
        }
    }

    #[test]
    fn fields_as_on_linux() {
        let mut brand = [0; 48];
        brand.iter_mut().zip(b" QEMU TCG CPU version 2.5+ ").for_each(|(to, from)| *to = *from);
        let info = CpuInfo {
            vendor: *b"AuthenticAMD",
            family: 15,
            model: 107,
            stepping: 1,
            brand,
            max_leaf: 13,
            leaf1: (1, 1 | 1 << 25),
            address_bits: (40, 57),
            clflush_size: 64,
            cache_kib: 512,
            ..blank()
        };
        let mut out = Text::default();
        processor(&mut out, &info, 0, 1, 2_596_146);
        assert_eq!(
            out.as_str(),
            "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 15\nmodel\t\t: 107\n\
             model name\t: QEMU TCG CPU version 2.5+\nstepping\t: 1\ncpu MHz\t\t: 2596.146\n\
             cache size\t: 512 KB\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\n\
             cpu cores\t: 1\napicid\t\t: 0\ninitial apicid\t: 0\nfpu\t\t: yes\n\
             fpu_exception\t: yes\ncpuid level\t: 13\nwp\t\t: yes\nflags\t\t: fpu sse pni\n\
             bugs\t\t:\nbogomips\t: 5192.29\nclflush size\t: 64\ncache_alignment\t: 64\n\
             address sizes\t: 40 bits physical, 57 bits virtual\npower management:\n\n"
        );
    }

    #[test]
    fn a_host_cannot_print_control_bytes() {
        let mut out = Text::default();
        push_printable(&mut out, b"ev\nil\x1b[2J");
        assert_eq!(out.as_str(), "ev?il?[2J");
    }
}
