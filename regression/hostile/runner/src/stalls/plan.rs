// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which stalls a sweep makes: parts of the kernel, each in boots with some thousand points.
//!
//! A boot costs seconds, a stall a millisecond. So a boot stalls a CPU at *each* instruction of a part, once: at the
//! first time that it comes there, or the second, or the twentieth; or anywhere by chance, for longer. Only before a CPU
//! has taken the start that it was offered, a boot has one stall: behind that the CPU is given up.

use anyhow::{Context, Result, ensure};

use hostile_format::{Scenario, Symbols};

/// Milliseconds by which a stall sets the guest's clock forward: more than any time-out of the kernel but that of disks,
/// which does not count them.
const GUEST_MS: u64 = 7000;

/// The page where CPUs start.
const START_PAGE: &str = "0x8000..0x9000";

/// Instructions of the page and of `ap_main` that a CPU meets before it has taken its start, and some more: in a TD it
/// begins in 64 bits, else in 16.
const LATE_POINTS: [(&str, u32); 2] = [(LATE, 32), (LATE_PLAIN, 48)];

/// A boot of a sweep.
pub(crate) struct Boot {
    /// Its name: of the part, the CPU and the occurrence.
    pub(crate) name: String,
    /// The scenario's text.
    pub(crate) text: String,
    /// The number of its run: which point of the part, where a boot has only one.
    pub(crate) number: u32,
}

/// A part of the kernel.
struct Part {
    name: &'static str,
    /// Paths of its functions, and ranges of its assembly.
    functions: &'static [&'static str],
    /// Which occurrence of each instruction is stalled, a boot each.
    nth: &'static [u64],
    /// From which mark on.
    after: &'static str,
    /// Which CPUs, a boot each; none for whichever comes there.
    cpus: &'static [u32],
}

const PARTS: [Part; 8] = [
    Part {
        name: "start",
        functions: &[
            "framework::arch::x86::boot::smp::come_up",
            "framework::arch::x86::cpu::setup",
            "framework::arch::x86::irq::apic",
            "framework::arch::x86::task::adopt",
            "framework::arch::x86::task::fpu::enable",
            "framework::arch::x86::task::sched::idle",
            "framework::mm::heap",
            "framework::mm::slab",
            "framework::cvm",
            "framework::task::builder",
            "tdx_call",
        ],
        nth: &[1, 2, 4, 16],
        after: "boot",
        cpus: &[1],
    },
    Part {
        name: "start-others",
        functions: &[
            "framework::arch::x86::boot::smp",
            "framework::arch::x86::boot::start::boot_main",
        ],
        nth: &[1, 3],
        after: "boot",
        cpus: &[0],
    },
    Part {
        name: "switch",
        functions: &[
            "framework::arch::x86::task",
            "framework::task",
            "framework::sync",
            "framework::mm::active",
            "switch_stacks..switch_stacks+0x40",
            "enter_user..vector_stubs",
            "sched",
        ],
        nth: &[1, 3, 9, 60, 250],
        after: "victim",
        cpus: &[0, 1],
    },
    Part {
        name: "shootdown",
        functions: &[
            "framework::arch::x86::mm",
            "framework::mm::space",
            "framework::mm::batch",
            "framework::mm::gather",
            "framework::mm::table",
            "framework::mm::tlb",
            "framework::mm::stack",
        ],
        nth: &[1, 3, 7, 40, 150],
        after: "victim",
        cpus: &[0, 1],
    },
    Part {
        name: "idle",
        functions: &[
            "framework::arch::x86::irq",
            "framework::arch::x86::time",
            "framework::arch::x86::task::sched::idle",
            "framework::cvm",
            "tdx_call",
        ],
        nth: &[1, 4, 12, 80, 300],
        after: "victim",
        cpus: &[0, 1],
    },
    Part {
        name: "shutdown",
        functions: &[
            "framework::arch::x86::boot::stop",
            "framework::arch::x86::io::serial",
            "framework::arch::x86::irq",
            "framework::power",
            "framework::cvm",
            "framework::arch::x86::task::sched",
            "tdx_call",
        ],
        nth: &[1, 2, 5],
        after: "end",
        cpus: &[],
    },
    Part {
        name: DISK,
        functions: &["virtio", "class", "pci", "block", "framework::host", "framework::irq"],
        nth: &[1, 3, 20],
        after: "boot",
        cpus: &[0, 1],
    },
    Part {
        name: STOP,
        functions: &[
            "framework::arch::x86::boot::stop",
            "framework::arch::x86::irq",
            "framework::panic",
            "framework::cvm",
            "tdx_call",
        ],
        nth: &[1, 50],
        after: "boot",
        cpus: &[],
    },
];

/// The part whose kernel stops by itself.
const STOP: &str = "stop";

/// The part with a disk at work.
const DISK: &str = "disk";

/// The part with one stall a boot, before the CPU has taken its start.
pub(super) const LATE: &str = "late";

/// The same of an ordinary VM.
const LATE_PLAIN: &str = "late-plain";

/// All boots of a sweep of the kernel in `image`, from one seed.
pub(crate) fn boots(image: &[u8]) -> Result<Vec<Boot>> {
    let symbols = Symbols::read(image);
    let mut boots = Vec::new();
    for part in &PARTS {
        let places = places(&symbols, part)?;
        let named = |cpu: &u32| (format!("cpu{cpu}"), format!(", cpu = {cpu}"));
        let mut cpus: Vec<_> = part.cpus.iter().map(named).collect();
        if cpus.is_empty() {
            cpus.push(("cpus".to_owned(), String::new()));
        }
        for (cpu, only) in cpus {
            let at = format!("on = \"insn\", pc = \"{places}\", after = \"{}\"{only}", part.after);
            let name = |which: &str| format!("{}-{cpu}-{which}", part.name);
            for nth in part.nth {
                let when = format!("{at}, nth = \"{nth}\"");
                boots.push(boot(name(&nth.to_string()), 0, &when, &short())?);
            }
            let when = format!("{at}, chance = 4, times = 300");
            let long = format!("ms = 5, guest_ms = {GUEST_MS}");
            boots.push(boot(name("any"), 0, &when, &long)?);
        }
    }
    for (cpu, after) in [(0, "boot"), (1, "boot"), (0, "victim"), (1, "victim")] {
        let when = format!("on = \"vmcall\", cpu = {cpu}, after = \"{after}\", times = 2000");
        let name = format!("calls-cpu{cpu}-{after}");
        boots.push(boot(name, 0, &when, &short())?);
    }
    for cpu in 0..2 {
        let when = format!(
            "on = \"insn\", ring = \"user\", cpu = {cpu}, after = \"victim\", chance = 1, times = 500"
        );
        boots.push(boot(format!("user-cpu{cpu}-any"), 0, &when, &short())?);
    }
    let ap_main = places_of(&symbols, "framework::arch::x86::boot::smp::ap_main");
    ensure!(!ap_main.is_empty(), "the kernel has no ap_main");
    for (name, number) in LATE_POINTS
        .into_iter()
        .flat_map(|(name, points)| (0..points).map(move |number| (name, number)))
    {
        // Back when the boot CPU has long given up and runs programs.
        let when = format!(
            "on = \"insn\", pc = \"{START_PAGE}, {}\", cpu = 1, nth = \"1\", pick = 1",
            ap_main.join(", ")
        );
        let how = format!("ms = 5000, guest_ms = {GUEST_MS}, until = \"victim\"");
        boots.push(boot(name.to_owned(), number, &when, &how)?);
    }
    Ok(boots)
}

/// How long a CPU is stalled where many points are.
fn short() -> String {
    format!("ms = 1, guest_ms = {GUEST_MS}")
}

fn places(symbols: &Symbols, part: &Part) -> Result<String> {
    let all: Vec<_> = part.functions.iter().flat_map(|path| places_of(symbols, path)).collect();
    ensure!(!all.is_empty(), "the kernel has none of the functions of {}", part.name);
    Ok(all.join(", "))
}

fn places_of(symbols: &Symbols, path: &str) -> Vec<String> {
    if path.contains("..") {
        return vec![path.to_owned()];
    }
    let spans = symbols.below(path).into_iter();
    spans.map(|span| format!("{:#x}..{:#x}", span.start, span.end)).collect()
}

fn boot(name: String, number: u32, when: &str, how: &str) -> Result<Boot> {
    let part = name.split('-').next();
    let (append, expect) = match part {
        Some(STOP) => ("nacre.test_stop=panic", "any = [\"stop\"]\nreasons = [\"asked for\"]"),
        _ => ("", "any = [\"correct\"]"),
    };
    let is_plain = name == LATE_PLAIN;
    let (disk, victim) = if part == Some(DISK) { (4, "disk 1024") } else { (0, "threads 24") };
    let text = format!(
        r#"# SPDX-License-Identifier: Apache-2.0 OR MIT
title = "A sweep of stalls: {name}"
row = 24
plain = {is_plain}
host = "A vCPU is not run for a while at each instruction of a part of the kernel."
cpus = 2
memory = 128
timeout = 120
guests = ["nacre"]
not_linux = "a sweep over this kernel's functions"
disk = {disk}
workload = "/bin/witness victim {victim}; /bin/witness mark end"
output = "whole\n"
append = "{append}"

[expect]
{expect}
fired = 0

[[rule]]
when = {{ {when} }}
then = {{ stall = {{ {how} }} }}
"#
    );
    Scenario::parse(&text).map_err(anyhow::Error::msg).with_context(|| name.clone())?;
    Ok(Boot { name, text, number })
}
