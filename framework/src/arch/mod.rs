// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What differs between the machine and the hosted backend.
//!
//! Every other module of the crate is arch-neutral and calls only what both
//! backends define.

#[cfg(target_os = "none")]
mod x86;
#[cfg(target_os = "none")]
pub(crate) use x86::*;

/// Hosted, page tables have the machine's format and lie in simulated memory.
#[cfg(not(target_os = "none"))]
pub(crate) mod x86 {
    pub(crate) mod mm {
        pub(crate) mod paging;
    }
    #[cfg(test)]
    mod time {
        mod calibrate;
        mod cmos;
    }
    #[cfg(test)]
    mod trap {
        mod decode;
    }
}

#[cfg(not(target_os = "none"))]
pub(crate) use crate::hosted::arch::*;
