// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One CPU: its instructions, what it can do, and the head of its own data.

pub(super) mod cpuid;
pub(super) mod features;
pub(super) mod local;
pub(super) mod msr;
pub(super) mod nap;
pub(super) mod preempt;
pub(super) mod setup;
