// SPDX-License-Identifier: Apache-2.0 OR MIT
//! [`Flag`]: the word of a spinning lock. Whoever finds it free takes it.
//!
//! It is unfair on purpose. The host runs as many CPUs at a time as it likes; with a
//! turn for each, a CPU that has its turn and does not run stops all behind it, and two CPUs
//! that share a core lose the rest of its time at each lock. Who waits for long gives
//! its core back for a moment, for the holder may need it to go on.

use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch;

/// Looks at the word before the core is given back: longer than a lock is held by a
/// CPU that runs.
const LOOKS: u32 = 1000;

#[derive(Debug)]
pub(super) struct Flag(AtomicBool);

/// Spins until something is over that another CPU does. No spinning lock is held.
pub(crate) fn spin_until(is_over: impl FnMut() -> bool) {
    spin(is_over, || {
        // Where it halts, nothing else can be chosen.
        arch::preempt_disable();
        arch::nap();
        arch::preempt_enable();
    });
}

/// Looks until `is_over`; after many looks, gives the core back by `nap` each time.
fn spin(mut is_over: impl FnMut() -> bool, mut nap: impl FnMut()) {
    loop {
        for _ in 0..LOOKS {
            if is_over() {
                return;
            }
            arch::spin_hint();
        }
        nap();
    }
}

impl Flag {
    pub(super) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn try_take(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    /// Takes the flag, which was not free a moment ago. `nap` gives the core back.
    #[cold]
    pub(super) fn take_slowly(&self, nap: impl FnMut()) {
        spin(|| !self.is_held() && self.try_take(), nap);
    }

    #[inline]
    pub(super) fn free(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub(super) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
