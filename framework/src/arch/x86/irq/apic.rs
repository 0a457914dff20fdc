// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The local APIC (x2APIC, or xAPIC where TCG has no other) and the I/O APIC.
//!
//! Spec: Intel SDM vol. 3, chapter 12; 82093AA I/O APIC datasheet.

use core::arch::asm;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::arch::x86::cpu::cpuid;
use crate::{cvm, mm};

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

/// The registers as MSRs, in x2APIC mode.
const X2APIC: core::ops::Range<u32> = 0x800..0x840;

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
/// Timer ticks per millisecond, at divider 1.
static TIMER_KHZ: AtomicU64 = AtomicU64::new(1_000_000);

/// WRMSR.
///
/// # Safety
/// The register's meaning is the caller's duty.
pub(crate) unsafe fn wrmsr(msr: u32, value: u64) {
    // SAFETY: the caller answers for the register.
    unsafe {
        asm!("wrmsr", in("ecx") msr, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags))
    };
}

/// RDMSR.
///
/// # Safety
/// The register must exist.
pub(crate) unsafe fn rdmsr(msr: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller answers for the register.
    unsafe {
        asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nostack, preserves_flags))
    };
    u64::from(high) << 32 | u64::from(low)
}

/// Reads an x2APIC register; 0 of any other.
pub(crate) fn x2apic_read(msr: u32) -> u64 {
    if !X2APIC.contains(&msr) {
        return 0;
    }
    // SAFETY: x2APIC registers 0x800..0x83f exist in x2APIC mode.
    unsafe { rdmsr(msr) }
}

/// Writes an x2APIC register, and no other.
pub(crate) fn x2apic_write(msr: u32, value: u64) {
    if X2APIC.contains(&msr) {
        // SAFETY: x2APIC registers exist, and the values here are well formed; what
        // a message makes another CPU do is decided by its vector or by the
        // start-up page, both the kernel's own.
        unsafe { wrmsr(msr, value) }
    }
}

/// Whatever the host says is good enough: interrupts are its to give.
fn read(register: u32) -> u32 {
    let base = XAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        let value = cvm::msr_read(X2APIC.start + register);
        return value.check(|value| Ok::<_, ()>(*value as u32)).unwrap_or(0);
    }
    // SAFETY: the page is mapped for ever; registers are 16 bytes apart.
    let at = unsafe { base.add(register as usize * 4) };
    // SAFETY: a device register of the mapped page.
    unsafe { at.read_volatile() }
}

fn write(register: u32, value: u32) {
    let base = XAPIC.load(Ordering::Relaxed);
    if base.is_null() {
        return cvm::msr_write(X2APIC.start + register, value.into());
    }
    // SAFETY: the page is mapped for ever; registers are 16 bytes apart.
    let at = unsafe { base.add(register as usize * 4) };
    // SAFETY: a device register of the mapped page.
    unsafe { at.write_volatile(value) };
}

/// Maps the registers where they are in memory. Once, on the boot CPU. A CVM has an
/// x2APIC, and no use for lines.
pub(crate) fn map() {
    if cvm::is_confidential() {
        return;
    }
    if !cpuid::has_x2apic() {
        match mm::map_device(APIC_BASE, 4096) {
            Ok(base) => XAPIC.store(base.cast(), Ordering::Relaxed),
            Err(_) => crate::fatal("no memory to map the local APIC"),
        }
    }
    match mm::map_device(IOAPIC_BASE, 4096) {
        Ok(base) => IOAPIC.store(base.cast(), Ordering::Relaxed),
        Err(_) => crate::fatal("no memory to map the I/O APIC"),
    }
}

/// Turns this CPU's APIC on, with its timer quiet.
pub(crate) fn enable() {
    const APIC_BASE_MSR: u32 = 0x1b;
    const ENABLE: u64 = 1 << 11;
    const X2APIC: u64 = 1 << 10;
    let mode = if XAPIC.load(Ordering::Relaxed).is_null() { ENABLE | X2APIC } else { ENABLE };
    if !cvm::is_confidential() {
        // SAFETY: IA32_APIC_BASE exists on every CPU with an APIC.
        let old = unsafe { rdmsr(APIC_BASE_MSR) };
        // SAFETY: turning the APIC on touches no memory.
        unsafe { wrmsr(APIC_BASE_MSR, old | mode) };
    }
    write(LVT_LINT0, MASKED);
    write(LVT_LINT1, MASKED);
    write(TIMER_DIVIDE, 0b1011);
    write(LVT_TIMER, TIMER.into());
    write(SVR, 0x100 | u32::from(SPURIOUS));
}

/// This CPU's APIC id.
pub(crate) fn id() -> u32 {
    if cvm::is_confidential() {
        // The hardware's word: by leaf 0xb, else of 8 bits.
        let [_, threads, _, id] = cpuid::leaf(0xb, 0);
        return if threads != 0 { id } else { cpuid::leaf(1, 0)[1] >> 24 };
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
        cvm::msr_write(X2APIC.start + ICR, value);
    } else {
        let state = crate::arch::irq_save();
        write(ICR + 1, destination << 24);
        write(ICR, command);
        while read(ICR) & 1 << 12 != 0 {
            core::hint::spin_loop();
        }
        crate::arch::irq_restore(state);
    }
}

/// Sends an interrupt to another CPU.
pub(crate) fn send_ipi(apic_id: u32, vector: u8) {
    send(apic_id, vector.into());
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
        // SAFETY: IOWIN is 16 bytes further.
        let window = unsafe { base.add(4) };
        // SAFETY: as above.
        unsafe { window.write_volatile(value) };
    };
    let entry = 0x10 + u32::from(line) * 2;
    put(entry + 1, apic_id << 24);
    put(entry, vector.into());
}
