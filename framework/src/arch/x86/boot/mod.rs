// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Begin and end of the machine: entry, other CPUs, power-off, restart, stop.

pub(super) mod smp;
pub(super) mod start;
pub(super) mod stop;
