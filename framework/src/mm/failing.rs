// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Allocations that fail on purpose, in kernels that are built with `fail-alloc`.
//!
//! From the first fork on, one in RATE of the allocations that may fail does:
//! [`admit`](super::admit), page frames of programs, page tables, stacks, and what is
//! larger than a page of the kernel's heap, whoever asks for it. A kernel that stops for
//! that has an allocation of a size that a program chooses, and no way back from it.

#[cfg(feature = "fail-alloc")]
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Fails one in so many; 0 is none.
#[cfg(feature = "fail-alloc")]
static RATE: AtomicU64 = AtomicU64::new(0);
/// Differs at each look: the seed, and how often there was one.
#[cfg(feature = "fail-alloc")]
static STATE: AtomicU64 = AtomicU64::new(0);

/// Begins to fail, as `nacre.fail_alloc=SEED,RATE` says.
#[cfg(feature = "fail-alloc")]
pub fn start_failing() {
    let Some((seed, rate)) = crate::cmdline::get().fail_alloc.and_then(|at| at.split_once(','))
    else {
        return;
    };
    if let (Ok(seed), Ok(rate)) = (seed.parse::<u64>(), rate.parse()) {
        let began = RATE.compare_exchange(0, rate, Relaxed, Relaxed).is_ok();
        if began {
            STATE.store(seed << 32, Relaxed);
        }
    }
}

/// Does nothing in this build.
#[cfg(not(feature = "fail-alloc"))]
#[inline]
pub fn start_failing() {}

/// Whether this allocation is one that fails.
#[cfg(feature = "fail-alloc")]
pub(super) fn strikes() -> bool {
    let rate = RATE.load(Relaxed);
    rate != 0 && mixed(STATE.fetch_add(1, Relaxed)).is_multiple_of(rate)
}

/// Whether this allocation is one that fails: none in this build.
#[cfg(not(feature = "fail-alloc"))]
#[inline]
pub(super) fn strikes() -> bool {
    false
}

/// A number whose every bit depends on every bit of `state` (splitmix64).
#[cfg(feature = "fail-alloc")]
fn mixed(state: u64) -> u64 {
    let a = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}
