// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clocks and the timer.

mod calibrate;
pub(super) mod cmos;
pub(super) mod deadline;
mod pit;
pub(super) mod rtc;
pub(super) mod tsc;
