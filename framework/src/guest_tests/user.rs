// SPDX-License-Identifier: Apache-2.0 OR MIT
//! User mode: what a program can do to the kernel (nothing).

use super::{CODE, DATA, Outcome, program};
use crate::mm::Access;
use crate::task::TaskBuilder;
use crate::user::x86::Exception;
use crate::user::{Accessor, Fault, PageFault, Trap};
use crate::{check, task};

/// Runs `code`, which must end in the given exception at its first instruction.
fn faults_with(code: &[u8], vector: u8) -> Outcome {
    let (_space, mut context) = program(code)?;
    let before = *context.x86_regs();
    let Trap::Fault(_) = context.run() else {
        return Err("no exception");
    };
    let exception = context.x86_exception();
    if exception.vector != u64::from(vector) {
        log::error!("code {code:x?}: {exception:?}");
        return Err("another exception than expected");
    }
    check!(context.x86_regs().rip == before.rip);
    check!(context.x86_regs().rsp == before.rsp);
    Ok(())
}

crate::kernel_test! {
    fn system_call_keeps_registers() {
        // mov eax, 39; syscall
        let (_space, mut context) = program(&[0xb8, 39, 0, 0, 0, 0x0f, 0x05])?;
        context.x86_regs_mut().rbx = 1;
        context.x86_regs_mut().r15 = u64::MAX;
        check!(context.run() == Trap::Syscall);
        check!(context.x86_regs().rax == 39);
        check!(context.x86_regs().rbx == 1);
        check!(context.x86_regs().r15 == u64::MAX);
        check!(context.x86_regs().rip == CODE as u64 + 7);
        check!(context.x86_regs().rcx == context.x86_regs().rip);
        check!(context.x86_regs().r11 == context.x86_regs().rflags);
    }

    fn every_register_gets_through() {
        // syscall
        let (_space, mut context) = program(&[0x0f, 0x05])?;
        let regs = context.x86_regs_mut();
        (regs.rax, regs.rbx, regs.rdx, regs.rsi, regs.rdi, regs.rbp) = (1, 2, 3, 4, 5, 6);
        (regs.r8, regs.r9, regs.r10, regs.r12, regs.r13, regs.r14) = (7, 8, 9, 10, 11, 12);
        let before = *context.x86_regs();
        check!(context.run() == Trap::Syscall);
        let after = context.x86_regs();
        check!((after.rax, after.rbx, after.rdx) == (before.rax, before.rbx, before.rdx));
        check!((after.rsi, after.rdi, after.rbp) == (before.rsi, before.rdi, before.rbp));
        check!((after.r8, after.r9, after.r10) == (before.r8, before.r9, before.r10));
        check!((after.r12, after.r13, after.r14) == (before.r12, before.r13, before.r14));
        check!(after.rsp == before.rsp);
    }

    fn privileged_instructions_fault() {
        const GP: u8 = 13;
        // INVD and WBINVD are missing: TCG ignores them in every ring.
        let codes: [&[u8]; 22] = [
            &[0xf4],                         // hlt
            &[0xfa],                         // cli
            &[0xfb],                         // sti
            &[0xe4, 0x60],                   // in al, 0x60
            &[0xe6, 0xf4],                   // out 0xf4, al
            &[0xec],                         // in al, dx
            &[0xee],                         // out dx, al
            &[0x6c],                         // insb
            &[0x6e],                         // outsb
            &[0x0f, 0x30],                   // wrmsr
            &[0x0f, 0x32],                   // rdmsr
            &[0x0f, 0x20, 0xc0],             // mov rax, cr0
            &[0x0f, 0x22, 0xd8],             // mov cr3, rax
            &[0x0f, 0x22, 0xe0],             // mov cr4, rax
            &[0x0f, 0x21, 0xc0],             // mov rax, dr0
            &[0x0f, 0x23, 0xf8],             // mov dr7, rax
            &[0x0f, 0x01, 0x10],             // lgdt [rax]
            &[0x0f, 0x01, 0x18],             // lidt [rax]
            &[0x0f, 0x00, 0xd8],             // ltr ax
            &[0x0f, 0x06],                   // clts
            &[0x0f, 0x01, 0x38],             // invlpg [rax]
            &[0x48, 0x0f, 0x07],             // sysretq
        ];
        for code in codes {
            faults_with(code, GP)?;
        }
    }

    fn swapgs_and_iret_do_not_help_a_program() {
        faults_with(&[0x0f, 0x01, 0xf8], 13)?; // swapgs
        faults_with(&[0x0f, 0x01, 0xcb], 6)?; // stac
        faults_with(&[0x0f, 0x01, 0xd1], 13)?; // xsetbv
    }

    fn software_interrupts_fault() {
        for vector in [0u8, 2, 8, 13, 14, 0x20, 0x30, 0x80, 0xef, 0xf0, 0xff] {
            faults_with(&[0xcd, vector], 13)?;
        }
    }

    fn breakpoint_is_reported() {
        let (_space, mut context) = program(&[0xcc])?;
        check!(context.run() == Trap::Fault(Fault::Breakpoint));
        check!(context.x86_exception() == Exception { vector: 3, code: 0, addr: 0 });
        check!(context.x86_regs().rip == CODE as u64 + 1);
    }

    fn page_faults_tell_address_and_access() {
        // mov rax, [0x1234]
        let (_space, mut context) = program(&[0x48, 0x8b, 4, 0x25, 0x34, 0x12, 0, 0])?;
        let read = PageFault { addr: 0x1234, access: Access::Read, by: Accessor::Program };
        check!(context.run() == Trap::PageFault(read));
        check!(context.x86_exception() == Exception { vector: 14, code: 4, addr: 0x1234 });
        // mov [0x400000], al: write to a read-only page
        let (_space, mut context) = program(&[0x88, 4, 0x25, 0, 0, 0x40, 0])?;
        let write = PageFault { addr: CODE, access: Access::Write, ..read };
        check!(context.run() == Trap::PageFault(write));
        check!(context.x86_exception().code == 7);
        // Jump to a page without EXEC.
        let (_space, mut context) = program(&[0x90])?;
        context.x86_regs_mut().rip = DATA as u64;
        let fetch = PageFault { addr: DATA, access: Access::Exec, ..read };
        check!(context.run() == Trap::PageFault(fetch));
        check!(context.x86_exception().code == 0x15);
    }

    fn kernel_addresses_are_out_of_reach() {
        // mov rax, [rbx]
        let (_space, mut context) = program(&[0x48, 0x8b, 3])?;
        for addr in [0xffff_ffff_8020_0000, 0xffff_8880_0000_1000, 0xffff_ffff_ffff_f000] {
            context.x86_regs_mut().rbx = addr;
            let reason = context.run();
            let is_fault = matches!(
                reason,
                Trap::PageFault(PageFault { addr: at, .. }) if at as u64 == addr
            );
            check!(is_fault);
        }
    }

    fn bad_instruction_pointers_become_faults() {
        let (_space, mut context) = program(&[0x90])?;
        for rip in [1 << 47, u64::MAX, 0xffff_8000_0000_0000, 0x7fff_ffff_ffff_ffff] {
            context.x86_regs_mut().rip = rip;
            let is_fault = matches!(
                context.run(),
                Trap::PageFault(_) | Trap::Fault(Fault::Protection)
            );
            check!(is_fault);
        }
    }

    fn flags_are_sanitised() {
        // pushfq; pop rax; syscall
        let (_space, mut context) = program(&[0x9c, 0x58, 0x0f, 0x05])?;
        context.x86_regs_mut().rflags = !0x100;
        check!(context.run() == Trap::Syscall);
        // IOPL, NT, RF, VM, VIF and VIP are gone, IF is set.
        check!(context.x86_regs().rax & 0x1b_7000 == 0);
        check!(context.x86_regs().rax & 0x200 != 0);
    }

    fn single_steps_are_the_programs_own() {
        let (_space, mut context) = program(&[0x90, 0x90, 0x0f, 0x05])?;
        context.x86_regs_mut().rflags |= 0x100;
        let step = Trap::Fault(Fault::SingleStep);
        check!(context.run() == step);
        check!(context.x86_regs().rip == CODE as u64 + 1);
        check!(context.run() == step);
        check!(context.x86_regs().rip == CODE as u64 + 2);
    }

    fn a_stack_pointer_in_the_kernel_is_harmless() {
        let (_space, mut context) = program(&[0x0f, 0x05])?;
        for rsp in [0xffff_ffff_8020_0000, 0xffff_8880_0000_1000, 1 << 47, 0, 7] {
            context.x86_regs_mut().rip = CODE as u64;
            context.x86_regs_mut().rsp = rsp;
            check!(context.run() == Trap::Syscall);
            check!(context.x86_regs().rsp == rsp);
        }
    }

    fn segment_bases_survive_a_switch() {
        // wrfsbase rax; wrgsbase rbx; syscall; rdfsbase rcx; rdgsbase rdx; syscall
        let (_space, mut context) = program(&[
            0xf3, 0x48, 0x0f, 0xae, 0xd0, 0xf3, 0x48, 0x0f, 0xae, 0xdb, 0x0f, 0x05, //
            0xf3, 0x48, 0x0f, 0xae, 0xc6, 0xf3, 0x48, 0x0f, 0xae, 0xca, 0x0f, 0x05,
        ])?;
        context.x86_regs_mut().rax = 0x1111_0000;
        context.x86_regs_mut().rbx = 0x2222_0000;
        check!(context.run() == Trap::Syscall);
        task::yield_now();
        check!(context.fs_base() == 0x1111_0000);
        check!(context.gs_base() == 0x2222_0000);
        check!(context.set_gs_base(0x3333_0000));
        check!(!context.set_fs_base(1 << 63));
        check!(context.run() == Trap::Syscall);
        check!(context.x86_regs().rsi == 0x1111_0000);
        check!(context.x86_regs().rdx == 0x3333_0000);
    }

    fn vector_registers_belong_to_their_task() {
        let done = alloc::sync::Arc::new(core::sync::atomic::AtomicU32::new(0));
        for n in 0..3u64 {
            let done = done.clone();
            let spawned = TaskBuilder::new("fpu", move || {
                if keeps_vector_register(n + 1) == Ok(true) {
                    done.fetch_add(1, core::sync::atomic::Ordering::SeqCst);
                }
            });
            check!(spawned.spawn().is_ok());
        }
        let end = crate::time::monotonic_ns() + 2_000_000_000;
        while done.load(core::sync::atomic::Ordering::SeqCst) < 3 {
            check!(crate::time::monotonic_ns() < end);
            task::yield_now();
        }
    }

    fn a_bad_fpu_image_is_refused() {
        let (space, mut context) = program(&[0x0f, 0x05])?;
        let software = [0; crate::user::x86::FPU_SOFTWARE_BYTES];
        check!(context.save_fpu_to(&space, DATA, &software).is_err()); // Never ran.
        check!(context.run() == Trap::Syscall);
        check!(context.save_fpu_to(&space, DATA + 8, &software).is_err());
        check!(context.save_fpu_to(&space, DATA + 4032, &software).is_err()); // Past the page.
        check!(context.save_fpu_to(&space, DATA, &software).is_ok());
        check!(context.load_fpu_from(&space, DATA).is_ok());
        check!(context.load_fpu_from(&space, DATA + 8).is_err());
        // XSTATE_BV, XCOMP_BV. (QEMU takes any MXCSR.)
        for (at, bad) in [(519, 0x80_u8), (520, 1)] {
            check!(context.load_fpu_from(&space, DATA).is_ok());
            let good: u8 = space.read_val(DATA + at).map_err(|_| "not mapped")?;
            check!(space.write_val(DATA + at, bad).is_ok());
            check!(context.load_fpu_from(&space, DATA).is_err());
            check!(space.write_val(DATA + at, good).is_ok());
        }
        let mut legacy = [0; crate::user::x86::FXSAVE_BYTES];
        check!(context.save_fpu(&mut legacy) == legacy.len());
        check!(context.load_fpu(&legacy).is_ok());
        if let Some(byte) = legacy.get_mut(27) { *byte = 0xff; } // MXCSR
        check!(context.load_fpu(&legacy).is_err());
        // What an image says of the CPU counts for nothing.
        if let Some(mask) = legacy.get_mut(28..32) { mask.fill(0xff); }
        if let Some(byte) = legacy.get_mut(27) { *byte = 0; }
        check!(context.load_fpu(&legacy).is_ok());
        if let Some(byte) = legacy.get_mut(27) { *byte = 0xff; }
        check!(context.load_fpu(&legacy).is_err());
    }

    fn copies_are_mended_for_users_alone() {
        check!(crate::arch::fixups_are_for_users());
    }

    fn interrupt_stacks_have_guards() {
        check!(crate::arch::interrupt_stacks_have_guards());
    }

    fn vector_registers_go_to_memory_and_back() {
        // movq xmm0, rax; syscall; movq rbx, xmm0; syscall
        let (space, mut context) = program(&[
            0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x0f, 0x05, 0x66, 0x48, 0x0f, 0x7e, 0xc3, 0x0f, 0x05,
        ])?;
        let start = context.x86_regs().rip;
        context.x86_regs_mut().rax = 0x1234;
        check!(context.run() == Trap::Syscall);
        task::yield_now(); // Not live any more.
        let software = [7; crate::user::x86::FPU_SOFTWARE_BYTES];
        check!(context.save_fpu_to(&space, DATA, &software).is_ok());
        check!(space.read_val(DATA + 160) == Ok(0x1234_u64));
        check!(space.read_val(DATA + 464) == Ok([7_u8; 48]));
        check!(space.read_val(DATA + 520) == Ok([0_u8; 56]));
        context.x86_regs_mut().rip = start;
        context.x86_regs_mut().rax = 0x5678;
        check!(context.run() == Trap::Syscall);
        check!(context.load_fpu_from(&space, DATA).is_ok());
        task::yield_now();
        check!(context.run() == Trap::Syscall);
        check!(context.x86_regs().rbx == 0x1234);
    }
}

/// Keeps a value in XMM0 over many switches: movq xmm0, rax; then
/// l: syscall; movq rbx, xmm0; jmp l.
fn keeps_vector_register(value: u64) -> Outcome<bool> {
    let (_space, mut context) = program(&[
        0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x0f, 0x05, 0x66, 0x48, 0x0f, 0x7e, 0xc3, 0xeb, 0xf7,
    ])?;
    context.x86_regs_mut().rax = value;
    for round in 0..50 {
        if context.run() != Trap::Syscall {
            return Ok(false);
        }
        if round > 0 && context.x86_regs().rbx != value {
            return Ok(false);
        }
        task::yield_now();
    }
    Ok(true)
}
