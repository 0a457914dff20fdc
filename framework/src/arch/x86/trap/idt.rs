// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The interrupt descriptor table: one for all CPUs.
//!
//! Every vector has a gate. Only #BP and #OF may be called by programs (INT3,
//! INTO); there is no `int 0x80`: a program that tries gets #GP.

use core::arch::asm;
use core::cell::UnsafeCell;

use super::gdt::{self, KERNEL_CS, TablePointer};

unsafe extern "C" {
    static vector_stubs: [[u8; 16]; 256];
}

#[repr(C, align(4096))]
struct Idt(UnsafeCell<[[u64; 2]; 256]>);

// SAFETY: written once, by the boot CPU, before it or any other CPU loads it.
unsafe impl Sync for Idt {}

static IDT: Idt = Idt(UnsafeCell::new([[0; 2]; 256]));

const INTERRUPT_GATE: u64 = 0x8e;
const DPL3: u64 = 0x60;

/// Fills the table.
///
/// # Safety
/// Once, by the boot CPU, before any CPU calls [`load`].
pub(crate) unsafe fn init() {
    // SAFETY: nobody else uses the table yet (caller).
    let table = unsafe { &mut *IDT.0.get() };
    let stubs = (&raw const vector_stubs).addr() as u64;
    for (vector, gate) in (0u64..).zip(table.iter_mut()) {
        let entry = stubs + vector * 16;
        let ist = match vector {
            1 => gdt::IST_DEBUG,
            2 => gdt::IST_NMI,
            8 => gdt::IST_DOUBLE_FAULT,
            18 => gdt::IST_MACHINE_CHECK,
            20 => gdt::IST_VIRTUALIZATION,
            29 => gdt::IST_COMMUNICATION,
            _ => 0,
        };
        let kind = if vector == 3 || vector == 4 { INTERRUPT_GATE | DPL3 } else { INTERRUPT_GATE };
        *gate = [
            entry & 0xffff
                | u64::from(KERNEL_CS) << 16
                | u64::from(ist) << 32
                | kind << 40
                | (entry >> 16 & 0xffff) << 48,
            entry >> 32,
        ];
    }
}

/// Makes this CPU use the table.
pub(crate) fn load() {
    let pointer = TablePointer { limit: 4095, base: IDT.0.get().addr() as u64 };
    // SAFETY: the table is a static, filled before any CPU comes here.
    unsafe { asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, readonly)) };
}
