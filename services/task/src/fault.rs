// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Exceptions of user code: page faults that memory resolves, signals for the rest.
//!
//! Spec: Intel SDM vol. 3, ch. 7; siginfo codes in sigaction(2).

use alloc::sync::Arc;

use abi::signal::{
    BUS_ADRALN, BUS_ADRERR, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV,
    ILL_ILLOPN, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, SigInfo, Signal, TRAP_BRKPT, TRAP_TRACE,
};
use framework::{
    mm::Access,
    user::{UserContext, UserException},
};
use mm::{AddressSpace, FaultError};

use crate::thread::Thread;

/// What the last fault was, for the signal frame.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct LastFault {
    pub(crate) vector: u64,
    pub(crate) code: u64,
    pub(crate) addr: u64,
}

const PAGE_FAULT: u8 = 14;
const WRITE: u32 = 1 << 1;
const USER: u32 = 1 << 2;
const FETCH: u32 = 1 << 4;

/// Serves an exception that `user`, running in `mm`, raised: resolves it or
/// raises a signal.
pub fn exception(
    thread: &Arc<Thread>,
    mm: &AddressSpace,
    user: &mut UserContext,
    what: &UserException,
) {
    if what.vector == PAGE_FAULT {
        page_fault(thread, mm, what);
        return;
    }
    let (signal, code) = signal_for(what.vector, user);
    let addr = match code {
        SI_KERNEL => 0,
        _ => user.regs().rip,
    };
    note(thread, what);
    thread.force_signal(SigInfo::fault(signal, code, addr));
}

fn note(thread: &Thread, what: &UserException) {
    thread.set_last_fault(LastFault {
        vector: u64::from(what.vector),
        code: u64::from(what.code),
        addr: what.addr,
    });
}

fn page_fault(thread: &Arc<Thread>, mm: &AddressSpace, what: &UserException) {
    let access = match what.code {
        code if code & FETCH != 0 => Access::Exec,
        code if code & WRITE != 0 => Access::Write,
        _ => Access::Read,
    };
    thread.count_minor_fault();
    if what.code & USER == 0 {
        // The CPU itself reached for memory on the program's behalf (a far
        // return, say) and may not: no page put there could help.
        note(thread, what);
        thread.force_signal(SigInfo::kernel(Signal::SEGV));
        return;
    }
    let Err(why) = mm.fault(what.addr as usize, access) else { return };
    let (signal, code) = match why {
        FaultError::NotMapped => (Signal::SEGV, SEGV_MAPERR),
        FaultError::Forbidden => (Signal::SEGV, SEGV_ACCERR),
        FaultError::PastEnd => (Signal::BUS, BUS_ADRERR),
        FaultError::OutOfMemory => {
            // The memory killer gave up, or this thread is its victim.
            crate::signal::send::kill_from_kernel(thread.process());
            return;
        }
    };
    note(thread, what);
    thread.force_signal(SigInfo::fault(signal, code, what.addr));
}

/// The signal and code for an exception other than a page fault.
fn signal_for(vector: u8, user: &mut UserContext) -> (Signal, i32) {
    match vector {
        0 => (Signal::FPE, FPE_INTDIV),
        1 => (Signal::TRAP, TRAP_TRACE),
        3 => (Signal::TRAP, SI_KERNEL),
        6 => (Signal::ILL, ILL_ILLOPN),
        16 => (Signal::FPE, x87_code(user)),
        17 => (Signal::BUS, BUS_ADRALN),
        19 => (Signal::FPE, simd_code(user)),
        2 => (Signal::TRAP, TRAP_BRKPT),
        11 | 12 => (Signal::BUS, SI_KERNEL),
        _ => (Signal::SEGV, SI_KERNEL),
    }
}

/// The bytes at the start of the FPU state: control, status, … MXCSR at 24.
fn fpu_head(user: &mut UserContext) -> [u8; 512] {
    let mut head = [0; 512];
    user.save_fpu(&mut head);
    head
}

fn half(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn x87_code(user: &mut UserContext) -> i32 {
    let head = fpu_head(user);
    fpe_code(half(&head, 2) & !half(&head, 0))
}

fn simd_code(user: &mut UserContext) -> i32 {
    let mxcsr = half(&fpu_head(user), 24);
    fpe_code(mxcsr & !(mxcsr >> 7))
}

/// The `FPE_` code of the unmasked exceptions in `flags`.
const fn fpe_code(flags: u16) -> i32 {
    match () {
        () if flags & 0x01 != 0 => FPE_FLTINV,
        () if flags & 0x04 != 0 => FPE_FLTDIV,
        () if flags & 0x08 != 0 => FPE_FLTOVF,
        () if flags & 0x12 != 0 => FPE_FLTUND, // Denormal too.
        () if flags & 0x20 != 0 => FPE_FLTRES,
        () => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_vectors() {
        let mut user = UserContext::new().unwrap();
        let of = |v, u: &mut UserContext| signal_for(v, u);
        assert_eq!(of(0, &mut user), (Signal::FPE, 1));
        assert_eq!(of(6, &mut user), (Signal::ILL, ILL_ILLOPN));
        assert_eq!(of(13, &mut user), (Signal::SEGV, SI_KERNEL));
        assert_eq!(of(3, &mut user), (Signal::TRAP, SI_KERNEL));
        assert_eq!(fpe_code(0x20), 6);
        assert_eq!(fpe_code(0x24), 3);
        assert_eq!(fpe_code(0), 0);
    }
}
