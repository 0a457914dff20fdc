// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What of a program's state is x86-64's own: for signal frames and debuggers, whose
//! layout is the architecture's too. All else asks [`super::UserContext`] in neutral terms.

mod context;
mod regs;

pub use regs::{
    Exception, FPU_SOFTWARE_BYTES, FXSAVE_BYTES, INITIAL_RFLAGS, USER_RFLAGS, UserRegs, rflags,
};
