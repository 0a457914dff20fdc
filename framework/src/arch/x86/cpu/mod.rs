// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One CPU: what it can do, and the block of data that is its own.

pub(super) mod cpuid;
pub(super) mod percpu;
