// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting the other CPUs.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::arch::x86::cpu::setup;
use crate::arch::x86::irq::apic;
use crate::arch::x86::task::{adopt, fpu, percpu, sched};
use crate::arch::x86::time::tsc;
use crate::arch::x86::trap::{gdt, idt};
use crate::cvm::{self, CpuStart};
use crate::mm::{self, KernelStack};

global_asm!(include_str!("trampoline.S"));

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_awake: u8;
    static trampoline_data: u8;
    static trampoline_end: u8;
}

/// CPUs that have reached Rust.
static ONLINE: AtomicU32 = AtomicU32::new(1);
/// Whether the policy is installed and other CPUs may run tasks.
static MAY_SCHEDULE: AtomicBool = AtomicBool::new(false);
/// The [`gdt::Prepared`] of the CPU that is being started.
static PREPARED: AtomicUsize = AtomicUsize::new(0);

/// Lets the CPUs that have started run tasks.
pub(crate) fn let_run() {
    MAY_SCHEDULE.store(true, Ordering::Release);
}

/// Starts the CPUs with these APIC ids, one after another; no more than `most` there may be.
pub(crate) fn start_others(apic_ids: impl Iterator<Item = u32>, most: usize) {
    let me = apic::id();
    let Some((page, low)) = mm::low_page() else { return };
    let (start, end) = (&raw const trampoline_start, &raw const trampoline_end);
    let awake = &raw const trampoline_awake;
    let len = end.addr() - start.addr();
    // SAFETY: the code fits a page (checked by the linker's section), and the low
    // page is ours and mapped.
    unsafe { core::ptr::copy_nonoverlapping(start, low, len.min(4096)) };
    let data = (&raw const trampoline_data).addr() - start.addr();
    let mut count = 1;
    for apic_id in apic_ids.filter(|id| *id != me) {
        if count as usize >= most {
            log::warn!("more than {most} CPUs: the others stay off");
            break;
        }
        let Ok(stack) = KernelStack::new() else { break };
        let prepared = alloc::boxed::Box::new(gdt::Prepared::new());
        PREPARED.store(
            core::ptr::from_ref(alloc::boxed::Box::leak(prepared)).expose_provenance(),
            Ordering::Release,
        );
        let words = [mm::kernel_root(), stack.top() as u64, count, ap_main as *const () as u64];
        // SAFETY: inside the low page, behind the code.
        let slot = unsafe { low.add(data) };
        // SAFETY: four words inside the low page; aligned by the assembly.
        unsafe { slot.cast::<[u64; 4]>().write_volatile(words) };
        let long_mode = page + (awake.addr() - start.addr()) as u64;
        let number = count as u32;
        if !cvm::start_cpu(&CpuStart {
            apic_id,
            number,
            page,
            long_mode,
            by_ipi: start_cpu_by_ipi,
            comes_up: cpu_comes_up,
        }) {
            log::warn!("CPU with APIC id {apic_id} does not start");
            break;
        }
        // The stack becomes that of the CPU's idle task, for ever.
        core::mem::forget(stack);
        count += 1;
    }
    mm::release_low_page();
    crate::cpu::set_count(count as u32);
}

/// Starts a CPU by INIT and SIPI; whether it came up.
fn start_cpu_by_ipi(cpu: &CpuStart) -> bool {
    apic::send_init(cpu.apic_id);
    wait_ns(200_000);
    (0..2).any(|_| {
        apic::send_startup(cpu.apic_id, (cpu.page >> 12) as u8);
        cpu_comes_up(cpu.number)
    })
}

/// Waits until CPU `number` is up, for a second.
fn cpu_comes_up(number: u32) -> bool {
    let end = tsc::monotonic_ns() + 1_000_000_000;
    while tsc::monotonic_ns() < end {
        if ONLINE.load(Ordering::Acquire) > number {
            return true;
        }
        core::hint::spin_loop();
    }
    false
}

fn wait_ns(ns: u64) {
    let end = tsc::monotonic_ns() + ns;
    while tsc::monotonic_ns() < end {
        core::hint::spin_loop();
    }
}

/// Where another CPU enters Rust, on its idle task's stack.
extern "C" fn ap_main(number: u64) -> ! {
    setup::enable_fsgsbase();
    // SAFETY: once on this CPU, with the number it was given.
    let cpu = unsafe { percpu::install(number as u32) };
    let prepared =
        core::ptr::with_exposed_provenance::<gdt::Prepared>(PREPARED.load(Ordering::Acquire));
    // SAFETY: leaked by the boot CPU for this one, which reads it once.
    let prepared = unsafe { prepared.read() };
    // SAFETY: this CPU's own block; interrupts are off since start.
    unsafe { prepared.load(cpu.head()) };
    idt::load();
    setup::set_up_cpu();
    fpu::enable();
    apic::enable();
    apic::set_timer_khz_here();
    adopt::boot_code();
    ONLINE.fetch_add(1, Ordering::AcqRel);
    while !MAY_SCHEDULE.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    sched::idle()
}
