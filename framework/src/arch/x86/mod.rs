// SPDX-License-Identifier: Apache-2.0 OR MIT
//! x86-64: the machine behind the arch-neutral modules.
//!
//! Nothing here is public. CPUs older than about 2015 are refused at boot: SMEP,
//! SMAP, FSGSBASE, XSAVE and NX are required, as every TDX or SNP machine has them.
//!
//! Spec: Intel SDM vol. 3, AMD APM vol. 2.

mod apic;
mod boot;
mod context;
mod cpuid;
mod deadline;
mod fpu;
mod gdt;
mod idt;
mod interrupt;
mod percpu;
mod port;
mod rtc;
mod sched;
mod serial;
mod smp;
mod stop;
mod tests;
mod tlb;
mod trap;
mod tsc;
mod user;

pub(crate) use apic::{x2apic_read, x2apic_write};
pub(crate) use context::{TaskState, is_on_cpu};
pub(crate) use cpuid::{cpu_info, cpuid};
pub(crate) use fpu::{UserState, fpu_features, fpu_size};
pub(crate) use interrupt::{irq_register, msi_register, unexpected_interrupts};
#[cfg(debug_assertions)]
pub(crate) use percpu::with_held;
pub(crate) use percpu::{
    IrqState, cpu_count, cpu_id, cpu_times, current_task, irq_restore, irq_save, preempt_disable,
    preempt_enable, spin_hint, take_interrupts, wait_for_interrupt, with_current,
};
pub(crate) use port::{port_in, port_out};
pub(crate) use sched::{
    activate_vm_space, exit_task, kick, make_runnable, park, resched, yield_now,
};
pub(crate) use serial::{Control, early_console_write};
pub(crate) use stop::{halt, power_off, restart, stop, stop_with};
#[cfg(feature = "ktest")]
pub(crate) use tests::{
    interrupt_self, interrupt_self_soon, nmi_self, nmis, run_kernel_tests, want_switch,
};
pub(crate) use tlb::flush_tlb_others;
pub(crate) use tsc::{hardware_seed, monotonic_ns, tsc_khz};
pub(crate) use user::run_user;
