// SPDX-License-Identifier: Apache-2.0 OR MIT
//! x86-64's view of a [`UserContext`].

use super::{Exception, UserRegs};
use crate::user::UserContext;

/// Page fault.
const PAGE_FAULT: u64 = 14;

impl UserContext {
    /// The general registers.
    #[inline]
    pub fn x86_regs(&self) -> &UserRegs {
        &self.regs
    }

    /// The general registers, to change; any value is allowed.
    #[inline]
    pub fn x86_regs_mut(&mut self) -> &mut UserRegs {
        &mut self.regs
    }

    /// The numbers of the fault with which the last run ended.
    pub fn x86_exception(&self) -> Exception {
        let UserRegs { vector, error, .. } = self.regs;
        let addr = if vector == PAGE_FAULT { self.fault_addr } else { 0 };
        Exception { vector, code: error & u64::from(u32::MAX), addr }
    }
}
