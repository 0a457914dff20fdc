// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Segments, task state segments and the interrupt stacks of each CPU.

use alloc::boxed::Box;
use core::arch::asm;

use crate::arch::x86::cpu::local::Local;
use crate::mm::{self, KernelStack, NoMemory};

pub(crate) const KERNEL_CS: u16 = 0x08;
pub(crate) const KERNEL_SS: u16 = 0x10;
/// SYSRET loads SS = STAR\[63:48\] + 8 and CS = STAR\[63:48\] + 16.
pub(crate) const USER_SS: u16 = 0x18 | 3;
pub(crate) const USER_CS: u16 = 0x20 | 3;
const TSS_SELECTOR: u16 = 0x28;

/// Interrupt stack table slots.
pub(crate) const IST_NMI: u8 = 1;
pub(crate) const IST_DOUBLE_FAULT: u8 = 2;
pub(crate) const IST_MACHINE_CHECK: u8 = 3;
pub(crate) const IST_DEBUG: u8 = 4;
pub(crate) const IST_VIRTUALIZATION: u8 = 5;
pub(crate) const IST_COMMUNICATION: u8 = 6;
const IST_STACKS: usize = 6;

/// Size of an interrupt stack, and what its end is a multiple of; its last word points to
/// the [`Local`].
pub(crate) const IST_SIZE: usize = mm::KERNEL_STACK_SIZE;

/// 64-bit TSS (Intel SDM vol. 3, figure 9-11).
#[repr(C, packed(4))]
struct Tss {
    reserved0: u32,
    rsp: [u64; 3],
    reserved1: u64,
    ist: [u64; 7],
    reserved2: u64,
    reserved3: u16,
    io_map_base: u16,
}

#[repr(C, align(64))]
struct Segments {
    gdt: [u64; 7],
    tss: Tss,
}

#[repr(C, packed)]
pub(crate) struct TablePointer {
    pub(crate) limit: u16,
    pub(crate) base: u64,
}

/// Tables and stacks of a CPU that does not use them yet.
pub(crate) struct Prepared {
    segments: &'static Segments,
    /// Where each stack ends.
    stacks: [usize; IST_STACKS],
}

impl Prepared {
    /// Allocates them; they stay for ever. Below each stack is a guard.
    ///
    /// # Errors
    /// [`NoMemory`] when there is none for the stacks.
    pub(crate) fn new() -> Result<Self, NoMemory> {
        let mut segments = Box::new(Segments {
            gdt: [
                0,
                0x00af_9b00_0000_ffff,
                0x00cf_9300_0000_ffff,
                0x00cf_f300_0000_ffff,
                0x00af_fb00_0000_ffff,
                0,
                0,
            ],
            tss: Tss {
                reserved0: 0,
                rsp: [0; 3],
                reserved1: 0,
                ist: [0; 7],
                reserved2: 0,
                reserved3: 0,
                io_map_base: size_of::<Tss>() as u16,
            },
        });
        let mut stacks = [0; IST_STACKS];
        let mut ist = [0; 7];
        for (slot, end) in ist.iter_mut().zip(&mut stacks) {
            let stack = KernelStack::new()?;
            *end = stack.top();
            *slot = (*end - 16) as u64;
            core::mem::forget(stack);
        }
        segments.tss.ist = ist;
        let base = (&raw const segments.tss).addr() as u64;
        let limit = size_of::<Tss>() as u64 - 1;
        segments.gdt[5] = limit | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        segments.gdt[6] = base >> 32;
        Ok(Self { segments: Box::leak(segments), stacks })
    }

    /// Where the stacks end.
    #[cfg(feature = "ktest")]
    pub(crate) fn stacks(&self) -> [usize; IST_STACKS] {
        self.stacks
    }

    /// Loads them on this CPU, and tells its block where the TSS is.
    ///
    /// # Safety
    /// On the CPU that `local` belongs to, once, with interrupts off.
    pub(crate) unsafe fn load(self, local: &'static Local) {
        local.set_tss((&raw const self.segments.tss).addr() as u64);
        let base = core::ptr::from_ref(local).addr();
        for end in self.stacks {
            let slot = core::ptr::with_exposed_provenance_mut::<usize>(end - 8);
            // SAFETY: the last word of a mapped stack that is ours for ever and not used yet.
            unsafe { slot.write(base) };
        }
        let pointer = TablePointer {
            limit: size_of_val(&self.segments.gdt) as u16 - 1,
            base: self.segments.gdt.as_ptr().addr() as u64,
        };
        // SAFETY: the table is leaked and well formed; CS, SS, DS and ES get the
        // kernel's flat segments; GS is loaded before its base is set by `install`;
        // there is no LDT, at reset it would be the memory at address 0.
        unsafe {
            asm!(
                "lgdt [{pointer}]",
                "mov ss, {data:x}",
                "mov ds, {data:x}",
                "mov es, {data:x}",
                "push {code}",
                "lea {scratch}, [rip + 2f]",
                "push {scratch}",
                "retfq",
                "2:",
                "ltr {tss:x}",
                "lldt {none:x}",
                pointer = in(reg) &raw const pointer,
                data = in(reg) u64::from(KERNEL_SS),
                code = in(reg) u64::from(KERNEL_CS),
                tss = in(reg) u64::from(TSS_SELECTOR),
                none = in(reg) 0_u64,
                scratch = out(reg) _,
            )
        };
    }
}
