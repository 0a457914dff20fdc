// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting the other CPUs, and what each CPU sets up for itself.

use core::arch::{asm, global_asm};
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::arch::x86::cpu::{cpuid, percpu};
use crate::arch::x86::irq::apic;
use crate::arch::x86::task::{fpu, sched};
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
    static __text_start: u8;
    static __text_end: u8;
    fn syscall_entry();
}

/// CPUs that have reached Rust.
static ONLINE: AtomicU32 = AtomicU32::new(1);
/// The [`gdt::Prepared`] of the CPU that is being started.
static PREPARED: AtomicUsize = AtomicUsize::new(0);

/// Where kernel code is.
pub(crate) fn text_range() -> Range<u64> {
    (&raw const __text_start).addr() as u64..(&raw const __text_end).addr() as u64
}

/// Sets the control registers and system-call registers of this CPU.
pub(crate) fn set_up_cpu() {
    cvm::set_up_cpu();
    const CR4_MCE: u64 = 1 << 6;
    const CR4_OSFXSR: u64 = 1 << 9;
    const CR4_OSXMMEXCPT: u64 = 1 << 10;
    const CR4_UMIP: u64 = 1 << 11;
    const CR4_FSGSBASE: u64 = 1 << 16;
    const CR4_OSXSAVE: u64 = 1 << 18;
    const CR4_SMEP: u64 = 1 << 20;
    const CR4_SMAP: u64 = 1 << 21;
    const CR4_PAE: u64 = 1 << 5;
    const CR4_PGE: u64 = 1 << 7;
    let umip = if cpuid::has_umip() { CR4_UMIP } else { 0 };
    let cr4 = CR4_PAE
        | CR4_MCE
        | CR4_PGE
        | CR4_OSFXSR
        | CR4_OSXMMEXCPT
        | CR4_FSGSBASE
        | CR4_OSXSAVE
        | CR4_SMEP
        | CR4_SMAP
        | umip;
    // SAFETY: every feature was checked; paging stays as it is.
    unsafe { asm!("mov cr4, {}", in(reg) cr4, options(nostack, preserves_flags)) };
    // PG, NE, WP, MP, ET, PE; no EM, TS, CD, NW.
    // SAFETY: paging and protection stay on; WP makes read-only mean it.
    unsafe { asm!("mov cr0, {}", in(reg) 0x8001_0033_u64, options(nostack, preserves_flags)) };
    const EFER: u32 = 0xc000_0080;
    const STAR: u32 = 0xc000_0081;
    const LSTAR: u32 = 0xc000_0082;
    const CSTAR: u32 = 0xc000_0083;
    const FMASK: u32 = 0xc000_0084;
    const TSC_AUX: u32 = 0xc000_0103;
    // SAFETY: EFER exists in long mode.
    let efer = unsafe { apic::rdmsr(EFER) };
    let star = u64::from(gdt::KERNEL_CS) << 32 | u64::from(gdt::KERNEL_SS | 3) << 48;
    // AC, NT, IOPL, OF, DF, IF, TF, and the arithmetic flags.
    let mask = 0x4_7fd5;
    let values = [
        (STAR, star),
        (LSTAR, syscall_entry as *const () as u64),
        // There is no 32-bit code segment to call it from.
        (CSTAR, 0),
        (FMASK, mask),
        (TSC_AUX, crate::arch::cpu_id().into()),
    ];
    if efer & 1 == 0 {
        // SAFETY: SCE turns SYSCALL on; the rest stays. A write that changes nothing
        // is left out, for a TD may not make it.
        unsafe { apic::wrmsr(EFER, efer | 1) };
    }
    for (msr, value) in values {
        // SAFETY: the architectural system-call registers, with the kernel's entry
        // points and selectors; SCE and NXE stay on.
        unsafe { apic::wrmsr(msr, value) };
    }
    fpu::enable();
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
        if !cvm::start_cpu(&CpuStart { apic_id, number: count as u32, page, long_mode }) {
            log::warn!("CPU with APIC id {apic_id} does not start");
            break;
        }
        // The stack becomes that of the CPU's idle task, for ever.
        core::mem::forget(stack);
        count += 1;
    }
    mm::release_low_page();
    percpu::set_cpu_count(count as u32);
}

/// Starts a CPU by INIT and SIPI; whether it came up.
pub(crate) fn start_cpu_by_ipi(cpu: &CpuStart) -> bool {
    apic::send_init(cpu.apic_id);
    wait_ns(200_000);
    (0..2).any(|_| {
        apic::send_startup(cpu.apic_id, (cpu.page >> 12) as u8);
        cpu_comes_up(cpu.number)
    })
}

/// Waits until CPU `number` is up, for a second.
pub(crate) fn cpu_comes_up(number: u32) -> bool {
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
    let cr4_fsgsbase = 1u64 << 16;
    // SAFETY: FSGSBASE was checked; `install` needs it.
    unsafe {
        asm!("mov {tmp}, cr4", "or {tmp}, {bit}", "mov cr4, {tmp}", tmp = out(reg) _, bit = in(reg) cr4_fsgsbase, options(nostack))
    };
    // SAFETY: once on this CPU, with the number it was given.
    let cpu = unsafe { percpu::install(number as u32) };
    let prepared =
        core::ptr::with_exposed_provenance::<gdt::Prepared>(PREPARED.load(Ordering::Acquire));
    // SAFETY: leaked by the boot CPU for this one, which reads it once.
    let prepared = unsafe { prepared.read() };
    cpu.set_tss(prepared.tss());
    // SAFETY: this CPU's own block; interrupts are off since start.
    unsafe { prepared.load(cpu) };
    idt::load();
    set_up_cpu();
    apic::enable();
    apic::set_timer_khz_here();
    cpu.apic_id.store(apic::id(), Ordering::Relaxed);
    sched::adopt_boot_code();
    ONLINE.fetch_add(1, Ordering::AcqRel);
    while !super::start::may_schedule() {
        core::hint::spin_loop();
    }
    sched::idle()
}

/// Halts the other CPUs; the machine is ending.
pub(crate) fn stop_others() {
    if !cpuid::is_booted() {
        return;
    }
    let me = crate::arch::cpu_id();
    for cpu in crate::cpu::all().filter(|cpu| cpu.0 != me) {
        apic::send_ipi(percpu::of(cpu).apic_id.load(Ordering::Relaxed), apic::STOP);
    }
}
