// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Vectors that nobody asked for, at any point of a program or of the kernel.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use super::program;
use crate::irq::IrqHandler;
use crate::user::Trap;
use crate::{arch, check, irq};

/// An interrupt that wants a switch of tasks, and has the next one wait already.
struct Storm {
    vector: AtomicU32,
    left: AtomicU32,
}

impl IrqHandler for Storm {
    fn handle(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) > 1 {
            arch::want_switch();
            arch::interrupt_self_soon(self.vector.load(Ordering::Relaxed) as u8);
        }
    }
}

crate::kernel_test! {
    fn unknown_vectors_are_dropped_and_counted() {
        let before = irq::unexpected();
        for vector in [0x20u8, 0x2f, 0x41, 0x80, 0xaa, 0xee, 0xf5, 0xfe] {
            arch::interrupt_self(vector);
        }
        check!(irq::unexpected() == before + 8);
    }

    fn an_nmi_is_counted_and_returns() {
        let before = arch::nmis();
        arch::nmi_self();
        check!(arch::nmis() == before + 1);
    }

    fn a_storm_of_interrupts_does_not_fill_the_stack() {
        let storm = Arc::new(Storm { vector: AtomicU32::new(0), left: AtomicU32::new(5000) });
        let Ok(vector) = irq::msi(storm.clone()) else { return Err("no vector") };
        storm.vector.store(vector.data, Ordering::Relaxed);
        arch::interrupt_self_soon(vector.data as u8);
        while storm.left.load(Ordering::Relaxed) > 0 {
            core::hint::spin_loop();
        }
    }

    fn a_spurious_interrupt_changes_no_register_of_a_program() {
        // l: inc rax; cmp rax, rbx; jne l; syscall
        let (_space, mut context) =
            program(&[0x48, 0xff, 0xc0, 0x48, 0x39, 0xd8, 0x75, 0xf8, 0x0f, 0x05])?;
        context.x86_regs_mut().rbx = 200_000;
        context.x86_regs_mut().r12 = 0x1234;
        arch::interrupt_self_soon(0x80);
        check!(context.run() == Trap::Syscall);
        check!(context.x86_regs().rax == 200_000);
        check!(context.x86_regs().r12 == 0x1234);
    }
}
