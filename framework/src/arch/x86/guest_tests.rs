// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Runs the in-guest tests and tells the host, line by line.

use core::fmt::Write;

use crate::arch::x86::cpu::preempt;
use crate::arch::x86::io::serial::Control;
use crate::arch::x86::irq::{apic, flags, interrupt};
use crate::arch::x86::mm::usercopy::{self, Failure};
use crate::arch::x86::trap::gdt;
use crate::test::KernelTest;

unsafe extern "C" {
    static __ktests_start: u8;
    static __ktests_end: u8;
}

/// Interrupts this CPU with `vector`; returns when it has been handled.
pub(crate) fn interrupt_self(vector: u8) {
    interrupt_self_soon(vector);
    for _ in 0..1000 {
        core::hint::spin_loop();
    }
}

/// Interrupts this CPU with `vector`, some time soon.
pub(crate) fn interrupt_self_soon(vector: u8) {
    let irq = flags::irq_save();
    apic::send_ipi(crate::cpu::current(), vector);
    flags::irq_restore(irq);
}

/// Wants another task to run on this CPU.
pub(crate) fn want_switch() {
    preempt::set_need_resched();
}

/// Sends this CPU an NMI; returns when it has been handled.
pub(crate) fn nmi_self() {
    let irq = flags::irq_save();
    apic::send_nmi(apic::id());
    flags::irq_restore(irq);
    for _ in 0..1000 {
        core::hint::spin_loop();
    }
}

/// Whether a fault of each copy loop is mended at a user's address alone, and what a CPU
/// refuses only where it loads registers.
pub(crate) fn fixups_are_for_users() -> bool {
    let mends = |site, failure| usercopy::fixup(site, failure).is_some();
    let kernel = (&raw const __ktests_start).addr() as u64;
    let refusing = usercopy::sites().filter(|site| mends(*site, Failure::Refusal)).count();
    refusing > 0
        && usercopy::sites().count() > refusing
        && usercopy::sites().all(|site| {
            mends(site, Failure::Address(0x1000))
                && !mends(site, Failure::Address(kernel))
                && !mends(site, Failure::Address(1 << 47))
        })
}

/// Whether each stack that a CPU gets for interrupts has a guard below it.
pub(crate) fn interrupt_stacks_have_guards() -> bool {
    let Ok(prepared) = gdt::Prepared::new() else { return false };
    prepared.stacks().iter().all(|end| {
        let start = end - gdt::IST_SIZE;
        crate::mm::is_kernel_stack(start, gdt::IST_SIZE) && crate::mm::is_guard(start - 8)
    })
}

pub(crate) fn nmis() -> u64 {
    interrupt::nmis()
}

pub(crate) fn run_kernel_tests() -> bool {
    let (start, end) = (&raw const __ktests_start, &raw const __ktests_end);
    let len = (end.addr() - start.addr()) / size_of::<KernelTest>();
    // SAFETY: the linker script collects exactly these statics between the symbols.
    let tests = unsafe { core::slice::from_raw_parts(start.cast::<KernelTest>(), len) };
    let (mut passed, mut failed) = (0, 0);
    let wanted = crate::cmdline::get().test.unwrap_or("");
    for test in tests.iter().filter(|test| test.name.contains(wanted)) {
        match (test.run)() {
            Ok(()) => {
                passed += 1;
                let _ = writeln!(Control, "test {} ok", test.name);
            }
            Err(why) => {
                failed += 1;
                let _ = writeln!(Control, "test {} FAILED {why}", test.name);
            }
        }
    }
    let _ = writeln!(Control, "tests-done {passed} {failed}");
    failed == 0
}
