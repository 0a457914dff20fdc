// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How much a process asks to be spared when memory runs out.
//!
//! Spec: linux/oom.h; /proc/pid/oom_score_adj and oom_adj in proc(5).

/// The least adjustment: never chosen.
pub const OOM_SCORE_ADJ_MIN: i64 = -1000;
/// The greatest adjustment: chosen first.
pub const OOM_SCORE_ADJ_MAX: i64 = 1000;

/// The old scale's "never chosen".
pub const OOM_DISABLE: i64 = -17;
/// The old scale's greatest adjustment.
pub const OOM_ADJUST_MAX: i64 = 15;
