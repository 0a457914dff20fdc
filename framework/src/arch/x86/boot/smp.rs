// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting the other CPUs.
//!
//! What a CPU is lent to start with is never taken back: the host may stop it anywhere, and
//! let it run again at any time. [`Offer`] decides whether it starts.

use alloc::boxed::Box;
use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::arch::x86::cpu::setup;
use crate::arch::x86::irq::apic;
use crate::arch::x86::mm::request;
use crate::arch::x86::task::{adopt, fpu, percpu, sched};
use crate::arch::x86::time::tsc;
use crate::arch::x86::trap::{gdt, idt};
use crate::cpu::Offer;
use crate::cvm::{self, CpuStart};
use crate::mm::{self, KernelStack};

global_asm!(include_str!("trampoline.S"));

unsafe extern "C" {
    static trampoline_start: u8;
    static trampoline_awake: u8;
    static trampoline_data: u8;
    static trampoline_end: u8;
}

/// How long a CPU may take to begin.
const PATIENCE_NS: u64 = 1_000_000_000;

/// The start of the CPU that comes next.
static OFFER: Offer = Offer::new();
/// Whether the policy is installed and other CPUs may run tasks.
static MAY_SCHEDULE: AtomicBool = AtomicBool::new(false);
/// The [`gdt::Prepared`] of the CPU that is being started.
static PREPARED: AtomicUsize = AtomicUsize::new(0);

/// Lets the CPUs that have started run tasks.
pub(crate) fn let_run() {
    MAY_SCHEDULE.store(true, Ordering::Release);
}

/// Starts the CPUs with these APIC ids, one after another; no more than `most` there may
/// be. The first that does not come is the last: it may still come to the page.
pub(crate) fn start_others(apic_ids: impl Iterator<Item = u32>, most: usize) {
    let me = apic::id();
    let Some((page, low)) = mm::low_page() else { return };
    let (start, end) = (&raw const trampoline_start, &raw const trampoline_end);
    let len = end.addr() - start.addr();
    // SAFETY: the code fits a page (checked by the linker's section), and the low
    // page is ours and mapped.
    unsafe { core::ptr::copy_nonoverlapping(start, low, len.min(4096)) };
    let mut others = apic_ids.filter(|id| *id != me);
    let has_come = |(number, apic_id)| start_other(number, apic_id, page, low);
    if (1..most as u32).zip(&mut others).all(has_come) {
        mm::release_low_page();
    } else {
        mm::seal_low_page();
    }
    if others.next().is_some() {
        log::warn!("{} CPUs run: the others stay off", crate::cpu::count());
    }
}

/// Starts a CPU, and counts it if it comes; false if the page is not to be used again.
fn start_other(number: u32, apic_id: u32, page: u64, low: *mut u8) -> bool {
    let Ok(stack) = KernelStack::new() else { return false };
    let Ok(prepared) = gdt::Prepared::new() else { return false };
    let prepared = Box::leak(Box::new(prepared));
    PREPARED.store(core::ptr::from_ref(prepared).expose_provenance(), Ordering::Release);
    let entry = ap_main as *const () as u64;
    let words = [mm::kernel_root(), stack.top() as u64, number.into(), entry];
    // The CPU's own from here on, whether it comes or not.
    core::mem::forget(stack);
    let start = &raw const trampoline_start;
    let data = (&raw const trampoline_data).addr() - start.addr();
    let slot = low.wrapping_add(data).cast::<[u64; 4]>();
    // SAFETY: four words inside the low page, behind the code; aligned by the assembly.
    // Nobody reads them: each CPU that was started before is up, and has left the page.
    unsafe { slot.write_volatile(words) };
    let long_mode = page + ((&raw const trampoline_awake).addr() - start.addr()) as u64;
    let (by_ipi, comes_up) = (start_cpu_by_ipi as fn(&_) -> _, comes_up as fn(_) -> _);
    if !OFFER.make(number) {
        return false;
    }
    let is_here = cvm::start_cpu(&CpuStart { apic_id, number, page, long_mode, by_ipi, comes_up });
    if !is_here && OFFER.abandon(number) {
        log::warn!("CPU with APIC id {apic_id} does not start: it keeps what it was lent");
        return false;
    }
    wait_until_up(number);
    crate::cpu::set_count(number + 1);
    true
}

/// Waits for a CPU that has begun to set itself up, as long as its host stops it.
fn wait_until_up(number: u32) {
    let begin = tsc::monotonic_ns();
    let mut was_told = false;
    while !OFFER.has_come_up(number) {
        if !was_told && tsc::monotonic_ns().saturating_sub(begin) > PATIENCE_NS {
            was_told = true;
            log::warn!("CPU {number} has begun to start and is waited for");
        }
        core::hint::spin_loop();
    }
}

/// Starts a CPU by INIT and SIPI; whether it came up.
fn start_cpu_by_ipi(cpu: &CpuStart) -> bool {
    apic::send_init(cpu.apic_id);
    wait_ns(200_000);
    (0..2).any(|_| {
        apic::send_startup(cpu.apic_id, (cpu.page >> 12) as u8);
        comes_up(cpu.number)
    })
}

/// Waits until CPU `number` has begun to set itself up, for a while.
fn comes_up(number: u32) -> bool {
    let end = tsc::monotonic_ns() + PATIENCE_NS;
    while tsc::monotonic_ns() < end {
        if OFFER.was_taken(number) {
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

/// Where another CPU enters Rust, on its idle task's stack: which stays its own even if
/// it comes too late.
extern "C" fn ap_main(number: u64) -> ! {
    let number = number as u32;
    if OFFER.take(number) { come_up(number) } else { cvm::halt() }
}

/// The rest of a CPU's start: the boot CPU waits for it.
#[inline(never)]
fn come_up(number: u32) -> ! {
    setup::enable_fsgsbase();
    // SAFETY: once on this CPU, with the number that no other CPU was given: its offer
    // was taken.
    let cpu = unsafe { percpu::install(number) };
    let prepared =
        core::ptr::with_exposed_provenance::<gdt::Prepared>(PREPARED.load(Ordering::Acquire));
    // SAFETY: leaked by the boot CPU for this one, which reads it once: the boot CPU
    // prepares no other before this one is up.
    let prepared = unsafe { prepared.read() };
    // SAFETY: this CPU's own block; interrupts are off since start.
    unsafe { prepared.load(cpu.head()) };
    idt::load();
    setup::set_up_cpu();
    fpu::enable();
    apic::enable();
    apic::set_timer_khz_here();
    adopt::boot_code();
    OFFER.is_up(number);
    // The boot CPU counts this one before it changes a mapping, so from here on it may be
    // asked to flush, with interrupts off.
    while !MAY_SCHEDULE.load(Ordering::Acquire) {
        request::spin_hint();
    }
    sched::idle()
}
