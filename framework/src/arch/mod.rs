// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What differs between the machine and the hosted backend.
//!
//! Every other module of the crate is arch-neutral and calls only what both
//! backends define.

#[cfg(target_os = "none")]
mod x86;
#[cfg(target_os = "none")]
pub(crate) use x86::*;

#[cfg(not(target_os = "none"))]
mod hosted;
#[cfg(not(target_os = "none"))]
pub(crate) use hosted::*;
