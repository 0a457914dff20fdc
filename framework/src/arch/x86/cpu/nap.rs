// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Giving the core back to the host for a moment, while this CPU waits for another one.

use crate::sync::Once;

/// How to nap: the scheduler's, which lies above the locks that call it.
static NAP: Once<fn()> = Once::new();

/// Says what [`nap`] calls.
pub(crate) fn on_nap(nap: fn()) {
    let _ = NAP.set(nap);
}

/// Halts this CPU for a moment, or until an interrupt: who is waited for may need the core
/// to go on. Nothing but time comes of it; without interrupts, not even that.
#[cold]
pub(crate) fn nap() {
    if let Some(nap) = NAP.get() {
        nap();
    }
}
