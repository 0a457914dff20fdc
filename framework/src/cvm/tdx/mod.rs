// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A trust domain of Intel TDX: all that the kernel knows of it.
//!
//! [`Tdx`] is the backend; beneath it lie TDCALL and its leaves, the policy, pages,
//! exceptions, the wake-up mailbox, reports and quotes.
//!
//! Trust: answers of the TDX module are the hardware's; a TDVMCALL's are the host's.
//! Spec: Intel TDX module ABI; GHCI 1.5.

mod backend;
mod call;
mod cpuid;
#[cfg(all(not(target_os = "none"), feature = "fuzz"))]
pub(crate) mod fuzz;
mod mailbox;
mod memory;
mod page;
mod policy;
mod quote;
mod report;
#[cfg(test)]
mod tests;
mod ve;

pub(super) use self::backend::Tdx;
