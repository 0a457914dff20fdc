// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Names of CPU features, in Linux's order (by CPUID word, then bit).
//!
//! Spec: CPUID leaves 1, 7 and 0x8000_0001; names as in /proc/cpuinfo.

use framework::cpu::CpuInfo;

/// CPUID leaf 1, EDX.
#[rustfmt::skip]
const LEAF1_EDX: &[(u8, &str)] = &[
    (0, "fpu"), (1, "vme"), (2, "de"), (3, "pse"), (4, "tsc"), (5, "msr"), (6, "pae"), (7, "mce"),
    (8, "cx8"), (9, "apic"), (11, "sep"), (12, "mtrr"), (13, "pge"), (14, "mca"), (15, "cmov"),
    (16, "pat"), (17, "pse36"), (18, "pn"), (19, "clflush"), (21, "dts"), (22, "acpi"),
    (23, "mmx"), (24, "fxsr"), (25, "sse"), (26, "sse2"), (27, "ss"), (28, "ht"), (29, "tm"),
    (30, "ia64"), (31, "pbe"),
];

/// CPUID leaf 0x8000_0001, EDX.
#[rustfmt::skip]
const EXT1_EDX: &[(u8, &str)] = &[
    (11, "syscall"), (19, "mp"), (20, "nx"), (22, "mmxext"), (25, "fxsr_opt"), (26, "pdpe1gb"),
    (27, "rdtscp"), (29, "lm"), (30, "3dnowext"), (31, "3dnow"),
];

/// CPUID leaf 1, ECX.
#[rustfmt::skip]
const LEAF1_ECX: &[(u8, &str)] = &[
    (0, "pni"), (1, "pclmulqdq"), (2, "dtes64"), (3, "monitor"), (4, "ds_cpl"), (5, "vmx"),
    (6, "smx"), (7, "est"), (8, "tm2"), (9, "ssse3"), (10, "cid"), (11, "sdbg"), (12, "fma"),
    (13, "cx16"), (14, "xtpr"), (15, "pdcm"), (17, "pcid"), (18, "dca"), (19, "sse4_1"),
    (20, "sse4_2"), (21, "x2apic"), (22, "movbe"), (23, "popcnt"), (24, "tsc_deadline_timer"),
    (25, "aes"), (26, "xsave"), (28, "avx"), (29, "f16c"), (30, "rdrand"), (31, "hypervisor"),
];

/// CPUID leaf 0x8000_0001, ECX.
#[rustfmt::skip]
const EXT1_ECX: &[(u8, &str)] = &[
    (0, "lahf_lm"), (1, "cmp_legacy"), (2, "svm"), (3, "extapic"), (4, "cr8_legacy"), (5, "abm"),
    (6, "sse4a"), (7, "misalignsse"), (8, "3dnowprefetch"), (9, "osvw"), (10, "ibs"), (11, "xop"),
    (12, "skinit"), (13, "wdt"), (15, "lwp"), (16, "fma4"), (17, "tce"), (19, "nodeid_msr"),
    (21, "tbm"), (22, "topoext"), (23, "perfctr_core"), (24, "perfctr_nb"), (26, "bpext"),
    (27, "ptsc"), (28, "perfctr_llc"), (29, "mwaitx"),
];

/// CPUID leaf 7, EBX.
#[rustfmt::skip]
const LEAF7_EBX: &[(u8, &str)] = &[
    (0, "fsgsbase"), (1, "tsc_adjust"), (2, "sgx"), (3, "bmi1"), (4, "hle"), (5, "avx2"),
    (7, "smep"), (8, "bmi2"), (9, "erms"), (10, "invpcid"), (11, "rtm"), (12, "cqm"),
    (14, "mpx"), (15, "rdt_a"), (16, "avx512f"), (17, "avx512dq"), (18, "rdseed"), (19, "adx"),
    (20, "smap"), (21, "avx512ifma"), (23, "clflushopt"), (24, "clwb"), (25, "intel_pt"),
    (26, "avx512pf"), (27, "avx512er"), (28, "avx512cd"), (29, "sha_ni"), (30, "avx512bw"),
    (31, "avx512vl"),
];

/// CPUID leaf 7, ECX.
#[rustfmt::skip]
const LEAF7_ECX: &[(u8, &str)] = &[
    (1, "avx512vbmi"), (2, "umip"), (3, "pku"), (4, "ospke"), (5, "waitpkg"),
    (6, "avx512_vbmi2"), (8, "gfni"), (9, "vaes"), (10, "vpclmulqdq"), (11, "avx512_vnni"),
    (12, "avx512_bitalg"), (13, "tme"), (14, "avx512_vpopcntdq"), (16, "la57"), (22, "rdpid"),
    (24, "bus_lock_detect"), (25, "cldemote"), (27, "movdiri"), (28, "movdir64b"), (29, "enqcmd"),
];

/// CPUID leaf 7, EDX.
#[rustfmt::skip]
const LEAF7_EDX: &[(u8, &str)] = &[
    (2, "avx512_4vnniw"), (3, "avx512_4fmaps"), (4, "fsrm"), (8, "avx512_vp2intersect"),
    (10, "md_clear"), (14, "serialize"), (16, "tsxldtrk"), (18, "pconfig"), (19, "arch_lbr"),
    (20, "ibt"), (22, "amx_bf16"), (23, "avx512_fp16"), (24, "amx_tile"), (25, "amx_int8"),
    (28, "flush_l1d"), (29, "arch_capabilities"),
];

/// The names of the features that `info` reports; no bit of CPUID tells of the guest's kind.
pub(crate) fn names(info: &CpuInfo) -> impl Iterator<Item = &'static str> {
    let before = [
        (info.leaf1.1, LEAF1_EDX),
        (info.leaf_ext1.1, EXT1_EDX),
        (info.leaf1.0, LEAF1_ECX),
        (info.leaf_ext1.0, EXT1_ECX),
    ];
    let behind = [(info.leaf7.0, LEAF7_EBX), (info.leaf7.1, LEAF7_ECX), (info.leaf7.2, LEAF7_EDX)];
    let guest = info.guest_flags.iter().copied();
    before.into_iter().flat_map(set).chain(guest).chain(behind.into_iter().flat_map(set))
}

fn set((word, names): (u32, &'static [(u8, &'static str)])) -> impl Iterator<Item = &'static str> {
    names.iter().filter(move |(bit, _)| word >> bit & 1 != 0).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpuinfo::tests::blank;
    use std::vec::Vec;

    #[test]
    fn every_bit_once_and_in_order() {
        for table in [LEAF1_EDX, EXT1_EDX, LEAF1_ECX, EXT1_ECX, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(table.iter().all(|(bit, _)| *bit < 32));
        }
    }

    #[test]
    fn words_in_linux_order() {
        let (leaf1, leaf7, leaf_ext1) = ((1, 1), (1, 0, 0), (1, 1 << 29));
        let info = CpuInfo { leaf1, leaf7, leaf_ext1, guest_flags: &["one_guest"], ..blank() };
        let names: Vec<_> = names(&info).collect();
        assert_eq!(names, ["fpu", "lm", "pni", "lahf_lm", "one_guest", "fsgsbase"]);
    }
}
