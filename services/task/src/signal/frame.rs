// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pushing a signal frame: where it goes and what is in it.
//!
//! From low to high: return address, ucontext, siginfo; above it, aligned to 64,
//! the XSAVE image with Linux's marks in its software-reserved bytes.
//!
//! Trust: everything in a frame comes back from the program at sigreturn.
//! Spec: arch/x86/include/uapi/asm/{sigcontext,ucontext}.h, as documented there.

use abi::signal::frame::{
    FP_XSTATE_MAGIC1, FP_XSTATE_MAGIC2, FP_XSTATE_MAGIC2_SIZE, FpxSwBytes, RED_ZONE, SigContext,
    SigFrame, UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS, UContext, USER_CS, USER_SS,
};
use abi::signal::{SaFlags, SigInfo, SigSet, Signal};
use abi::{Result, err};
use framework::{
    mm::{Pod, VmSpace},
    user::{
        UserContext,
        x86::{Exception, FPU_SOFTWARE_BYTES, rflags},
    },
};

use crate::{
    process::Thread,
    signal::{AltStack, SigAction},
};

/// What a frame is made for.
pub(super) struct Request<'a> {
    pub(super) signal: Signal,
    pub(super) info: &'a SigInfo,
    pub(super) action: &'a SigAction,
    pub(super) mask: SigSet,
    pub(super) alt_stack: AltStack,
}

/// Where the parts of a frame go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    frame: u64,
    fpstate: u64,
}

/// AT_MINSIGSTKSZ: the most that a frame takes.
pub fn min_stack_size() -> usize {
    let frame = size_of::<SigFrame>() + RED_ZONE as usize;
    (frame + UserContext::fpu_size() + FP_XSTATE_MAGIC2_SIZE + 64 + 16).next_multiple_of(16)
}

/// Finds room for a frame below `rsp` or on the alternate stack.
fn place(rsp: u64, fpu_len: usize, on_alt: bool, alt: &AltStack) -> Result<Place> {
    let mut sp = rsp.wrapping_sub(RED_ZONE);
    let mut must_fit = on_alt && alt.contains(rsp);
    if on_alt && let Some(top) = alt.top_for(sp) {
        sp = top;
        must_fit = true;
    }
    let fpstate = sp.wrapping_sub(fpu_len as u64) & !63;
    let below = fpstate.wrapping_sub(size_of::<SigFrame>() as u64);
    let frame = (below & !15).wrapping_sub(8);
    if must_fit && !alt.holds(frame) {
        return err!(EFAULT, "the signal stack overflows");
    }
    Ok(Place { frame, fpstate })
}

/// Pushes a frame and points `user` at the handler.
pub(super) fn push(
    thread: &Thread,
    user: &mut UserContext,
    vm: &VmSpace,
    what: &Request<'_>,
) -> Result<()> {
    if !what.action.flags.contains(SaFlags::RESTORER) {
        return err!(EFAULT, "x86-64 needs a restorer");
    }
    let rsp = user.sp();
    let on_alt = what.action.flags.contains(SaFlags::ONSTACK);
    let fpu_len = UserContext::fpu_size() + FP_XSTATE_MAGIC2_SIZE;
    let at = place(rsp, fpu_len, on_alt, &what.alt_stack)?;

    let context = UContext {
        flags: UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
        link: 0,
        stack: what.alt_stack.to_raw(rsp),
        mcontext: save_registers(user, at.fpstate, what.mask, &thread.last_fault()),
        sigmask: what.mask.bits(),
    };
    let frame = SigFrame { return_address: what.action.restorer, context, info: *what.info };
    push_fpu(vm, user, at.fpstate as usize)?;
    vm.write_val(at.frame as usize, frame)?;
    user.clear_fpu();

    let regs = user.x86_regs_mut();
    regs.rdi = what.signal.number() as u64;
    regs.rsi = at.frame + core::mem::offset_of!(SigFrame, info) as u64;
    regs.rdx = at.frame + core::mem::offset_of!(SigFrame, context) as u64;
    regs.rax = 0;
    regs.rip = what.action.handler;
    regs.rsp = at.frame;
    regs.rflags &= !(rflags::DF | rflags::RF | rflags::TF);
    Ok(())
}

fn save_registers(user: &UserContext, fpstate: u64, mask: SigSet, fault: &Exception) -> SigContext {
    let r = user.x86_regs();
    SigContext {
        r8: r.r8,
        r9: r.r9,
        r10: r.r10,
        r11: r.r11,
        r12: r.r12,
        r13: r.r13,
        r14: r.r14,
        r15: r.r15,
        rdi: r.rdi,
        rsi: r.rsi,
        rbp: r.rbp,
        rbx: r.rbx,
        rdx: r.rdx,
        rax: r.rax,
        rcx: r.rcx,
        rsp: r.rsp,
        rip: r.rip,
        eflags: r.rflags,
        cs: USER_CS,
        gs: 0,
        fs: 0,
        ss: USER_SS,
        err: fault.code,
        trapno: fault.vector,
        oldmask: mask.bits(),
        cr2: fault.addr,
        fpstate,
        reserved: [0; 8],
    }
}

/// Writes the FPU state as a program finds it: the XSAVE image with Linux's marks.
fn push_fpu(vm: &VmSpace, user: &mut UserContext, at: usize) -> Result<()> {
    let size = UserContext::fpu_size();
    user.save_fpu_to(vm, at, &marks(size))?;
    vm.write_val(at.wrapping_add(size), FP_XSTATE_MAGIC2)?;
    Ok(())
}

/// The marks within an image of `size` bytes of XSAVE state.
fn marks(size: usize) -> [u8; FPU_SOFTWARE_BYTES] {
    let marks = FpxSwBytes {
        magic1: FP_XSTATE_MAGIC1,
        extended_size: (size + FP_XSTATE_MAGIC2_SIZE) as u32,
        features: UserContext::fpu_features(),
        xstate_size: size as u32,
        ..FpxSwBytes::default()
    };
    let mut bytes = [0; FPU_SOFTWARE_BYTES];
    marks.to_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placing_on_the_current_stack() {
        for rsp in [0x7fff_0000_1000, 0x7fff_0000_1008, 0x7fff_0000_1237] {
            let at = place(rsp, 836, false, &AltStack::default()).unwrap();
            assert_eq!((at.frame + 8) % 16, 0);
            assert_eq!(at.fpstate % 64, 0);
            assert!(at.fpstate + 836 <= rsp - RED_ZONE);
            assert!(at.frame + 440 <= at.fpstate);
        }
        // A wild stack pointer wraps; writing there fails later.
        assert!(place(3, 836, false, &AltStack::default()).is_ok());
    }

    #[test]
    fn marks_are_linux() {
        let bytes = marks(832);
        assert_eq!(bytes[..4], FP_XSTATE_MAGIC1.to_le_bytes());
        assert_eq!(bytes[4..8], 836_u32.to_le_bytes());
        assert_eq!(bytes[16..20], 832_u32.to_le_bytes());
        assert_eq!(bytes[20..], [0; 28]);
    }
}
