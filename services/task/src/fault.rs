// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Faults of programs: page faults that memory resolves, signals for the rest.
//!
//! Spec: siginfo codes in sigaction(2).

use alloc::sync::Arc;

use abi::signal::{
    BUS_ADRALN, BUS_ADRERR, FPE_FLTDIV, FPE_FLTINV, FPE_FLTOVF, FPE_FLTRES, FPE_FLTUND, FPE_INTDIV,
    ILL_ILLOPN, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, SigInfo, Signal, TRAP_BRKPT, TRAP_TRACE,
};
use framework::user::{Accessor, Fault, FloatError, PageFault, UserContext};
use mm::{AddressSpace, FaultError};

use crate::process::Thread;

/// In the error code of a page fault: the page is there, but not for this access.
const PF_PROT: u64 = 1;

/// Serves a page fault of `user`, running in `mm`: resolves it or raises a signal.
pub fn page_fault(thread: &Arc<Thread>, mm: &AddressSpace, user: &UserContext, what: &PageFault) {
    thread.count_minor_fault();
    if what.by == Accessor::Processor {
        // The CPU itself reached for memory on the program's behalf (a far
        // return, say) and may not: no page put there could help.
        thread.set_last_fault(user.x86_exception());
        thread.force_signal(SigInfo::kernel(Signal::SEGV));
        return;
    }
    let Err(why) = mm.fault(what.addr, what.access) else { return };
    let (signal, code) = match why {
        FaultError::NotMapped => (Signal::SEGV, SEGV_MAPERR),
        FaultError::Forbidden => (Signal::SEGV, SEGV_ACCERR),
        FaultError::PastEnd => (Signal::BUS, BUS_ADRERR),
        FaultError::OutOfMemory => {
            // This thread is the victim, or nobody is left who could be.
            crate::signal::send::kill_from_kernel(thread.process());
            return;
        }
    };
    let mut exception = user.x86_exception();
    if what.addr >= mm::TASK_SIZE {
        // What is mapped in the kernel's half is not told.
        exception.code |= PF_PROT;
    }
    thread.set_last_fault(exception);
    thread.force_signal(SigInfo::fault(signal, code, what.addr as u64));
}

/// Raises the signal for any other fault of `user`.
pub fn fault(thread: &Arc<Thread>, user: &UserContext, what: Fault) {
    let (signal, code) = signal_for(what);
    let addr = match code {
        SI_KERNEL => 0,
        _ => user.pc(),
    };
    thread.set_last_fault(user.x86_exception());
    thread.force_signal(SigInfo::fault(signal, code, addr));
}

/// The signal and code for a fault other than a page fault.
fn signal_for(what: Fault) -> (Signal, i32) {
    match what {
        Fault::Division => (Signal::FPE, FPE_INTDIV),
        Fault::SingleStep => (Signal::TRAP, TRAP_TRACE),
        Fault::Breakpoint => (Signal::TRAP, SI_KERNEL),
        Fault::DebugTrap => (Signal::TRAP, TRAP_BRKPT),
        Fault::Instruction => (Signal::ILL, ILL_ILLOPN),
        Fault::Float(error) => (Signal::FPE, fpe_code(error)),
        Fault::Alignment => (Signal::BUS, BUS_ADRALN),
        Fault::Segment => (Signal::BUS, SI_KERNEL),
        Fault::Protection => (Signal::SEGV, SI_KERNEL),
    }
}

fn fpe_code(error: FloatError) -> i32 {
    match error {
        FloatError::Invalid => FPE_FLTINV,
        FloatError::DivisionByZero => FPE_FLTDIV,
        FloatError::Overflow => FPE_FLTOVF,
        FloatError::Underflow => FPE_FLTUND,
        FloatError::Inexact => FPE_FLTRES,
        FloatError::Unknown => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_faults() {
        assert_eq!(signal_for(Fault::Division), (Signal::FPE, 1));
        assert_eq!(signal_for(Fault::Instruction), (Signal::ILL, ILL_ILLOPN));
        assert_eq!(signal_for(Fault::Protection), (Signal::SEGV, SI_KERNEL));
        assert_eq!(signal_for(Fault::Breakpoint), (Signal::TRAP, SI_KERNEL));
        assert_eq!(signal_for(Fault::DebugTrap), (Signal::TRAP, TRAP_BRKPT));
        assert_eq!(signal_for(Fault::Float(FloatError::Inexact)), (Signal::FPE, 6));
        assert_eq!(signal_for(Fault::Float(FloatError::DivisionByZero)), (Signal::FPE, 3));
        assert_eq!(signal_for(Fault::Float(FloatError::Unknown)), (Signal::FPE, 0));
    }
}
