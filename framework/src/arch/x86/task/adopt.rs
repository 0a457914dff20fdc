// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The code that booted a CPU becomes its idle task.

use core::sync::atomic::Ordering;

use super::context::TaskState;
use super::{percpu, sched};
use crate::arch::x86::cpu::{nap, preempt};
use crate::arch::x86::time::tsc;
use crate::cpu::CpuSet;
use crate::task::{RunState, TaskBuilder};

/// Turns the code that booted this CPU into its idle task.
pub(crate) fn boot_code() {
    let cpu = percpu::local();
    let task =
        TaskBuilder::adopt("idle", RunState::idle(), TaskState::for_boot(), CpuSet::of(cpu.id()));
    task.sched().set_cpu(cpu.id());
    if percpu::with_own(|own| own.idle.set(task.clone())).is_err() {
        crate::fatal("a CPU with two idle tasks");
    }
    cpu.is_idle.store(true, Ordering::Relaxed);
    cpu.switched_ns.store(tsc::monotonic_ns(), Ordering::Relaxed);
    cpu.set_current(task);
    preempt::on_switch(sched::preempt);
    nap::on_nap(sched::nap);
}
