// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signals: numbers, sets, what they carry, and the frame a handler finds.
//!
//! Spec: signal(7), sigaction(2), sigreturn(2).

mod action;
pub mod frame;
mod info;
mod number;
mod set;

pub use action::{
    MINSIGSTKSZ, RawAltStack, RawSigAction, SIG_BLOCK, SIG_DFL, SIG_IGN, SIG_SETMASK, SIG_UNBLOCK,
    SIGSET_SIZE, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, SaFlags,
};
pub use info::*;
pub use number::{DefaultAction, Signal};
pub use set::SigSet;
