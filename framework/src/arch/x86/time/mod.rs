// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clocks and the timer.

pub(super) mod cmos;
pub(super) mod deadline;
pub(super) mod rtc;
pub(super) mod tsc;
