// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The local APIC (x2APIC, or xAPIC where TCG has no other) and the I/O APIC.
//!
//! Spec: Intel SDM vol. 3, chapter 12; 82093AA I/O APIC datasheet.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::flags;
use crate::arch::x86::cpu::msr::{self, X2APIC};
use crate::arch::x86::cpu::{features, local};
use crate::cpu::{CpuId, MAX_CPUS};
use crate::cvm;
use crate::mm::NoMemory;

/// Where QEMU's PC machines have the local APIC and the I/O APIC.
const APIC_BASE: u64 = 0xfee0_0000;
const IOAPIC_BASE: u64 = 0xfec0_0000;

pub(crate) const TIMER: u8 = 0xef;
pub(crate) const RESCHEDULE: u8 = 0xf0;
pub(crate) const TLB_FLUSH: u8 = 0xf1;
pub(crate) const STOP: u8 = 0xf2;
pub(crate) const SPURIOUS: u8 = 0xff;
/// The first vector of device interrupts; line n has FIRST_DEVICE + n.
pub(crate) const FIRST_DEVICE: u8 = 0x30;

const ID: u32 = 0x02;
const EOI: u32 = 0x0b;
const SVR: u32 = 0x0f;
const ISR: u32 = 0x10;
const ICR: u32 = 0x30;
const LVT_TIMER: u32 = 0x32;
const LVT_LINT0: u32 = 0x35;
const LVT_LINT1: u32 = 0x36;
const TIMER_INITIAL: u32 = 0x38;
const TIMER_CURRENT: u32 = 0x39;
const TIMER_DIVIDE: u32 = 0x3e;

const MASKED: u32 = 1 << 16;

/// The xAPIC's registers; null when the APIC is in x2APIC mode.
static XAPIC: AtomicPtr<u32> = AtomicPtr::new(core::ptr::null_mut());
static IOAPIC: AtomicPtr<u32> = AtomicPtr::new(core::ptr::null_mut());
/// The APIC id of each CPU.
static IDS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];
/// Timer ticks per millisecond, at divider 1.
static TIMER_KHZ: AtomicU64 = AtomicU64::new(1_000_000);

/// Whatever the host says is good enough: interrupts are its to give.
fn read(register: u32) -> u32 {
    let base = XAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        let value = cvm::msr_read(X2APIC.start + register);
        return value.check(|value| Ok::<_, ()>(*value as u32)).unwrap_or(0);
    }
    let at = base.wrapping_add(register as usize * 4);
    // SAFETY: a device register; they are 16 bytes apart, in a page mapped for ever.
    unsafe { at.read_volatile() }
}

fn write(register: u32, value: u32) {
    let base = XAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        return cvm::msr_write(X2APIC.start + register, value.into());
    }
    let at = base.wrapping_add(register as usize * 4);
    // SAFETY: as in `read`.
    unsafe { at.write_volatile(value) };
}

/// Maps the registers where they are in memory, by `map`. Once, on the boot CPU. A CVM
/// has an x2APIC, and no use for lines.
pub(crate) fn map(map: fn(u64, usize) -> Result<*mut u8, NoMemory>) {
    if cvm::is_confidential() {
        return;
    }
    if !features::has_x2apic() {
        match map(APIC_BASE, 4096) {
            Ok(base) => XAPIC.store(base.cast(), Ordering::Relaxed),
            Err(_) => crate::fatal("no memory to map the local APIC"),
        }
    }
    match map(IOAPIC_BASE, 4096) {
        Ok(base) => IOAPIC.store(base.cast(), Ordering::Relaxed),
        Err(_) => crate::fatal("no memory to map the I/O APIC"),
    }
}

/// Turns this CPU's APIC on, with its timer quiet, and notes its id.
pub(crate) fn enable() {
    const APIC_BASE_MSR: u32 = 0x1b;
    const ENABLE: u64 = 1 << 11;
    const X2APIC: u64 = 1 << 10;
    let mode = if XAPIC.load(Ordering::Relaxed).is_null() { ENABLE | X2APIC } else { ENABLE };
    if !cvm::is_confidential() {
        // SAFETY: IA32_APIC_BASE exists on every CPU with an APIC.
        let old = unsafe { msr::rdmsr(APIC_BASE_MSR) };
        // SAFETY: turning the APIC on touches no memory.
        unsafe { msr::wrmsr(APIC_BASE_MSR, old | mode) };
    }
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, MASKED);
    write(TIMER_DIVIDE, 0b1011);
    write(LVT_TIMER, TIMER.into());
    write(SVR, 0x100 | u32::from(SPURIOUS));
    if let Some(slot) = IDS.get(local::cpu_id() as usize) {
        slot.store(id(), Ordering::Relaxed);
    }
}

/// This CPU's APIC id.
pub(crate) fn id() -> u32 {
    if cvm::is_confidential() {
        // The hardware's word: by leaf 0xb, else of 8 bits.
        let [_, threads, _, id] = features::leaf(0xb, 0);
        return if threads != 0 { id } else { features::leaf(1, 0)[1] >> 24 };
    }
    let id = read(ID);
    if XAPIC.load(Ordering::Relaxed).is_null() { id } else { id >> 24 }
}

/// Ends an interrupt.
pub(crate) fn eoi() {
    write(EOI, 0);
}

/// Whether the APIC says that it delivered `vector`.
pub(crate) fn in_service(vector: u8) -> bool {
    read(ISR + u32::from(vector) / 32) >> (vector % 32) & 1 != 0
}

fn send(destination: u32, command: u32) {
    let base = XAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        let value = u64::from(destination) << 32 | u64::from(command);
        // Who is called finds what it is called for.
        msr::complete_stores();
        cvm::msr_write(X2APIC.start + ICR, value);
    } else {
        let state = flags::irq_save();
        write(ICR + 1, destination << 24);
        write(ICR, command);
        while read(ICR) & 1 << 12 != 0 {
            core::hint::spin_loop();
        }
        flags::irq_restore(state);
    }
}

/// The APIC id of a CPU.
pub(crate) fn id_of(cpu: CpuId) -> u32 {
    IDS.get(cpu.index()).map_or(0, |id| id.load(Ordering::Relaxed))
}

/// Sends an interrupt to a CPU.
pub(crate) fn send_ipi(cpu: CpuId, vector: u8) {
    send(id_of(cpu), vector.into());
}

/// Sends an NMI to a CPU.
#[cfg(feature = "ktest")]
pub(crate) fn send_nmi(apic_id: u32) {
    send(apic_id, 0x4400);
}

/// Sends INIT to another CPU.
pub(crate) fn send_init(apic_id: u32) {
    send(apic_id, 0x4500);
}

/// Sends SIPI: the CPU starts in real mode at `page << 12`.
pub(crate) fn send_startup(apic_id: u32, page: u8) {
    send(apic_id, 0x4600 | u32::from(page));
}

/// Lets the timer run down from its highest count, without an interrupt.
pub(crate) fn start_measuring() {
    write(LVT_TIMER, MASKED | u32::from(TIMER));
    write(TIMER_INITIAL, u32::MAX);
}

/// Ticks since [`start_measuring`].
pub(crate) fn measured() -> u64 {
    u64::from(u32::MAX - read(TIMER_CURRENT))
}

/// Sets the timer's frequency and arms its vector on this CPU.
pub(crate) fn set_timer_khz(khz: u64) {
    TIMER_KHZ.store(khz.max(1), Ordering::Relaxed);
    set_timer_khz_here();
}

/// Arms the timer's vector on this CPU, at the frequency set before.
pub(crate) fn set_timer_khz_here() {
    write(TIMER_INITIAL, 0);
    write(LVT_TIMER, TIMER.into());
}

/// Interrupts this CPU in `ns` nanoseconds (cut to what the counter holds).
pub(crate) fn arm_timer(ns: u64) {
    let ticks = u128::from(ns) * u128::from(TIMER_KHZ.load(Ordering::Relaxed)) / 1_000_000;
    write(TIMER_INITIAL, ticks.clamp(1, u32::MAX.into()) as u32);
}

/// Routes ISA line `line` to `vector` on the boot CPU (edge, high).
pub(crate) fn route(line: u8, vector: u8, apic_id: u32) {
    let base = IOAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        return;
    }
    let put = |register: u32, value: u32| {
        // SAFETY: IOREGSEL of the page mapped for ever.
        unsafe { base.write_volatile(register) };
        // SAFETY: IOWIN, 16 bytes further.
        unsafe { base.wrapping_add(4).write_volatile(value) };
    };
    let entry = 0x10 + u32::from(line) * 2;
    put(entry + 1, apic_id << 24);
    put(entry, vector.into());
}
