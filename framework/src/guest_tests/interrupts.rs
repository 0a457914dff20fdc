// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Vectors that nobody asked for, at any point of a program or of the kernel.

use super::program;
use crate::user::ReturnReason;
use crate::{arch, check, irq};

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

    fn a_spurious_interrupt_changes_no_register_of_a_program() {
        // l: inc rax; cmp rax, rbx; jne l; syscall
        let (_space, mut context) =
            program(&[0x48, 0xff, 0xc0, 0x48, 0x39, 0xd8, 0x75, 0xf8, 0x0f, 0x05])?;
        context.regs_mut().rbx = 200_000;
        context.regs_mut().r12 = 0x1234;
        arch::interrupt_self_soon(0x80);
        check!(context.run() == ReturnReason::Syscall);
        check!(context.regs().rax == 200_000);
        check!(context.regs().r12 == 0x1234);
    }
}
