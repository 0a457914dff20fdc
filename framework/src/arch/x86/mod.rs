// SPDX-License-Identifier: Apache-2.0 OR MIT
//! x86-64: the machine behind the arch-neutral modules.
//!
//! Nothing here is public. CPUs older than about 2015 are refused at boot: SMEP,
//! SMAP, FSGSBASE, XSAVE and NX are required, as every confidential VM has them.
//!
//! Spec: Intel SDM vol. 3, AMD APM vol. 2.

mod boot;
mod cpu;
#[cfg(feature = "ktest")]
mod guest_tests;
mod io;
mod irq;
mod mm;
mod task;
mod time;
mod trap;

use crate::mm::PhysRange;

/// What counts as RAM before the memory map is known: everything.
pub(crate) const UNKNOWN_RAM: &[PhysRange] = &[PhysRange { start: 0, end: u64::MAX }];

pub(crate) use boot::stop::{power_off, restart};
pub(crate) use cpu::cpuid::cpuid;
pub(crate) use cpu::features::cpu_info;
#[cfg(debug_assertions)]
pub(crate) use cpu::local::with_held;
pub(crate) use cpu::local::{cpu_id, is_active_space};
pub(crate) use cpu::msr::{x2apic_read, x2apic_write};
pub(crate) use cpu::nap::nap;
pub(crate) use cpu::preempt::{is_preemptible, preempt_disable, preempt_enable};
#[cfg(feature = "ktest")]
pub(crate) use guest_tests::{
    fixups_are_for_users, interrupt_self, interrupt_self_soon, interrupt_stacks_have_guards,
    nmi_self, nmis, run_kernel_tests, want_switch,
};
pub(crate) use io::port::{port_in, port_out};
pub(crate) use io::serial::{Control, early_console_write};
pub(crate) use irq::flags::{
    IrqState, halt, irq_restore, irq_save, take_interrupts, wait_for_interrupt,
};
pub(crate) use irq::interrupt::{irq_register, msi_register, unexpected_interrupts};
pub(crate) use mm::request::spin_hint;
pub(crate) use mm::shootdown::{call_to_flush, flush_tlb_others};
pub(crate) use mm::tlb::{flush_local, load_tables};
pub(crate) use mm::{bytes, paging, usercopy};
pub(crate) use task::context::TaskState;
pub(crate) use task::current::current_task;
pub(crate) use task::fpu::{UserState, fpu_features, fpu_size};
pub(crate) use task::percpu::cpu_times;
pub(crate) use task::sched::{
    activate_vm_space, exit_task, kick, make_runnable, new_task_state, park, resched, yield_now,
};
#[cfg(feature = "ktest")]
pub(crate) use time::tsc::ticks;
pub(crate) use time::tsc::{hardware_seed, monotonic_ns, tsc_khz};
pub(crate) use trap::user::run_user;
