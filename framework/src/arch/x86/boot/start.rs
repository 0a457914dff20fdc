// SPDX-License-Identifier: Apache-2.0 OR MIT
//! From the assembly entry to `main`: the order in which the machine comes up.
//!
//! Spec: the x86/HVM direct boot ABI (PVH), start info version 1.

use core::arch::global_asm;

use super::{smp, stop};
use crate::arch::x86::cpu::{features, setup};
use crate::arch::x86::io::serial;
use crate::arch::x86::irq::apic;
use crate::arch::x86::task::{adopt, fpu, percpu, sched};
use crate::arch::x86::time::{rtc, tsc};
use crate::arch::x86::trap::{gdt, idt};
use crate::boot::memory::BootMemory;
use crate::boot::{self, pvh};
use crate::{cmdline, cvm, host, mm};

const BOOT_STACK: usize = 64 * 1024;
/// Identity map (4), high map (1), two PDPTs, one PML4.
const BOOT_TABLES: usize = 8 * 4096;
/// Where the image is linked; must agree with the linker script.
const KERNEL_VIRT: u64 = 0xffff_ffff_8000_0000;

#[repr(C, align(4096))]
struct Aligned<const N: usize>(core::cell::UnsafeCell<[u8; N]>);

// SAFETY: used by the assembly of the boot CPU only, and as its stack.
unsafe impl<const N: usize> Sync for Aligned<N> {}

static BOOT_STACK_MEMORY: Aligned<BOOT_STACK> = Aligned(core::cell::UnsafeCell::new([0; _]));
static BOOT_TABLE_MEMORY: Aligned<BOOT_TABLES> = Aligned(core::cell::UnsafeCell::new([0; _]));

global_asm!(
    include_str!("boot.S"),
    kernel_virt = const KERNEL_VIRT,
    pvh_magic = const pvh::MAGIC,
    boot_stack = sym BOOT_STACK_MEMORY,
    boot_stack_size = const BOOT_STACK,
    boot_tables = sym BOOT_TABLE_MEMORY,
    boot_main = sym boot_main,
);

unsafe extern "Rust" {
    /// What `framework::main!` defines.
    safe fn nacre_main();
}

/// The boot CPU in Rust: `start_info` is where the loader left it, `offset` is
/// physical address minus (virtual address − [`KERNEL_VIRT`]) of the image.
extern "C" fn boot_main(start_info: u64, offset: u64) -> ! {
    crate::panic::on_stop(stop::stop);
    // SAFETY: once, before any `load`.
    unsafe { idt::init() };
    idt::load();
    cvm::detect(offset.wrapping_sub(KERNEL_VIRT));
    serial::init();
    if let Some(feature) = features::missing() {
        crate::panic::stop(
            format_args!("this CPU lacks {feature}, which Nacre needs (QEMU: -cpu max)"),
            "this CPU lacks what Nacre needs",
        );
    }
    setup::enable_fsgsbase();
    // SAFETY: once, on the boot CPU, before anything asks for the current CPU.
    let cpu = unsafe { percpu::install(0) };
    features::init();
    let info =
        pvh::parse(&IdentityMap, start_info, cvm::kind()).unwrap_or_else(|why| crate::fatal(why));
    // SAFETY: once, on the boot CPU.
    unsafe { boot::install_command_line(&IdentityMap, info.command_line) };
    if cmdline::get().is_quiet {
        serial::set_quiet();
    }
    if cvm::is_confidential() {
        // Only now is it known whether there is a serial line.
        serial::init();
    }
    crate::log::init();
    cmdline::get().complain();
    cvm::enforce(info.memory.regions().last().map_or(0, |region| region.end));
    let reserved = info.reserved(kernel_range(offset)).unwrap_or_else(|why| crate::fatal(why));
    // SAFETY: once, with the boot tables active, and a checked map.
    let arena =
        unsafe { mm::init(&info.memory, &info.pending, &reserved, offset, host::arena_region) };
    host::set_machine(&info.memory, info.ecam);
    if let Some(arena) = arena {
        // SAFETY: once, with what `mm` kept out of its maps.
        unsafe { host::init_arena(arena, cvm::share, mm::map_arena) };
    }
    // SAFETY: once; the region was reserved in the line above.
    unsafe { boot::install_initramfs(info.initramfs) };
    boot::install_event_log(info.log_table);
    let Ok(prepared) = gdt::Prepared::new() else { crate::fatal("no memory for the first stacks") };
    // SAFETY: this CPU's own block; interrupts are off since entry.
    unsafe { prepared.load(cpu.head()) };
    setup::set_up_cpu();
    fpu::enable();
    apic::map(mm::map_device);
    apic::enable();
    let timer_khz = tsc::init(apic::start_measuring, apic::measured);
    apic::set_timer_khz(timer_khz);
    let now_ns = if cvm::is_confidential() { told_ns() } else { rtc::now_ns() };
    if let Some(now_ns) = now_ns {
        crate::time::set_realtime_ns(now_ns);
    }
    adopt::boot_code();
    cvm::set_aside();
    let most = cvm::prepare_cpus(info.cpus.mailbox, &info.memory, mm::map_private);
    smp::start_others(info.cpus.apic_ids.iter().copied().flatten(), most);
    log::info!(
        "{} CPU(s), {} MiB RAM, TSC {} kHz",
        crate::cpu::count(),
        mm::stats().total_pages / 256,
        tsc::tsc_khz()
    );
    nacre_main();
    smp::let_run();
    sched::idle()
}

/// The wall clock at boot by the measured command line, in nanoseconds since 1970. A
/// CVM has no clock of its own that the host does not show it.
fn told_ns() -> Option<u64> {
    cmdline::get().time_s?.checked_mul(1_000_000_000)
}

/// Physical memory below 4 GiB, while the boot tables are active.
struct IdentityMap;

impl BootMemory for IdentityMap {
    fn read(&self, at: u64, out: &mut [u8]) -> bool {
        let fits = at.checked_add(out.len() as u64).is_some_and(|end| end <= 1 << 32);
        // The first page is never right, and its address would be null.
        if !fits || at < 4096 {
            return false;
        }
        for (n, byte) in out.iter_mut().enumerate() {
            let from = core::ptr::with_exposed_provenance::<u8>(at as usize + n);
            // SAFETY: mapped one to one by the boot tables; a device register that
            // the host makes us read does no harm to memory.
            *byte = unsafe { from.read_volatile() };
        }
        true
    }
}

/// Physical range of the kernel image.
fn kernel_range(offset: u64) -> mm::PhysRange {
    unsafe extern "C" {
        static __kernel_start: u8;
        static __kernel_end: u8;
    }
    let physical = |symbol: *const u8| symbol.addr() as u64 - KERNEL_VIRT + offset;
    mm::PhysRange {
        start: physical(&raw const __kernel_start),
        end: physical(&raw const __kernel_end),
    }
}
