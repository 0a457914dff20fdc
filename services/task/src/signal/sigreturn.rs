// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Leaving a handler: registers, mask and FPU state come back from the frame.
//!
//! Trust: the frame is the program's; nothing in it can hurt but the program.
//! What no user mode can have (selectors, a bad FPU image) ends in SIGSEGV.

use alloc::sync::Arc;
use core::mem::offset_of;

use abi::signal::SigSet;
use abi::signal::frame::{
    FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2, FP_XSTATE_MAGIC2_SIZE, FpxSwBytes, SW_RESERVED, SigContext,
    SigFrame, UC_STRICT_RESTORE_SS, UContext, USER_CS, USER_SS,
};
use abi::{Result, err, error};
use framework::{
    mm::VmSpace,
    user::{
        UserContext, is_user_address,
        x86::{FXSAVE_BYTES, INITIAL_RFLAGS, rflags},
    },
};

use crate::{process::Thread, signal::MaskChange};

/// Flags that sigreturn takes from the frame.
const RESTORED_FLAGS: u64 = rflags::STATUS | rflags::TF | rflags::RF | rflags::AC;

/// rt_sigreturn(2): `user` continues as the frame at its stack pointer, in `vm`, says;
/// a frame that cannot be used raises SIGSEGV.
pub fn sigreturn(thread: &Arc<Thread>, user: &mut UserContext, vm: &VmSpace) {
    if restore(thread, user, vm).is_err() {
        thread.force_sigsegv(None);
    }
}

fn restore(thread: &Thread, user: &mut UserContext, vm: &VmSpace) -> Result<()> {
    // The handler's `ret` has popped the return address.
    let at = user.sp().wrapping_sub(8);
    let context = at.wrapping_add(offset_of!(SigFrame, context) as u64);
    let context: UContext = vm.read_val(context as usize)?;
    thread.change_mask(MaskChange::Set, SigSet::mask_from_bits(context.sigmask));
    let saved = &context.mcontext;
    restore_registers(user, saved);
    check_selectors(saved, context.flags)?;
    if !is_user_address(saved.rip) {
        return err!(EFAULT, "not a user address");
    }
    restore_fpu(vm, user, saved.fpstate)?;
    thread.restore_altstack(&context.stack, user.sp());
    Ok(())
}

fn restore_registers(user: &mut UserContext, from: &SigContext) {
    let r = user.x86_regs_mut();
    r.r8 = from.r8;
    r.r9 = from.r9;
    r.r10 = from.r10;
    r.r11 = from.r11;
    r.r12 = from.r12;
    r.r13 = from.r13;
    r.r14 = from.r14;
    r.r15 = from.r15;
    r.rdi = from.rdi;
    r.rsi = from.rsi;
    r.rbp = from.rbp;
    r.rbx = from.rbx;
    r.rdx = from.rdx;
    r.rax = from.rax;
    r.rcx = from.rcx;
    r.rsp = from.rsp;
    r.rip = from.rip;
    r.rflags = (from.eflags & RESTORED_FLAGS) | INITIAL_RFLAGS;
}

/// The CPU would fault on the way to user mode with other selectors than these.
fn check_selectors(saved: &SigContext, flags: u64) -> Result<()> {
    if saved.cs | 3 != USER_CS {
        return err!(EFAULT, "bad code selector");
    }
    if flags & UC_STRICT_RESTORE_SS != 0 && saved.ss | 3 != USER_SS {
        return err!(EFAULT, "bad stack selector");
    }
    Ok(())
}

/// Loads the FPU image at `at`; none means the initial state.
fn restore_fpu(vm: &VmSpace, user: &mut UserContext, at: u64) -> Result<()> {
    if at == 0 {
        reset_fpu(user);
        return Ok(());
    }
    if !at.is_multiple_of(64) {
        return err!(EFAULT, "FPU image is not aligned");
    }
    let addr = at as usize;
    let loaded = if has_full_image(vm, addr) {
        user.load_fpu_from(vm, addr)
    } else {
        let mut legacy = [0; FXSAVE_BYTES];
        vm.read(addr, &mut legacy)?;
        user.load_fpu(&legacy)
    };
    loaded.map_err(|_| error!(EFAULT, "the CPU refuses the FPU image"))
}

/// Whether the marks say that the whole XSAVE area is there.
fn has_full_image(vm: &VmSpace, addr: usize) -> bool {
    let size = UserContext::fpu_size();
    let marks = vm.read_val::<FpxSwBytes>(addr.wrapping_add(SW_RESERVED));
    let is_marked = marks.is_ok_and(|marks| {
        marks.magic1 == FP_XSTATE_MAGIC1
            && marks.extended_size as usize == size + FP_XSTATE_MAGIC2_SIZE
            && marks.xstate_size as usize == size
    });
    is_marked && vm.read_val::<u32>(addr.wrapping_add(size)) == Ok(FP_XSTATE_MAGIC2)
}

/// The initial FPU state, by loading an image of it: `reset` would take the
/// general registers along.
fn reset_fpu(user: &mut UserContext) {
    let mut initial = [0; FXSAVE_BYTES];
    if let Some(control) = initial.get_mut(..2) {
        control.copy_from_slice(&0x37f_u16.to_le_bytes());
    }
    if let Some(mxcsr) = initial.get_mut(24..28) {
        mxcsr.copy_from_slice(&0x1f80_u32.to_le_bytes());
    }
    let _ = user.load_fpu(&initial);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors() {
        let mut saved = SigContext { cs: 0x33, ss: 0x2b, ..Default::default() };
        assert!(check_selectors(&saved, UC_STRICT_RESTORE_SS).is_ok());
        saved.ss = 0x18;
        assert!(check_selectors(&saved, UC_STRICT_RESTORE_SS).is_err());
        assert!(check_selectors(&saved, 0).is_ok());
        for cs in [0, 0x08, 0x10, 0x13, 0x23, 0xffff] {
            saved.cs = cs;
            assert!(check_selectors(&saved, 0).is_err());
        }
        saved.cs = 0x30;
        assert!(check_selectors(&saved, 0).is_ok());
    }

    #[test]
    fn no_privileged_flag_comes_back() {
        let mut user = UserContext::new().unwrap();
        let from = SigContext { eflags: u64::MAX, rip: 5, ..Default::default() };
        restore_registers(&mut user, &from);
        let iopl_nt_vm_vif = 0x3000 | 0x4000 | 0x2_0000 | 0x18_0000;
        assert_eq!(user.x86_regs().rflags & iopl_nt_vm_vif, 0);
        assert_ne!(user.x86_regs().rflags & 0x200, 0);
        assert_eq!(user.x86_regs().rip, 5);
    }
}
