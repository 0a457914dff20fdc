// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tasks on the machine: stacks, FPU state, switching.

pub(super) mod adopt;
pub(super) mod context;
pub(super) mod current;
pub(super) mod fpu;
pub(super) mod percpu;
pub(super) mod sched;
