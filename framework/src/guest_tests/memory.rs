// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory on the machine: user copies, shootdowns, protection of the kernel.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use super::{CODE, DATA, program};
use crate::mm::Access;
use crate::mm::{Frame, NoMemory, Perms, VmSpace, WriteOutcome};
use crate::task::{Task, TaskBuilder};
use crate::user::{Accessor, PageFault, Trap, UserContext};
use crate::{check, cpu, time};

crate::kernel_test! {
    fn user_copies_reach_only_what_is_mapped() {
        let (space, _context) = program(&[0x90])?;
        let mut bytes = [0u8; 16];
        check!(space.write(DATA + 100, b"0123456789abcdef").is_ok());
        check!(space.read(DATA + 100, &mut bytes).is_ok());
        check!(&bytes == b"0123456789abcdef");
        check!(space.read(0x1000, &mut bytes).is_err());
        check!(space.write(CODE, &bytes).is_err());
        check!(space.read(DATA + 4090, &mut bytes).is_err());
        for addr in [usize::MAX - 7, 1 << 47, 0xffff_8880_0000_0000, 0x7fff_ffff_fff8] {
            check!(space.read(addr, &mut bytes).is_err());
            check!(space.write(addr, &bytes).is_err());
        }
    }

    fn unmapping_is_seen_by_a_running_cpu() {
        if cpu::count() < 2 { return Ok(()); }
        // l: mov al, [0x500000]; jmp l
        let (space, _context) = program(&[0x8a, 4, 0x25, 0, 0, 0x50, 0, 0xeb, 0xf7])?;
        let state = Arc::new(AtomicU32::new(0));
        let theirs = state.clone();
        let spawned = TaskBuilder::new("reader", move || {
            let Ok(mut context) = UserContext::new() else { return };
            context.x86_regs_mut().rip = CODE as u64;
            theirs.store(1, Ordering::SeqCst);
            let reason = context.run();
            let seen = matches!(
                reason,
                Trap::PageFault(PageFault { addr: DATA, .. })
            );
            theirs.store(if seen { 2 } else { 3 }, Ordering::SeqCst);
        });
        check!(spawned.vm_space(space.clone()).spawn().is_ok());
        while state.load(Ordering::SeqCst) == 0 {}
        let end = time::monotonic_ns() + 10_000_000;
        while time::monotonic_ns() < end {}
        space.unmap(DATA..DATA + 4096);
        let end = time::monotonic_ns() + 2_000_000_000;
        while state.load(Ordering::SeqCst) < 2 {
            check!(time::monotonic_ns() < end);
            crate::task::yield_now();
        }
        check!(state.load(Ordering::SeqCst) == 2);
    }

    fn a_forked_page_is_copied_on_write() {
        let (parent, _context) = program(&[0x90])?;
        check!(parent.write(DATA, b"parent").is_ok());
        let Ok(child) = VmSpace::new() else { return Err("no memory") };
        let forked = parent.fork_range(&child, DATA..DATA + 4096, crate::mm::Sharing::Private);
        check!(forked.is_ok());
        let mut seen = [0; 6];
        check!(child.read(DATA, &mut seen).is_ok() && &seen == b"parent");
        // Without a fault handler nobody breaks the sharing.
        check!(parent.write(DATA, b"x").is_err());
        let broken = parent.write_fault(DATA, Perms::READ | Perms::WRITE, || Err(NoMemory));
        check!(broken == Ok(WriteOutcome::Copied));
        check!(parent.write(DATA, b"PARENT").is_ok());
        check!(child.read(DATA, &mut seen).is_ok() && &seen == b"parent");
        Task::set_vm_space(None);
    }

    fn protection_changes_take_effect() {
        // mov [0x500000], al; syscall
        let (space, mut context) = program(&[0x88, 4, 0x25, 0, 0, 0x50, 0, 0x0f, 0x05])?;
        check!(context.run() == Trap::Syscall);
        space.protect(DATA..DATA + 4096, Perms::READ);
        context.x86_regs_mut().rip = CODE as u64;
        let fault = PageFault { addr: DATA, access: Access::Write, by: Accessor::Program };
        check!(context.run() == Trap::PageFault(fault));
        space.protect(DATA..DATA + 4096, Perms::READ | Perms::WRITE);
        check!(context.run() == Trap::Syscall);
    }

    fn frames_are_counted_and_zeroed() {
        let Ok(frame) = Frame::zeroed() else { return Err("no memory") };
        let mut bytes = [1u8; 64];
        frame.read(4032, &mut bytes);
        check!(bytes == [0; 64]);
        let second = frame.clone();
        check!(frame.refs() == 2);
        drop(second);
        check!(frame.refs() == 1);
    }
}
