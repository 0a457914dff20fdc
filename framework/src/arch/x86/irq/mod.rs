// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Interrupts: the controllers, and who handles which vector.

pub(super) mod apic;
pub(super) mod flags;
pub(super) mod interrupt;
