// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Clocks: nanoseconds since boot, and the wall clock on top of them.
//!
//! Deadlines are absolute times of [`monotonic_ns`]; to wait for one, use
//! [`crate::sync::Wait::deadline_ns`]. There are no timer callbacks.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch;

/// Wall clock minus monotonic clock, in nanoseconds.
static REALTIME_OFFSET_NS: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds since boot; never goes back, whatever the host does.
#[inline]
pub fn monotonic_ns() -> u64 {
    arch::monotonic_ns()
}

/// Nanoseconds since 1970-01-01 UTC.
#[inline]
pub fn realtime_ns() -> u64 {
    monotonic_ns().wrapping_add(REALTIME_OFFSET_NS.load(Ordering::Relaxed))
}

/// Sets the wall clock.
pub fn set_realtime_ns(now_ns: u64) {
    REALTIME_OFFSET_NS.store(now_ns.wrapping_sub(monotonic_ns()), Ordering::Relaxed);
}

/// The frequency of the time-stamp counter in kHz.
pub fn tsc_khz() -> u64 {
    arch::tsc_khz()
}
